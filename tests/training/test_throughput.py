"""Throughput: calls train on random images, and multiplications are counted."""

import numpy as np
import pytest

from ensemble_rsa.config.settings import Config, ModelConfig, TrainingConfig
from ensemble_rsa.models.catalogue import Blueprint
from ensemble_rsa.training import throughput
from ensemble_rsa.training.loop import GroupTraining


@pytest.fixture
def config(tiny_model):
    recipe = TrainingConfig(instances=3, batch_size=5, l2=(0.0, 1e-5, 1e-4))
    return Config(model=ModelConfig(tiny_model, width=0.2), training=recipe)


def test_a_call_trains_some_instances_for_some_steps(config, quick_execution, monkeypatch):
    advance, losses = GroupTraining.advance, []

    def recorded(training, most):
        assert advance(training, most) == 2
        losses.append(np.array(training.position.loss))

    monkeypatch.setattr(GroupTraining, "advance", recorded)
    call = throughput.TrainingCall(config, (8, 8, 1), quick_execution, n_steps=2, n_instances=2)
    for _ in range(3):
        call()
    assert losses[0].shape == (2,)
    assert (losses[2] < losses[0]).all()  # the same two steps each time


def test_images_per_second_counts_all_instances(config, quick_execution, monkeypatch):
    clock = iter([10.0, 10.5])
    monkeypatch.setattr(throughput.time, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(throughput, "TrainingCall", lambda *a: lambda: 0)
    monkeypatch.setattr(throughput, "STEPS_ON_ACCELERATOR", 1)
    rate = throughput.images_per_second(config, (8, 8, 1), quick_execution)
    assert rate == 3 * 5 / 0.5


def test_multiplications_are_kernels_times_places():
    blueprint = Blueprint(ModelConfig("all_cnn_7"), (32, 32, 3), 10)
    by_hand = 1024 * 27 * 96 + 256 * (9 * 96 * 96 + 9 * 96 * 192) + 64 * 9 * 192 * 192
    by_hand += 36 * (9 * 192 * 192 + 192 * 192 + 192 * 10)
    assert throughput.multiplications(blueprint) == by_hand
