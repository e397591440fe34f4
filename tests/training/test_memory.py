"""Group sizes follow from the bytes of a network's parameters and maps."""

import pytest

from ensemble_rsa.config.settings import ModelConfig
from ensemble_rsa.models.catalogue import Blueprint
from ensemble_rsa.models.execution import Execution
from ensemble_rsa.training import memory

BLUEPRINT = Blueprint(ModelConfig("all_cnn_c"), (32, 32, 3), 10)


@pytest.mark.parametrize(
    ("free", "vmap_batch_size", "group"),
    # 0.8 of the free memory holds 5 MB for each instance and 350 MB for each that goes through vmap
    [(1e12, 1, 10), (1e12, None, 10), (2e9, 1, 10), (2e9, None, 3), (1e3, 1, 1)],
)
def test_a_group_is_as_large_as_memory_allows(free, vmap_batch_size, group, monkeypatch, caplog):
    monkeypatch.setattr(memory, "free_bytes", lambda: free)
    monkeypatch.setattr(memory, "parameter_bytes", lambda blueprint: 1e6)
    monkeypatch.setattr(memory, "map_bytes", lambda blueprint, batch_size: 1e8)
    way = Execution("plain_gradients", vmap_batch_size)
    with caplog.at_level("INFO", "ensemble_rsa"):
        assert memory.largest_group(BLUEPRINT, 128, 10, 1, way) == group
    assert (f"training {group} at a time" in caplog.text) == (group < 10)


def test_bytes_are_those_of_the_network():
    assert memory.parameter_bytes(BLUEPRINT) == 4 * 1_369_738
    # 32 × 32 × (3 + 96 + 96), 16 × 16 × (96 + 192 + 192), 8 × 8 × 192, 6 × 6 × (192 + 192 + 10)
    maps = 1024 * 195 + 256 * 480 + 64 * 192 + 36 * 394
    assert memory.map_bytes(BLUEPRINT, 5) == 4 * 5 * maps
