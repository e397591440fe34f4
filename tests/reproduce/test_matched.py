import numpy as np
import pytest
from ensemble_rsa.reproduce.matched import bootstrap_matched

from ensemble_rsa.analysis.bootstrap.consistency import bootstrap_pairs
from ensemble_rsa.analysis.bootstrap.draws import draw_counts
from ensemble_rsa.config.settings import StatisticsConfig
from ensemble_rsa.errors import InputError
from ensemble_rsa.rng import host_stream

SETTINGS = StatisticsConfig(n_resamples=200, seed=3)


def test_of_symmetric_values_the_interval_is_that_of_instance_pairs(rng):
    pairs = rng.random((2, 6))
    square = np.full((2, 4, 4), 9.0)  # a diagonal that would show
    square[:, *np.triu_indices(4, 1)] = pairs
    square[:, *np.triu_indices(4, 1)[::-1]] = pairs
    found = bootstrap_matched(rng.random((2, 4)), square, SETTINGS).different
    expected = bootstrap_pairs(pairs, "instances", 200, 0.95, 3)
    for name in ("mean", "low", "high", "samples"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name))


def test_every_resample_draws_the_same_instances_on_both_sides(rng):
    same, different = rng.random(3), rng.random((3, 3))
    found = bootstrap_matched(same, different, SETTINGS)
    kept = []
    for counts in draw_counts(host_stream(3, "bootstrap instance"), slice(0, 200), 3):
        drawn = np.repeat(range(3), counts.astype(int))
        apart = [different[i, j] for i in drawn for j in drawn if i != j]
        if apart:
            kept.append((same[drawn].mean(), np.mean(apart)))
    one, two = np.array(kept).T
    assert 0 < found.same.dropped == 200 - len(kept)
    for part, samples in ((found.same, one), (found.different, two), (found.difference, one - two)):
        np.testing.assert_allclose(part.samples, samples)
        np.testing.assert_allclose([part.low, part.high], np.quantile(samples, [0.025, 0.975]))


def test_one_instance_has_no_pairs():
    with pytest.raises(InputError, match="two distinct instances"):
        bootstrap_matched(np.ones(1), np.ones((1, 1)), SETTINGS)
