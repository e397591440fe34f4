from itertools import permutations

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import pearsonr

from ensemble_rsa.analysis.robust_correlation import METHODS, robust_correlation
from ensemble_rsa.errors import InputError


def noisy_line(rng, n_points=12):
    x = rng.normal(size=n_points)
    return x, -x + 0.3 * rng.normal(size=n_points)


def check_pearson(ours, x, y):
    """r, p and Fisher's interval are SciPy's."""
    theirs = pearsonr(x, y)
    interval = theirs.confidence_interval(0.95)
    np.testing.assert_allclose([ours.r, ours.p, ours.low, ours.high], [*theirs, *interval], 1e-10)
    assert ours.n == len(x)


def test_pearson_is_scipys_with_its_fisher_interval(rng):
    x, y = noisy_line(rng)
    ours = robust_correlation(x, y, "pearson", n_permutations=0)
    check_pearson(ours, x, y)
    assert ours.outliers.tolist() == [False] * 12


def test_percentage_bend_by_hand():
    # Median 3; distances from it 0, 1, 1, 2, 97, of which the fourth is the width 2; location
    # (1 + 2 + 3 + 4 + 2) / 4 = 3. So x is bent to −1, −1/2, 0, 1/2, 1.
    # y is 0, 1, 2, 3, 4 in another order, bent alike: −1, 0, −1/2, 1/2, 1. Products 2.25 of 2.5.
    x, y = np.array([1, 2, 3, 4, 100]), np.array([0, 2, 1, 3, 4])
    result = robust_correlation(x, y, "percentage_bend", n_permutations=0)
    assert result.r == pytest.approx(2.25 / 2.5)
    t = 0.9 * np.sqrt(3 / (1 - 0.81))  # Student's t with 3 degrees of freedom has a closed form
    tail = 0.5 - (np.arctan(t / np.sqrt(3)) + np.sqrt(3) * t / (3 + t**2)) / np.pi
    assert result.p == pytest.approx(2 * tail)
    assert (result.n, result.outliers.any()) == (5, False)


def test_skipped_leaves_out_what_is_far_from_the_others(rng):
    x, y = noisy_line(rng)
    x[2], y[2] = 6.0, 7.0
    x[9], y[9] = -8.0, -6.0
    result = robust_correlation(x, y, n_permutations=0)
    assert np.flatnonzero(result.outliers).tolist() == [2, 9]
    check_pearson(result, np.delete(x, [2, 9]), np.delete(y, [2, 9]))
    assert robust_correlation(x, y, "pearson", 0).r > 0 > result.r


@pytest.mark.parametrize("method", METHODS)
def test_points_on_a_line_correlate_wholly_and_inputs_are_left_alone(method):
    x = jnp.arange(9.0)
    y = np.arange(18.0)[::-2]
    y.flags.writeable = False
    result = robust_correlation(x, y, method, n_permutations=0)
    numbers = [result.r, result.low, result.high, result.p]
    np.testing.assert_allclose(numbers, [-1, -1, -1, 0], atol=1e-6)
    assert result.n == 9


def test_few_points_have_the_p_of_all_permutations(rng):
    x, y = rng.normal(size=(2, 5))
    sizes = [abs(pearsonr(x, y[list(order)])[0]) for order in permutations(range(5))]
    result = robust_correlation(x, y, "pearson", n_permutations=120)
    assert result.n_permutations == 120
    assert result.p == pytest.approx(np.mean(np.array(sizes) >= abs(result.r) - 1e-12))


def test_four_points_on_a_bent_line_are_no_proof():
    bent = robust_correlation([0.0, 1, 2, 3], [0.0, 1, 2, 9], "percentage_bend", 24)
    assert (round(bent.r, 6), bent.n_permutations) == (1, 24)
    assert bent.p >= 2 / 24  # Student's t would say 0


def test_random_permutations_come_close_to_the_p_of_normal_points(rng):
    x, y = rng.normal(size=(2, 12)) + 0.4 * rng.normal(size=12)
    result = robust_correlation(x, y, "pearson", n_permutations=1000, seed=1)
    p = pearsonr(x, y).pvalue
    assert result.p == pytest.approx(p, abs=4 * np.sqrt(p * (1 - p) / 1000) + 0.03)
    many = robust_correlation(np.tile(x, 2), np.tile(y, 2), "pearson")
    assert many.n_permutations == 0  # more than 20 points


VARIED = [0.3, 1.0, 2.0, 4.0, 8.0]


@pytest.mark.parametrize(
    ("x", "y", "method", "message"),
    [
        (VARIED[:3], VARIED[:3], "pearson", r"x: expected at least 4 points, got 3"),
        (VARIED, VARIED[:4], "skipped", r"y: expected one value for each of 5 points, got 4"),
        ([VARIED], VARIED, "skipped", r"x: expected shape \(point,\), got \(1, 5\)"),
        (VARIED, [1.0, 2, np.nan, 4, 5], "skipped", r"y: expected finite numbers"),
        (VARIED, [0.1] * 5, "pearson", r"y: expected values that differ, got 0.1 throughout"),
        (list("abcde"), VARIED, "pearson", r"x: expected real numbers"),
        ([0.0] * 8 + [1.0], range(9), "skipped", r"x: expected values that differ beside 1 outl"),
        ([0.0] * 8 + [1.0], range(9), "percentage_bend", r"x: expected fewer equal .*mostly 0;"),
        (VARIED, VARIED, "kendall", r"method: unknown 'kendall'; choose from skipped, percentage"),
    ],
)
def test_wrong_input_is_named(x, y, method, message):
    with pytest.raises(InputError, match=message):
        robust_correlation(np.array(x), np.array(y), method, n_permutations=0)
