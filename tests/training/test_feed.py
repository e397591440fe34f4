"""Images from disk: the same networks as from memory, bit for bit, and no thread is left."""

import dataclasses
import os
import signal
import threading
from contextlib import closing, contextmanager

import chex
import numpy as np
import pytest
from PIL import Image

from ensemble_rsa.config import settings
from ensemble_rsa.config.analysis import StimulusConfig
from ensemble_rsa.data.dataset import load_dataset
from ensemble_rsa.data.source import StoredImages
from ensemble_rsa.data.stimuli import choose_stimuli
from ensemble_rsa.errors import InputError
from ensemble_rsa.pipeline import train as pipeline
from ensemble_rsa.runs.run import fingerprint, load_networks
from ensemble_rsa.training import feed
from ensemble_rsa.training.choice import _in_memory
from ensemble_rsa.training.interrupts import TrainingInterrupted

IMAGE_BYTES = 8 * 8 * 3


@pytest.fixture(scope="module", autouse=True)
def _tiny_chunks(shared_programs, quick_execution):
    """Chunks of two steps, blocks of three images; one step a call."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(feed, "CHUNK_BYTES", 2 * 5 * IMAGE_BYTES)
        patch.setattr(feed, "_BLOCK", 3)
        patch.setattr(pipeline, "choose_execution", lambda *args: quick_execution)
        patch.setattr("ensemble_rsa.training.progress.SECONDS_PER_CALL", 0.0)
        yield


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """Forty pictures of noise in two categories: 28 to train on, five steps, and 12 to test on."""
    folder = tmp_path_factory.mktemp("photographs")
    rng = np.random.default_rng(3)
    for category in ("a", "b"):
        (folder / category).mkdir()
        for place in range(20):
            pixels = rng.integers(0, 256, (9, 11, 3), np.uint8)
            Image.fromarray(pixels).save(folder / category / f"{place:02d}.png")
    return folder


@pytest.fixture(scope="module")
def fit(photographs, tiny_model, tmp_path_factory):
    def trained(how, out=None, progress=None, resume=False):
        where, recipe = f"folder:{photographs}", {"epochs": 2, "batch_size": 5}
        config = settings.Config(
            settings.DataConfig(
                where, preprocessing="standardize", image_size=8, test_fraction=0.3
            ),
            settings.ModelConfig(tiny_model, width=0.2),
            settings.TrainingConfig(instances=2, dropout=(0.0, 0.5), **recipe),
            settings.ExecutionConfig(feed=how),
        )
        return pipeline.train(config, out or tmp_path_factory.mktemp("run"), progress, resume)

    return trained


@pytest.fixture(scope="module")
def in_memory(fit):
    return fit("memory")


def decoding():
    return [one for one in threading.enumerate() if one.name.startswith("grain")]


def assert_no_thread_is_left():
    for thread in decoding():
        thread.join(timeout=10)
    assert not decoding()


@contextmanager
def changed(file, change):
    """Another content of a file, for a while."""
    content = file.read_bytes()
    file.write_bytes(change(content))
    try:
        yield
    finally:
        file.write_bytes(content)


def assert_same(run, other):
    chex.assert_trees_all_equal(*(load_networks(one, "xla")[1] for one in (run, other)))
    assert run.fingerprint == other.fingerprint
    for which in ("train", "test"):
        np.testing.assert_array_equal(run.accuracy[which], other.accuracy[which])


def test_the_networks_are_those_of_a_training_from_memory(fit, in_memory):
    assert_same(fit("disk"), in_memory)
    assert_no_thread_is_left()


def load(photographs, feed):
    return load_dataset(settings.DataConfig(f"folder:{photographs}", image_size=8), feed)


def test_the_stimuli_are_those_from_memory(photographs):
    shown = [
        choose_stimuli(load(photographs, how), StimulusConfig(6, draw_stimuli=True))
        for how in ("disk", "memory")
    ]
    np.testing.assert_array_equal(*(stimuli.images for stimuli in shown))
    assert shown[0].ids == shown[1].ids


def test_an_interrupted_training_resumes_bit_for_bit(fit, in_memory, tmp_path):
    def stop_within_a_chunk(status):
        if status.step == 3:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(TrainingInterrupted):
        fit("disk", tmp_path / "run", stop_within_a_chunk)
    assert_same(fit("disk", tmp_path / "run", resume=True), in_memory)


def test_a_file_that_breaks_ends_training_and_is_named(fit, photographs, tmp_path):
    refused = pytest.raises(InputError, match=r"a/07\.png cannot be read as an image")
    with changed(photographs / "a" / "07.png", lambda content: content[:60]), refused:
        fit("disk", tmp_path / "run")
    assert_no_thread_is_left()


def test_a_file_of_another_size_makes_another_data_set(photographs):
    before = fingerprint(load(photographs, "disk"))
    assert fingerprint(load(photographs, "memory")) == before
    with changed(photographs / "a" / "07.png", lambda content: content + b"\0"):
        assert fingerprint(load(photographs, "disk")) != before


def numbered(n):
    return StoredImages(
        lambda number: np.full((1, 1, 1), number, np.uint8), 10 + np.arange(n), (1, 1, 1), True
    )


def test_blocks_come_in_the_order_asked_for():
    numbers = np.random.default_rng(0).permutation(20)
    blocks = list(feed.decoded_ahead(numbered(20), numbers, 8))
    assert [len(block) for block in blocks] == [8, 8, 8]
    pixels = np.concatenate(blocks).ravel()
    assert pixels[:20].tolist() == (10 + numbers).tolist()
    assert not pixels[20:].any()


def test_threads_end_with_the_generator():
    with closing(feed.decoded_ahead(numbered(50), np.arange(50), 8)) as blocks:
        next(blocks)
        assert decoding()
    assert_no_thread_is_left()


def test_trials_use_a_few_images_in_memory(photographs):
    data = load(photographs, "disk")
    few = _in_memory(data, 5)
    assert isinstance(few.train_images, np.ndarray)
    assert few.train_images.shape == (20, 8, 8, 3)
    np.testing.assert_array_equal(few.train_images, data.train_images[:20])
    assert few.train_labels.tolist() == data.train_labels[:20].tolist()
    whole = dataclasses.replace(data, train_images=data.train_images[:])
    assert _in_memory(whole, 5) is whole
