"""Resamples as multiplicities (how often each thing is drawn), and permutations of two groups."""

import math
from itertools import combinations

import numpy as np
from jaxtyping import Bool, Float

from ensemble_rsa.numerics import pair_indices

Membership = Bool[np.ndarray, "permutation instance"]


def draw_counts(
    generator: np.random.Generator, resamples: slice, n: int
) -> Float[np.ndarray, "resample drawn"]:
    """How often each of `n` things is drawn in each of the next resamples.

    Drawing block by block from one generator gives the same counts as drawing at once.

    >>> counts = draw_counts(np.random.default_rng(0), slice(0, 2), 3)
    >>> counts.shape, counts.sum(-1).tolist()
    ((2, 3), [3.0, 3.0])
    """
    n_resamples = resamples.stop - resamples.start
    drawn = generator.integers(n, size=(n_resamples, n)) + n * np.arange(n_resamples)[:, None]
    counts = np.bincount(drawn.ravel(), minlength=n_resamples * n)
    return counts.reshape(n_resamples, n).astype(np.float64)


def delete_one(n: int, deletions: slice) -> Float[np.ndarray, "deletion n"]:
    """Multiplicities of the delete-one jackknife: 0 for the deleted one, 1 for all others.

    >>> delete_one(3, slice(1, 3)).tolist()
    [[1.0, 0.0, 1.0], [1.0, 1.0, 0.0]]
    """
    return 1 - np.eye(n)[deletions]


def pair_weights(
    counts: Float[np.ndarray, "resample instance"],
) -> Float[np.ndarray, "resample instance_pair"]:
    """How often each pair of different instances occurs when instances are drawn `counts` times.

    >>> pair_weights(np.array([[2.0, 1.0, 0.0]])).tolist()
    [[2.0, 0.0, 0.0]]
    """
    first, second = pair_indices(counts.shape[-1])
    return counts[:, first] * counts[:, second]


def weighted_means(
    values: Float[np.ndarray, "... value"], weights: Float[np.ndarray, "resample value"]
) -> Float[np.ndarray, "... resample"]:
    """Mean over the values under every row of weights; NaN where all weights are 0.

    >>> weighted_means(np.array([1.0, 4.0]), np.array([[1.0, 1.0], [2.0, 1.0], [0.0, 0.0]]))
    array([2.5, 2. , nan])
    """
    with np.errstate(invalid="ignore"):
        return values @ weights.T / weights.sum(-1)


def permutations(
    n_a: int, n_b: int, n_permutations: int, generator: np.random.Generator
) -> tuple[Membership, bool]:
    """All assignments of instances to groups of these sizes, or random ones if there are more.

    Returns True where an instance belongs to the first group, and whether these are all
    assignments. All assignments include the observed one; random ones need not.

    >>> in_a, exact = permutations(1, 2, 10, np.random.default_rng(0))
    >>> in_a.astype(int).tolist(), exact
    ([[1, 0, 0], [0, 1, 0], [0, 0, 1]], True)
    """
    n = n_a + n_b
    n_all = math.comb(n, n_a)
    if n_all > n_permutations:
        return generator.random((n_permutations, n)).argsort(-1) < n_a, False
    in_a = np.zeros((n_all, n), bool)
    np.put_along_axis(in_a, np.array(list(combinations(range(n), n_a))), True, 1)
    return in_a, True


def paired_permutations(
    n: int, n_permutations: int, generator: np.random.Generator
) -> tuple[Membership, bool]:
    """As `permutations` for two groups of `n`, where only instances i and n + i are swapped.

    >>> in_a, exact = paired_permutations(2, 10, np.random.default_rng(0))
    >>> in_a.astype(int).tolist(), exact
    ([[1, 1, 0, 0], [0, 1, 1, 0], [1, 0, 0, 1], [0, 0, 1, 1]], True)
    """
    exact = 2**n <= n_permutations
    if exact:
        swapped = (np.arange(2**n)[:, None] >> np.arange(n)) % 2 == 1
    else:
        swapped = generator.random((n_permutations, n)) < 0.5
    return np.concatenate([~swapped, swapped], 1), exact
