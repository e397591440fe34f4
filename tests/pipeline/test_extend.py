"""`extend_run`: the networks of an ensemble that was trained in two parts, and what is refused."""

import dataclasses
import json
import os
import signal

import jax
import numpy as np
import pytest

from ensemble_rsa.config.extension import extended
from ensemble_rsa.config.settings import Config, DataConfig, ModelConfig, TrainingConfig
from ensemble_rsa.config.sweep import sweep, vary
from ensemble_rsa.errors import InputError
from ensemble_rsa.pipeline import train as pipeline
from ensemble_rsa.pipeline.extend import extend_run
from ensemble_rsa.runs.run import kept_epochs, load_history, load_networks
from ensemble_rsa.training.convergence import UnconvergedInstance
from ensemble_rsa.training.interrupts import TrainingInterrupted


@pytest.fixture(scope="module", autouse=True)
def _quick(tiny_model, quick_execution):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "choose_execution", lambda *args: quick_execution)
        patch.setattr("ensemble_rsa.training.progress.SECONDS_PER_CALL", 0.0)
        yield


@pytest.fixture(scope="module")
def config(tiny_model):
    """Five instances, whose order of images changes with them, and averages of weights."""
    config = Config(
        DataConfig("digits", train_images=50, test_images=60, preprocessing="standardize"),
        ModelConfig(tiny_model, width=0.2),
        TrainingConfig(
            instances=5, epochs=2, batch_size=10, learning_rate=0.1, save_at=(0, 1), dropout=0.2,
            average=0.5,
        ),
    )  # fmt: skip
    return vary(config, ["weights", "order"])


@pytest.fixture(scope="module")
def whole(config, tmp_path_factory):
    return pipeline.train(config, tmp_path_factory.mktemp("whole") / "run")


@pytest.fixture(scope="module")
def first(config, tmp_path_factory):
    training = dataclasses.replace(config.training, instances=2, seeds=(0, 1), order_seed=(0, 1))
    smaller = dataclasses.replace(config, training=training)
    return pipeline.train(smaller, tmp_path_factory.mktemp("first") / "run")


def assert_equal_runs(run, other):
    for epoch in (None, 0, 1):
        leaves = (jax.tree.leaves(load_networks(each, "xla", epoch)[1]) for each in (run, other))
        for one, two in zip(*leaves, strict=True):
            np.testing.assert_array_equal(one, two)
    assert load_history(run).identical(load_history(other))
    for name, values in other.accuracy.items():
        np.testing.assert_array_equal(run.accuracy[name], values)
    assert (run.seeds, kept_epochs(run)) == (other.seeds, kept_epochs(other))
    assert (run.config, run.flagged) == (other.config, other.flagged)


def test_an_extended_run_is_the_one_of_all_instances_together(first, whole, tmp_path):
    seeds = set()
    run = extend_run(first, 5, tmp_path / "more", lambda status: seeds.update(status.seeds))
    assert_equal_runs(run, whole)
    assert seeds == {2, 3, 4}  # only these are trained
    origin = json.loads((run.path / "manifest.json").read_text())["extends"]
    assert origin == {"run": str(first.path), "instances": 2, "replaced": []}
    again = extend_run(run, 6, tmp_path / "yet_more")
    np.testing.assert_array_equal(again.accuracy["train"][:5], whole.accuracy["train"])


def test_an_interrupted_extension_goes_on_without_the_run_that_it_extends(
    first, whole, tmp_path, monkeypatch
):
    def stop(status):
        if status.step == 7:
            os.kill(os.getpid(), signal.SIGINT)

    folder = tmp_path / "more"
    with pytest.raises(TrainingInterrupted, match="train --resume --out"):
        extend_run(first.path, 5, folder, stop)
    missing = first.path.with_name("elsewhere")
    first.path.rename(missing)
    try:
        config = pipeline.run_folder.read_config(folder)
        assert_equal_runs(pipeline.train(config, folder, resume=True), whole)
    finally:
        missing.rename(first.path)


def test_an_extension_that_was_killed_while_it_copied_begins_again(first, whole, tmp_path):
    folder = tmp_path / "more"
    with pytest.MonkeyPatch.context() as killed:
        killed.setattr("ensemble_rsa.training.taken.save_state", lambda *args: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            extend_run(first, 5, folder)
    assert (folder / "checkpoints/part-000/epoch-00001").is_dir()
    config = pipeline.run_folder.read_config(folder)
    assert_equal_runs(pipeline.train(config, folder, resume=True), whole)


def test_replaced_instances_stay_replaced_and_their_seeds_are_not_drawn_again(first):
    plain = Config(training=TrainingConfig(instances=3, unconverged="replace"))
    training = extended(plain, 5, seeds=(0, 4, 2), gone=(1, 3)).training
    assert (training.instances, training.seeds) == (5, (0, 4, 2, 5, 6))
    assert extended(plain, 5).training == dataclasses.replace(plain.training, instances=5)


def test_what_was_replaced_is_told_of_the_extended_run_too(first, tmp_path, monkeypatch):
    gone = UnconvergedInstance(1, 1, "made up")
    seeds = (0, 2)
    run = dataclasses.replace(first, replaced=(gone,), seeds=seeds)
    found = extend_run(run, 3, tmp_path / "more")
    assert found.replaced == (gone,)
    assert found.seeds == (0, 2, 3)


@pytest.mark.parametrize("instances", [2, 1, 0, -3, True])
def test_numbers_that_extend_nothing_are_refused(first, instances, tmp_path):
    with pytest.raises(InputError, match="^instances: expected .*, got "):
        extend_run(first, instances, tmp_path / "more")
    assert not (tmp_path / "more").exists()


def test_settings_of_each_instance_must_tell_those_of_further_ones():
    two = Config(training=TrainingConfig(instances=2))
    with pytest.raises(InputError, match=r"^instances: dropout is \(0.0, 0.0, 0.5, 0.5\), and"):
        extended(sweep(two, dropout=[0.0, 0.5]), 6)
    with pytest.raises(InputError, match=r"^instances: order_seed is \(0, 0, 7, 7\), and"):
        extended(sweep(two, order_seed=[0, 7]), 6)
    odd = dataclasses.replace(two, training=TrainingConfig(instances=2, seeds=(3, 9)))
    with pytest.raises(InputError, match=r"^instances: seeds is \(3, 9\), and"):
        extended(odd, 6)


def test_other_images_are_refused(first, tmp_path):
    changed = dataclasses.replace(first, fingerprint="of other images")
    with pytest.raises(InputError, match="has changed since .* was trained"):
        extend_run(changed, 5, tmp_path / "more")
    assert not (tmp_path / "more").exists()


def test_the_folder_of_the_run_itself_is_refused(first):
    with pytest.raises(InputError, match="^out: .* exists and is not an empty folder"):
        extend_run(first, 5, first.path)


def test_more_instances_to_resume_are_told_the_command_that_trains_them(first, config):
    with pytest.raises(InputError, match="instances is 5, was 2") as refused:
        pipeline.train(config, first.path, resume=True)
    assert f"`ensemble-rsa extend {first.path} 5` trains more instances" in str(refused.value)
