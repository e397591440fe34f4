import itertools

import numpy as np
import pytest

from ensemble_rsa.analysis.inference.components import (
    combinations_of,
    degrees_of_freedom,
    mean_squares,
    total_variance,
    variance_components,
)

LEVELS = {"a": 3, "b": 4, "c": 5}


def resampled_variances(scores):
    """Exact variances of the mean under bootstraps over all combinations of axes.

    For each factor drawn, the mean product of two counts is 1 − 1/n + [same level], elsewhere 1.
    """
    found, axes = {}, dict(zip(LEVELS, range(3), strict=True))
    products = np.einsum("abc,def->adbecf", scores, scores) / scores.size**2
    for drawn in combinations_of(tuple(LEVELS)):
        total = products
        for factor, n in reversed(LEVELS.items()):
            weight = 1 - 1 / n + np.eye(n) if factor in drawn else np.ones((n, n))
            total = np.tensordot(total, weight, ([2 * axes[factor], 2 * axes[factor] + 1], [0, 1]))
        found[drawn] = np.asarray(total - scores.mean() ** 2)
    return found


def anova(scores):
    """Mean squares of a crossed three-way design with one observation in each cell."""
    effects, squares = {(): scores.mean()}, {}
    for size in (1, 2, 3):
        for each in itertools.combinations(range(3), size):
            others = tuple(axis for axis in range(3) if axis not in each)
            mean = scores.mean(others, keepdims=True)
            lower = (part for have, part in effects.items() if {*have} < {*each})
            effects[each] = mean - sum(lower)
            n_other = np.prod([scores.shape[axis] for axis in others])
            freedom = np.prod([scores.shape[axis] - 1 for axis in each])
            name = tuple("abc"[axis] for axis in each)
            squares[name] = n_other * (effects[each] ** 2).sum() / freedom
    return squares


@pytest.fixture
def scores(rng):
    return rng.normal(size=(3, 1, 1)) + rng.normal(size=(1, 4, 5)) + rng.normal(size=(3, 4, 5))


def test_components_are_those_of_the_analysis_of_variance(scores):
    squares = mean_squares(resampled_variances(scores), LEVELS)
    expected = anova(scores)
    for each, square in squares.items():
        np.testing.assert_allclose(square, expected[each] / scores.size)
    found = variance_components(squares, LEVELS)
    ms = {"".join(each): value for each, value in expected.items()}
    sigma = {
        "a": (ms["a"] - ms["ab"] - ms["ac"] + ms["abc"]) / 20,
        "b": (ms["b"] - ms["ab"] - ms["bc"] + ms["abc"]) / 15,
        "c": (ms["c"] - ms["ac"] - ms["bc"] + ms["abc"]) / 12,
        "a × b": (ms["ab"] - ms["abc"]) / 5,
        "a × c": (ms["ac"] - ms["abc"]) / 4,
        "b × c": (ms["bc"] - ms["abc"]) / 3,
        "a × b × c": ms["abc"],
    }
    assert found.names == tuple(sigma)
    np.testing.assert_allclose(found.value, np.maximum(list(sigma.values()), 0))
    np.testing.assert_array_equal(found.clipped, np.array(list(sigma.values())) < 0)
    np.testing.assert_allclose(found.share.sum(), 1)


def test_variance_and_freedom_of_one_factor_are_those_of_students_t(rng):
    values = rng.normal(size=7)
    variances = {("a",): np.asarray(values.var() / 7)}  # of the bootstrap
    squares = mean_squares(variances, {"a": 7})
    total = total_variance(squares, variances)
    np.testing.assert_allclose(total, values.var(ddof=1) / 7)
    np.testing.assert_allclose(degrees_of_freedom(squares, total, {"a": 7}), 6)
