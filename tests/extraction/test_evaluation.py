"""Networks tested with dropout: the accuracy by hand, and whose masks they are."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ensemble_rsa.config.settings import Config, DataConfig, ModelConfig, TrainingConfig
from ensemble_rsa.data.preprocessing import apply_preprocessing, fit_preprocessing
from ensemble_rsa.errors import InputError
from ensemble_rsa.extraction import evaluation
from ensemble_rsa.extraction.evaluation import accuracy_with_dropout
from ensemble_rsa.models.ensemble import member
from ensemble_rsa.models.execution import default_execution
from ensemble_rsa.pipeline.extract import dataset_of
from ensemble_rsa.pipeline.train import train
from ensemble_rsa.rng import stream
from ensemble_rsa.runs.run import load_networks

RATES, SEED, CHUNK = (0.0, 0.5, 0.5), 5, 30


@pytest.fixture(scope="module")
def run(tiny_model, tmp_path_factory):
    """Three networks after one epoch of five steps."""
    return train(
        Config(
            DataConfig("digits", train_images=50, test_images=60, preprocessing="standardize"),
            ModelConfig(tiny_model, width=0.2),
            TrainingConfig(
                instances=3, epochs=1, batch_size=10, dropout=RATES, seeds=(0, 0, 1),
                dropout_seed=SEED, learning_rate=0.1,
            ),
        ),
        tmp_path_factory.mktemp("dropout") / "run",
    )  # fmt: skip


def by_hand(run, number: int, sample: int) -> float:
    """Layer by layer, with masks after the two strided ones that no instance has a say in."""
    dataset = dataset_of(run)
    network, parameters = load_networks(run, default_execution().convolution)
    fitted = fit_preprocessing("standardize", dataset.train_images)
    key = jax.random.fold_in(stream(SEED, "test_dropout"), sample)
    right = 0
    for chunk, start in enumerate(range(0, 60, CHUNK)):
        rows = slice(start, start + CHUNK)
        maps = apply_preprocessing(fitted, jnp.asarray(dataset.test_images[rows]))
        for layer in range(3):
            maps = network.layer(member(parameters, number), layer, maps)
            if layer < 2:
                kept = 1 - RATES[number]
                of_layer = jax.random.fold_in(jax.random.fold_in(key, chunk), layer)
                maps = maps * jax.random.bernoulli(of_layer, kept, maps.shape) / kept
        answers = np.asarray(maps).mean((1, 2)).argmax(-1)
        right += (answers == dataset.test_labels[rows]).sum()
    return right / 60


def test_accuracies_are_those_worked_out_layer_by_layer(run, monkeypatch):
    monkeypatch.setattr(evaluation, "CHUNK", CHUNK)
    dataset = dataset_of(run)
    found = accuracy_with_dropout(run, dataset, sample=1)
    np.testing.assert_allclose(found, [by_hand(run, number, sample=1) for number in range(3)])
    assert found[0] == run.accuracy["test"][0]  # trained without dropout, tested without
    assert (found[1:] != run.accuracy["test"][1:]).any()


def test_a_run_without_dropout_is_refused(run):
    training = dataclasses.replace(run.config.training, dropout=0.0)
    plain = dataclasses.replace(run, config=dataclasses.replace(run.config, training=training))
    with pytest.raises(InputError, match="dropout_sample: .* was trained without dropout"):
        accuracy_with_dropout(plain, dataset_of(plain))
