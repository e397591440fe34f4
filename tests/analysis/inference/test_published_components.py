"""Variance components of published generalizability studies, to their printed digits.

The data are the synthetic data sets no. 1 (persons × items) and no. 3 (persons × items × occasions)
of Brennan 2001, Generalizability Theory (Springer, doi:10.1007/978-1-4757-3456-0), and the sums
of squares and components are those of its tables.
"""

import numpy as np
import pytest

from ensemble_rsa.analysis.inference.components import mean_squares, variance_components
from ensemble_rsa.analysis.inference.covariances import (
    FACTORS,
    all_covariances,
    within_covariances,
)

ITEMS = np.array([
    [1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0],
    [1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0], [1, 1, 0, 1, 1, 0, 0, 1, 0, 0, 0, 0],
    [1, 1, 1, 1, 1, 0, 1, 0, 0, 0, 0, 0], [1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 0, 0],
    [1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0], [1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 0, 0],
    [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0], [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1],
])  # fmt: skip
OCCASIONS = np.array([  # occasion, item, person
    [[2, 4, 5, 5, 4, 4, 2, 3, 0, 6], [6, 5, 5, 9, 3, 4, 6, 4, 5, 8],
     [7, 6, 4, 8, 5, 4, 6, 4, 4, 7], [5, 7, 6, 6, 6, 7, 5, 5, 5, 6]],
    [[2, 6, 5, 5, 4, 6, 2, 6, 5, 6], [5, 7, 4, 7, 5, 4, 7, 6, 5, 8],
     [5, 5, 5, 7, 6, 7, 7, 6, 5, 8], [5, 7, 5, 6, 4, 8, 5, 4, 3, 6]],
])  # fmt: skip
PAIRED = np.zeros((1, 1), bool)


def components_of(variances, levels):
    """Mean squares over the number of observations, and σ² by name, from bootstrap variances."""
    squares = mean_squares({each: np.asarray(one[0, 0]) for each, one in variances.items()}, levels)
    found = variance_components(squares, levels)
    assert not found.clipped.any()
    named = dict(zip(found.names, found.value.tolist(), strict=True))
    return [float(value) for value in squares.values()], named


def test_persons_and_items():
    factors = FACTORS[:2]
    variances = within_covariances(ITEMS[None, None].astype(float), factors, PAIRED)
    squares, found = components_of(variances, dict(zip(factors, (10, 12), strict=True)))
    persons, items = factors
    sums = [120 * value * degrees for value, degrees in zip(squares, (9, 11, 99), strict=True)]
    assert sums == pytest.approx([7.3417, 9.6917, 12.5583], abs=5e-5)
    printed = {persons: 0.0574, items: 0.0754, f"{persons} × {items}": 0.1269}
    assert found == pytest.approx(printed, abs=5e-5)


def test_persons_items_and_occasions():
    tables = np.moveaxis(OCCASIONS.astype(float), 1, 2)  # occasion, person, item
    # All four draws of two occasions, each as likely, instead of random ones.
    drawn = np.array([[2, 0], [1, 1], [1, 1], [0, 2]]) / 2
    resampled_tables = np.einsum("ro,opi->rpi", drawn, tables)[:, None]
    observed = within_covariances(tables.mean(0)[None, None], FACTORS, PAIRED)
    resampled = within_covariances(resampled_tables, FACTORS, PAIRED)
    means = np.tile(resampled_tables.mean((2, 3)), (250_000, 1))  # so that 1 / (n − 1) is 1 / n
    variances = all_covariances(observed, resampled, means, FACTORS)
    squares, found = components_of(variances, dict(zip(FACTORS, (10, 4, 2), strict=True)))
    person, item, occasion = FACTORS
    names = [
        person, item, occasion, f"{person} × {item}", f"{person} × {occasion}",
        f"{item} × {occasion}", f"{person} × {item} × {occasion}",
    ]  # fmt: skip
    assert list(found) == names
    degrees = (9, 3, 1, 27, 9, 3, 27)
    sums = [80 * value * degree for value, degree in zip(squares, degrees, strict=True)]
    assert sums == pytest.approx([62.20, 37.45, 3.20, 56.30, 12.05, 7.50, 25.25], abs=5e-3)
    printed = (0.5528, 0.4417, 0.0074, 0.5750, 0.1009, 0.1565, 0.9352)
    assert [*found.values()] == pytest.approx(printed, abs=5e-5)
