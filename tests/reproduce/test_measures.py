"""What several experiments share: instances matched by seed, intervals, settings."""

import numpy as np
import xarray as xr

from ensemble_rsa.config.settings import StatisticsConfig
from ensemble_rsa.reproduce.measures import (
    attributes,
    same_instances,
    settings_of,
    with_intervals,
)

SETTINGS = StatisticsConfig(n_resamples=300, confidence=0.9, seed=3)


def test_instances_are_matched_by_seed_not_by_number(make_stack):
    first, second = make_stack(["conv1"], [4, 5, 6]), make_stack(["conv1"], [6, 7, 4])
    a, b = same_instances([first, second])
    assert a.seed.values.tolist() == b.seed.values.tolist() == [4, 6]
    np.testing.assert_array_equal(a.exemplar, first.exemplar[:, [0, 2]])
    np.testing.assert_array_equal(b.exemplar, second.exemplar[:, [2, 0]])


def test_mean_and_bounds_of_pairs_and_of_instances():
    # Of three pairs, all but one resample of instances with two distinct ones gives a single pair's
    # value or all three; of pairs, any mean of three.
    values = xr.DataArray([[0.0, 0.3, 0.9]], dims=("layer", "instance_pair"))
    found = with_intervals(values, SETTINGS)
    np.testing.assert_allclose(found.consistency_mean, [0.4])
    assert found.consistency_low.dims == ("bootstrap", "layer")
    instances, pairs = (
        [float(found[f"consistency_{side}"].sel(bootstrap=kind)[0]) for side in ("low", "high")]
        for kind in ("instances", "pairs")
    )
    np.testing.assert_allclose(instances, [0.0, 0.9])
    assert 0.0 <= pairs[0] <= 0.1
    assert 0.7 <= pairs[1] <= 0.9


def test_settings_come_back_from_a_result(make_stack):
    stack = make_stack(["conv1"], [4, 5])
    kept = attributes(stack, SETTINGS)
    assert settings_of(xr.Dataset(attrs=kept)) == SETTINGS
    assert (kept["n_stimuli"], kept["n_categories"], kept["model"]) == (6, 2, "all_cnn_c")
