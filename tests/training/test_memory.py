"""Group sizes follow from the bytes that the compiler counts for the program of training."""

import jax
import pytest

from ensemble_rsa.config.settings import Config, ModelConfig, TrainingConfig
from ensemble_rsa.errors import RunError
from ensemble_rsa.models.catalogue import Blueprint
from ensemble_rsa.models.execution import Execution
from ensemble_rsa.training import memory
from ensemble_rsa.training.throughput import TrainingCall, TrainingTrial, random_setup

BLUEPRINT = Blueprint(ModelConfig("all_cnn_c"), (32, 32, 3), 10)


@pytest.mark.parametrize(
    ("free", "n_devices", "group", "asked"),
    [
        (1e12, 1, 10, [10]),
        # 0.8 of it; ten instances share 100 bytes, and five need at least 550
        (1000, 1, 5, [10, 5]),
        # five need at least 550, so that they are not asked for
        (500, 1, 3, [10, 3]),
        (10, 1, 1, [10]),
        (1000, 2, 5, [10, 5]),
        (10, 4, 3, [10]),  # one for each device at least
    ],
)
def test_a_group_is_as_large_as_memory_allows(free, n_devices, group, asked, monkeypatch, caplog):
    monkeypatch.setattr(memory, "free_bytes", lambda: free)
    questions = []

    def bytes_together(n):
        questions.append(n)
        return 100 + 100 * n

    with caplog.at_level("INFO", "ensemble_rsa"):
        assert memory.largest_group(10, n_devices, bytes_together) == group
    assert questions == asked
    assert (f"training {group} at a time" in caplog.text) == (group < 10)


def test_the_program_that_was_asked_about_is_the_one_that_trains(tiny_model, caplog):
    training = TrainingConfig(instances=2, batch_size=4)
    config = Config(model=ModelConfig(tiny_model, width=0.2), training=training)
    way = Execution("plain_gradients", 1, {"xla_backend_optimization_level": "0"})
    setup = random_setup(config, (8, 8, 1), 1, way)
    state = 2 * 2 * memory.parameter_bytes(setup.blueprint)  # parameters and momentum of two
    with jax.log_compiles(), caplog.at_level("WARNING", "jax"):
        assert state < memory.program_bytes(setup, 2) < state + 1e6
        trial = TrainingTrial(setup, 2)
        caplog.clear()
        trial.train(1)
    assert "XLA compilation of jit(precise)" not in caplog.text


def test_a_trial_that_does_not_fit_is_not_run(tiny_model, monkeypatch):
    monkeypatch.setattr(memory, "free_bytes", lambda: 1000)
    config = Config(model=ModelConfig(tiny_model, width=0.2), training=TrainingConfig(batch_size=4))
    way = Execution("plain_gradients", 1, {"xla_backend_optimization_level": "0"})
    call = TrainingCall(config, (8, 8, 1), way, n_instances=2)
    with pytest.raises(RunError, match="2 instances need more memory than is free"):
        call()


def test_parameters_are_counted():
    assert memory.parameter_bytes(BLUEPRINT) == 4 * 1_369_738
