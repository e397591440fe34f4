"""An ensemble trained in groups is the ensemble trained together."""

import jax
import numpy as np
import pytest

from ensemble_rsa.config.settings import (
    Config,
    DataConfig,
    ExecutionConfig,
    ModelConfig,
    TrainingConfig,
)
from ensemble_rsa.models.ensemble import Blueprint
from ensemble_rsa.models.execution import Execution
from ensemble_rsa.training import memory
from ensemble_rsa.training.ensemble import gather, train_ensemble

BLUEPRINT = Blueprint(ModelConfig("all_cnn_c"), (32, 32, 3), 10)


def test_groups_change_nothing(tiny_model, small_digits, quick_execution):
    def fit(**execution):
        config = Config(
            DataConfig(preprocessing="standardize"),
            ModelConfig(tiny_model, width=0.2),
            TrainingConfig(instances=3, epochs=1, batch_size=25, dropout=(0.0, 0.3, 0.6)),
            ExecutionConfig(**execution),
        )
        return train_ensemble(config, small_digits, quick_execution)

    together, apart = fit(), fit(group=2)
    assert (together.group_sizes, apart.group_sizes) == ((3,), (2, 1))
    leaves = map(jax.tree.leaves, (together.parameters, apart.parameters))
    for one, other in zip(*leaves, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(together.test_accuracy, apart.test_accuracy)
    assert together.seeds == apart.seeds == (0, 1, 2)
    assert together.flagged == apart.flagged


@pytest.mark.parametrize(
    ("free", "vmap_batch_size", "group"),
    [(1e12, 1, 10), (1e12, None, 10), (2e9, 1, 10), (2e9, None, 2), (1e3, 1, 1)],
)
def test_a_group_is_as_large_as_memory_allows(free, vmap_batch_size, group, monkeypatch):
    monkeypatch.setattr(memory, "free_bytes", lambda: free)
    way = Execution("plain_gradients", vmap_batch_size)
    assert memory.largest_group(BLUEPRINT, 128, 10, 1, way) == group


def test_it_is_said_when_instances_do_not_fit(monkeypatch, caplog):
    monkeypatch.setattr(memory, "free_bytes", lambda: 2e9)
    with caplog.at_level("INFO", "ensemble_rsa"):
        group = memory.largest_group(BLUEPRINT, 128, 10, 1, Execution("plain_gradients", None))
    assert group < 10
    assert f"training {group} at a time" in caplog.text


def test_bytes_are_those_of_the_network():
    assert memory.parameter_bytes(BLUEPRINT) == 4 * 1_369_738
    # 32 × 32 × (3 + 96 + 96), 16 × 16 × (96 + 192 + 192), 8 × 8 × 192, 6 × 6 × (192 + 192 + 10)
    maps = 1024 * 195 + 256 * 480 + 64 * 192 + 36 * 394
    assert memory.map_bytes(BLUEPRINT, 5) == 4 * 5 * maps


def test_members_of_several_parts_are_gathered_in_order():
    parts = [{"a": np.arange(6).reshape(3, 2)}, {"a": 10 + np.arange(2).reshape(1, 2)}]
    stack = gather(parts, [(0, 2), (1, 0), (0, 0)])
    assert stack["a"].tolist() == [[4, 5], [10, 11], [0, 1]]
