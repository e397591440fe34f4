"""Figs 3 and S2: RDMs of all layers and instances compared."""

import numpy as np
import pytest

from ensemble_rsa.figures.paper.profiles import draw_layer_similarity
from ensemble_rsa.figures.second_level import draw_second_level
from ensemble_rsa.reproduce.experiments import second_level
from tests.reproduce.conftest import PAIRS, build_stack, by_quantity, lines_of

LAYERS = ("conv1", "conv2", "conv3")


@pytest.fixture
def stack():
    return build_stack(LAYERS, [4, 7, 9])


@pytest.fixture
def result(stack, quick_mds, monkeypatch, make_work):
    monkeypatch.setattr(second_level, "mds", quick_mds)
    monkeypatch.setattr(second_level, "rdms", lambda work, name: stack)
    return second_level.measure(make_work())


@pytest.fixture
def squared(stack):
    """(layer, instance) → (layer, instance) → r², pair by pair."""
    rows = stack.exemplar.values.astype(np.float64).reshape(9, -1)
    return (np.corrcoef(rows) ** 2).reshape(3, 3, 3, 3)


def test_within_is_one_instance_and_between_is_two(result, squared):
    for apart in (1, 2):
        layers = [(k, k + apart) for k in range(3 - apart)]
        within = np.mean([squared[k, i, m, i] for k, m in layers for i in range(3)])
        between = np.mean([squared[k, i, m, j] for k, m in layers for i, j in PAIRS])
        found = result.similarity_by_distance_mean.values[:, apart - 1]
        np.testing.assert_allclose(found, [within, between], rtol=1e-5)


def test_neighbours_of_one_instance_meet_both_layers_of_two(result, squared):
    found = by_quantity(second_level.findings(result))
    within = np.mean([squared[1, i, 2, i] for i in range(3)])
    apart = np.mean([squared[1, i, 2, j] for i, j in PAIRS])
    same_layer = np.mean([squared[k, i, k, j] for k in (1, 2) for i, j in PAIRS])
    np.testing.assert_allclose(
        result.similarity_of_neighbours_mean.values[:, -1], [within, apart, same_layer], rtol=1e-5
    )
    first = found["conv2 and conv3: similarity within minus between instances"]
    second = found["conv2 and conv3 of one instance minus the same layer of two"]
    assert first.effect is second.effect is True
    assert first.value == pytest.approx(within - apart, rel=1e-4)
    assert second.value == pytest.approx(within - same_layer, rel=1e-4)
    assert first.low <= first.value <= first.high


def test_instances_move_apart_by_distances_that_are_not_squared(result, squared, stack):
    effect = by_quantity(second_level.findings(result))[
        "conv3 minus conv1 distance (1 − r) between instances"
    ]
    rows = stack.exemplar.values.astype(np.float64)
    first, last = (np.corrcoef(rows[k])[np.triu_indices(3, 1)].mean() for k in (0, 2))
    assert effect.effect
    assert effect.value == pytest.approx(first - last, rel=1e-5)


def test_figures(result):
    assert len(draw_second_level(result).axes[1].lines) == 3
    by_distance, by_depth = map(lines_of, draw_layer_similarity(result).axes)
    assert (len(by_distance), len(by_depth)) == (2, 3)
    expected = result.similarity_of_neighbours_mean[2]
    np.testing.assert_array_equal(by_depth["one layer, different instances"], expected)
