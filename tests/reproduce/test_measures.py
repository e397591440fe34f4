"""Measures that several experiments share: matched instances, and intervals."""

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from ensemble_rsa.config.analysis import StatisticsConfig
from ensemble_rsa.errors import RunError
from ensemble_rsa.pipeline.results import with_intervals
from ensemble_rsa.reproduce.measures import (
    Terms,
    attributes,
    interval_of,
    same_instances,
    statistics_of,
)
from tests.reproduce.conftest import build_stack

STATISTICS = StatisticsConfig(n_resamples=300, confidence=0.9, seed=3)


def test_instances_are_matched_by_seed_not_by_number():
    first, second = build_stack(["conv1"], [4, 5, 6]), build_stack(["conv1"], [6, 7, 4])
    a, b = same_instances([first, second])
    assert a.seed.values.tolist() == b.seed.values.tolist() == [4, 6]
    np.testing.assert_array_equal(a.exemplar, first.exemplar[:, [0, 2]])
    np.testing.assert_array_equal(b.exemplar, second.exemplar[:, [2, 0]])
    with pytest.raises(RunError, match="fewer than two instances can be compared"):
        same_instances([first, second[{"instance": [0]}]])


def test_intervals_over_pairs_and_over_instances():
    values = xr.DataArray([[0.1, 0.3, 0.8]], dims=("layer", "instance_pair"))
    found = with_intervals(values, STATISTICS)
    np.testing.assert_allclose(found.consistency_mean, [0.4])
    assert found.consistency_low.dims == ("bootstrap", "layer")
    instances, pairs = (
        [float(found[f"consistency_{side}"].sel(bootstrap=kind)[0]) for side in ("low", "high")]
        for kind in ("instances", "pairs")
    )
    # Without an instance one pair is left, and t of two degrees of freedom has its 95 % at 2.92.
    z = np.arctanh(np.sqrt([0.1, 0.3, 0.8]))
    reach = 2.919986 * np.sqrt(2 / 3 * np.sum((z - z.mean()) ** 2))
    centre = np.arctanh(np.sqrt(0.4))
    expected = [np.tanh(max(0, centre - reach)) ** 2, np.tanh(centre + reach) ** 2]
    np.testing.assert_allclose(instances, expected, rtol=1e-5)
    assert 0.1 <= pairs[0] <= 0.2
    assert 0.6 <= pairs[1] <= 0.8


def test_statistics_are_kept_with_the_result():
    stack = build_stack(["conv1"], [4, 5])
    assert statistics_of(xr.Dataset(attrs=attributes(stack, STATISTICS))) == STATISTICS


def test_an_instance_is_left_out_of_both_terms(rng):
    same, different = rng.random(4), rng.random((4, 4))

    def mean(kept):
        apart = [different[i, j] for i in kept for j in kept if i != j]
        return same[kept].mean() + np.mean(apart)

    everyone = list(range(4))
    z = lambda value: np.arctanh(np.sqrt(value))
    without = [z(mean([j for j in everyone if j != i]) / 2) for i in everyone]
    halves = interval_of(Terms(same / 2, different / 2), STATISTICS)  # r² is at most 1
    reach = stats.t.ppf(0.95, 3) * np.sqrt(3 * np.var(without))
    centre = z(mean(everyone) / 2)
    expected = np.tanh([max(0, centre - reach), centre + reach]) ** 2
    np.testing.assert_allclose([halves.low, halves.high], expected)
    assert halves.mean == pytest.approx(mean(everyone) / 2)


def test_two_instances_have_a_mean_and_no_interval():
    found = interval_of(Terms(np.array([0.2, 0.4]), np.zeros((2, 2))), STATISTICS)
    assert found.mean == pytest.approx(0.3)
    assert np.isnan([found.low, found.high]).all()
