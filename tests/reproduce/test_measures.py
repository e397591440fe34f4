"""Measures that several experiments share: matched instances, and intervals."""

import numpy as np
import pytest
import xarray as xr

from ensemble_rsa.analysis.bootstrap.draws import draw_counts
from ensemble_rsa.config.analysis import StatisticsConfig
from ensemble_rsa.errors import InputError, RunError
from ensemble_rsa.pipeline.results import with_intervals
from ensemble_rsa.reproduce.measures import (
    Terms,
    attributes,
    bootstrap_matched,
    same_instances,
    statistics_of,
)
from ensemble_rsa.rng import host_stream
from tests.reproduce.conftest import PAIRS, build_stack

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
    # A resample of instances with two distinct ones is a single pair or all three; of pairs it is
    # any mean of three.
    values = xr.DataArray([[0.0, 0.3, 0.9]], dims=("layer", "instance_pair"))
    found = with_intervals(values, STATISTICS)
    np.testing.assert_allclose(found.consistency_mean, [0.4])
    assert found.consistency_low.dims == ("bootstrap", "layer")
    instances, pairs = (
        [float(found[f"consistency_{side}"].sel(bootstrap=kind)[0]) for side in ("low", "high")]
        for kind in ("instances", "pairs")
    )
    np.testing.assert_allclose(instances, [0.0, 0.9])
    assert 0.0 <= pairs[0] <= 0.1
    assert 0.7 <= pairs[1] <= 0.9


def test_statistics_are_kept_with_the_result():
    stack = build_stack(["conv1"], [4, 5])
    assert statistics_of(xr.Dataset(attrs=attributes(stack, STATISTICS))) == STATISTICS


def test_every_resample_draws_the_same_instances_in_both_terms(rng):
    same, different = rng.random(3), rng.random((3, 3))
    means = []
    for counts in draw_counts(host_stream(3, "bootstrap instance"), slice(0, 300), 3):
        drawn = np.repeat(range(3), counts.astype(int))
        apart = [different[i, j] for i in drawn for j in drawn if i != j]
        if apart:
            means.append((same[drawn].mean(), np.mean(apart)))
    one, two = np.array(means).T
    mean = same.mean(), np.mean([different[pair] for pair in PAIRS])
    for terms, samples, expected in (
        (Terms(same, 0 * different), one, mean[0]),
        (Terms.of_different(different), two, mean[1]),
        (Terms(same, -different), one - two, mean[0] - mean[1]),
    ):
        found = bootstrap_matched(terms, STATISTICS)
        assert 0 < found.dropped == 300 - len(means)
        assert found.mean == pytest.approx(expected)
        np.testing.assert_allclose(found.samples, samples)
        np.testing.assert_allclose([found.low, found.high], np.quantile(samples, [0.05, 0.95]))


def test_one_instance_has_no_pairs():
    with pytest.raises(InputError, match="two distinct instances"):
        bootstrap_matched(Terms(np.ones(1), np.ones((1, 1))), STATISTICS)
