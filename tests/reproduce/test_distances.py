"""Fig. 5."""

import numpy as np
import pytest

from ensemble_rsa.config.settings import AnalysisConfig
from ensemble_rsa.figures.paper.depth import draw_distances
from ensemble_rsa.reproduce import depth_profiles
from ensemble_rsa.reproduce.experiments import distances
from ensemble_rsa.reproduce.paper import NUMBERS

LAYERS = ("conv1", "conv2")


@pytest.fixture
def stacks(make_stack):
    """By norms, one instance could not be compared: its place is another one's."""
    return {
        (name, distance): make_stack(
            LAYERS, [0, 1, 3] if distance == "norm_difference" else [0, 1, 2, 3], seed=place
        )
        for name in distances.NETWORKS
        for place, distance in enumerate(distances.DISTANCES)
    }


@pytest.fixture
def result(stacks, monkeypatch, make_work):
    asked = lambda work, name, settings, distance: stacks[name, distance]
    monkeypatch.setattr(depth_profiles, "rdms", asked)
    return distances.measure(make_work(analysis=AnalysisConfig.of(n_resamples=100)))


def test_every_distance_speaks_of_the_same_instances(result, stacks):
    assert result.sizes["instance_pair"] == 3
    assert result.n_compared.values.tolist() == [3, 3]
    rows = stacks["all_cnn_c", "euclidean"].exemplar.values[1, [0, 1, 3]].astype(np.float64)
    expected = (np.corrcoef(rows) ** 2)[np.triu_indices(3, 1)]
    found = result.consistency.sel(network="all_cnn_c", distance="euclidean", layer="conv2")
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_a_number_and_a_fall_for_each_distance_and_network(result):
    found = distances.findings(result)
    assert [f.quantity for f in found if not f.effect] == [
        key for figure, key in NUMBERS if figure == "fig5"
    ]
    effects = [f for f in found if f.effect]
    assert len({f.quantity for f in effects}) == 8
    pairs = result.consistency.sel(network="all_cnn_7", distance="unit_euclidean").values
    unit = next(f for f in effects if "unit-length" in f.quantity and "All-CNN-7" in f.quantity)
    assert unit.value == pytest.approx((pairs[0] - pairs[1]).mean())


def test_panels_are_the_papers(result):
    figure = draw_distances(result)
    means = [[line for line in axes.lines if line.get_linestyle() == "-"] for axes in figure.axes]
    assert [len(lines) for lines in means] == [2, 4, 2]
    np.testing.assert_allclose(
        means[2][0].get_ydata(),
        result.consistency_mean.sel(network="all_cnn_c", distance="norm_difference"),
    )
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["a", "b", "c"]
