"""Fig. 4, and what Figs 4 to 6 share."""

from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.collections import LineCollection

from ensemble_rsa.config.settings import AnalysisConfig
from ensemble_rsa.figures.paper.depth import draw_depth
from ensemble_rsa.reproduce import depth_profiles
from ensemble_rsa.reproduce.experiments import depth
from ensemble_rsa.reproduce.paper import NUMBERS

SETTINGS = AnalysisConfig.of(n_resamples=100)
C_LAYERS, SEVEN_LAYERS = ("conv1", "conv2", "conv3"), ("conv1", "conv2")


@pytest.fixture
def stacks(make_stack):
    """All-CNN-C lacks the instance of seed 2, which could not be compared."""
    return {
        "all_cnn_c": make_stack(C_LAYERS, [0, 1, 3]),
        "all_cnn_7": make_stack(SEVEN_LAYERS, [0, 1, 2, 3], seed=1, surrogate=1, model="all_cnn_7"),
    }


@pytest.fixture
def result(stacks, monkeypatch, make_work):
    monkeypatch.setattr(depth_profiles, "rdms", lambda work, name, *args, **kwargs: stacks[name])
    accuracy = {"all_cnn_c": [0.5, 0.7, 0.6, 0.8], "all_cnn_7": [0.4, 0.5, 0.3, 0.4]}
    monkeypatch.setattr(
        depth,
        "networks",
        lambda work, name: SimpleNamespace(
            accuracy={"test": np.array(accuracy[name])},
            flagged=() if name == "all_cnn_c" else (1, 2),
            replaced=(3,) if name == "all_cnn_c" else (),
        ),
    )
    return depth.measure(make_work(analysis=SETTINGS))


def shared_variance(stack, layer, a, b):
    first, second = stack.exemplar.values[layer, [a, b]].astype(np.float64)
    return np.corrcoef(first, second)[0, 1] ** 2


def test_networks_of_unequal_depth_and_number_come_out_as_they_went_in(result, stacks):
    for name, pairs in (
        ("all_cnn_c", [(0, 1), (0, 2), (1, 2)]),
        ("all_cnn_7", [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]),
    ):
        stack = stacks[name]
        found = depth_profiles.of_network(result, name)
        assert found.layer.values.tolist() == stack.layer.values.tolist()
        expected = [
            [shared_variance(stack, layer, a, b) for a, b in pairs]
            for layer in range(stack.sizes["layer"])
        ]
        np.testing.assert_allclose(
            found.consistency.sel(distance="correlation"), expected, rtol=1e-5
        )
        assert int(result.n_compared.sel(network=name)) == stack.sizes["instance"]


def test_findings_are_the_printed_numbers_and_the_fall_to_the_own_last_layer(result, stacks):
    found = {finding.quantity: finding for finding in depth.findings(result)}
    assert {key for figure, key in NUMBERS if figure == "fig4"} <= set(found)
    accuracy = found["test accuracy, All-CNN-C"]
    assert (accuracy.value, accuracy.low, accuracy.high) == pytest.approx((0.65, 0.5, 0.8))
    for quantity, value in {
        "instances": 3,
        "pairs of instances": 3,
        "stimuli": 6,
        "distances in an RDM": 15,
        "instances replaced since they did not converge, All-CNN-C": 1,
        "instances kept though they did not converge, All-CNN-7": 2,
    }.items():
        assert found[quantity].value == value
    fall = found["conv1 minus conv3 consistency, All-CNN-C"]
    pairs = [(0, 1), (0, 2), (1, 2)]
    apart = [
        shared_variance(stacks["all_cnn_c"], 0, *p) - shared_variance(stacks["all_cnn_c"], 2, *p)
        for p in pairs
    ]
    assert fall.effect
    assert fall.value == pytest.approx(np.mean(apart))
    other = found["conv1 minus conv2 consistency, All-CNN-7"]
    assert other.effect
    assert "surrogate" in other.note


def test_pairs_that_are_left_are_those_of_the_wanted_seeds():
    values = np.array([[4.5, 4.6, 4.7, 5.6, 5.7, 6.7]])
    kept = depth_profiles.pairs_of(values, np.array([4, 5, 6, 7]), {7, 5, 4})
    assert kept.tolist() == [[4.5, 4.7, 5.7]]


def test_each_network_has_its_line_and_the_surrogate_is_named(result):
    figure = draw_depth(result)
    axes = figure.axes[0]
    lines = {line.get_label(): line for line in axes.lines if line.get_linestyle() == "-"}
    assert set(lines) == {"All-CNN-C", "All-CNN-7 surrogate"}
    drawn = lines["All-CNN-7 surrogate"].get_ydata()
    expected = result.consistency_mean.sel(network="all_cnn_7", distance="correlation")
    np.testing.assert_allclose(drawn, expected)
    assert [tick.get_text() for tick in axes.get_xticklabels()] == list(C_LAYERS)
    assert sum(isinstance(bars, LineCollection) for bars in axes.collections) == 4
    assert "surrogate" in depth.caption(result)
    assert result.attrs["all_cnn_c_seeds"] == [0, 1, 3]
    assert result.attrs["all_cnn_7_seeds"] == [0, 1, 2, 3]
    assert "3 of All-CNN-C and 4 of All-CNN-7" in depth.caption(result)
