"""Instances that are unlike all others, made up and simulated."""

from itertools import combinations

import numpy as np
import pytest

from ensemble_rsa.analysis.outliers import outlying_instances
from ensemble_rsa.errors import InputError


def shared(shares):
    """Similarity of instances with these shares: the product of two."""
    return np.array([a * b for a, b in combinations(shares, 2)])


@pytest.mark.parametrize(
    ("shares", "outlying"),
    [
        ([0.9, 0.8, 0.85, 0.9, 0.05], [4]),
        ([0.05, 0.9, 0.8, 0.85, 0.9, 0.8, 0.02], [0, 6]),
        ([0.9, 0.8, 0.85, 0.9, 0.3], []),  # more than a quarter
        ([0.9, 0.8, 0.3, 0.2, 0.15, 0.6], []),  # wide, without a gap
        ([0.2, 0.2, 0.2, 0.2, 0.001], []),  # hardly similar at all
        ([0.9, 0.9, 0.01], []),  # of three, none is the exception
        ([0.7, 0.7, 0.7, 0.7], []),
    ],
)
def test_an_instance_far_below_the_others_is_outlying(shares, outlying):
    assert np.flatnonzero(outlying_instances(shared(shares))).tolist() == outlying


def test_dead_networks_are_found_and_ordinary_ones_seldom(rng):
    shares = 1 / (1 + (0.6 * np.exp(0.5 * rng.normal(size=(500, 10)))) ** 2)
    pairs = np.apply_along_axis(shared, 1, shares)
    assert outlying_instances(pairs).any(-1).mean() < 0.1
    shares[:, 0] = 0.02
    found = outlying_instances(np.apply_along_axis(shared, 1, shares))
    assert found[:, 0].mean() > 0.95


def test_numbers_that_are_no_pairs_are_refused():
    with pytest.raises(InputError, match="shared"):
        outlying_instances(np.ones(5))
