import numpy as np
import pytest
from scipy import stats
from scipy.special import ndtr, ndtri

from ensemble_rsa.analysis.bootstrap.intervals import (
    BootstrapDistribution,
    bca_levels,
    bootstrap_result,
)
from ensemble_rsa.errors import InputError

LEVELS = np.array([0.025, 0.975])


def test_levels_worked_by_hand():
    # The mean of 1, 2, 6 without each one: 4, 3.5, 1.5. From their mean, 3, these deviate by
    # d = -1, -0.5, 1.5, so a = sum d^3 / (6 (sum d^2)^1.5) = 2.25 / (6 * 3.5^1.5).
    jackknife = np.array([4.0, 3.5, 1.5])
    acceleration = 2.25 / (6 * 3.5**1.5)
    # Six of ten samples lie below 3 and two are equal to it: the bias is that of 7 in 10.
    samples = np.array([1.0, 1.5, 2.0, 2.2, 2.5, 2.8, 3.0, 3.0, 4.0, 5.0])
    reach = ndtri(0.7) + ndtri(LEVELS)
    expected = ndtr(ndtri(0.7) + reach / (1 - acceleration * reach))
    np.testing.assert_allclose(bca_levels(samples, 3.0, [jackknife], LEVELS), expected, rtol=1e-12)


def test_two_things_resampled_as_in_scipy(rng):
    data = rng.exponential(size=9), rng.exponential(size=14)
    product = lambda x, y, axis=-1: x.mean(axis) * y.mean(axis)
    theirs = stats.bootstrap(data, product, n_resamples=500, method="BCa", vectorized=True, rng=rng)
    x, y = data
    without_x = np.array([np.delete(x, k).mean() * y.mean() for k in range(x.size)])
    without_y = np.array([x.mean() * np.delete(y, k).mean() for k in range(y.size)])
    samples = theirs.bootstrap_distribution
    moved = bca_levels(samples, x.mean() * y.mean(), [without_x, without_y], LEVELS)
    np.testing.assert_allclose(np.quantile(samples, moved), theirs.confidence_interval, rtol=1e-12)


@pytest.mark.parametrize(
    ("centre", "jackknife", "reason"),
    [
        (9.0, [1.0, 2.0], "all resampled means lie to one side"),
        (1.5, [1.0, np.nan], "undefined without some one instance or stimulus"),
        (1.5, [2.0, 2.0], "stays the same whichever"),
    ],
)
def test_where_bca_is_undefined_the_message_says_so(centre, jackknife, reason):
    resampled = BootstrapDistribution(
        np.array([[1.5, 1.5, 1.5], [1.0, 2.0, 3.0]]),
        np.array([1.5, centre]),
        (np.array([[1.0, 2.0], jackknife]),),
    )
    message = rf"interval: 'bca' is undefined here at \[1\], since .*{reason}.*'percentile'"
    with pytest.raises(InputError, match=message):
        bootstrap_result("rdms", np.array([1.5, 1.5]), resampled, 0.95, "bca", "anything")
