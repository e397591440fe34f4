"""What could have been if two groups made no difference: their instances in other groups."""

import math
from itertools import combinations

import numpy as np
from jaxtyping import Bool, Float

Labels = Bool[np.ndarray, "relabelling instance"]


def relabellings(
    n_a: int, n_b: int, n_permutations: int, generator: np.random.Generator
) -> tuple[Labels, bool]:
    """Membership of the first group, sizes kept: in all ways, or in as many random ones.

    Args:
        n_a: size of the first group, whose instances come first.
        n_b: size of the second group.
        n_permutations: most ways. If there are more, this many are drawn.
        generator: of the random ones.

    Returns:
        True where an instance belongs to the first group, and whether these are all the ways. The
        one at hand is among all of them, and random ones leave it out.

    >>> labels, exact = relabellings(1, 2, 10, np.random.default_rng(0))
    >>> labels.astype(int).tolist(), exact
    ([[1, 0, 0], [0, 1, 0], [0, 0, 1]], True)
    """
    n = n_a + n_b
    n_ways = math.comb(n, n_a)
    if n_ways > n_permutations:
        return generator.random((n_permutations, n)).argsort(-1) < n_a, False
    labels = np.zeros((n_ways, n), bool)
    np.put_along_axis(labels, np.array(list(combinations(range(n), n_a))), True, 1)
    return labels, True


def paired_relabellings(
    n: int, n_permutations: int, generator: np.random.Generator
) -> tuple[Labels, bool]:
    """As `relabellings` for two groups of `n`, with instances i and n + i swapped or left alone.

    >>> labels, exact = paired_relabellings(2, 10, np.random.default_rng(0))
    >>> labels.astype(int).tolist(), exact
    ([[1, 1, 0, 0], [0, 1, 1, 0], [1, 0, 0, 1], [0, 0, 1, 1]], True)
    """
    exact = 2**n <= n_permutations
    if exact:
        swapped = (np.arange(2**n)[:, None] >> np.arange(n)) % 2 == 1
    else:
        swapped = generator.random((n_permutations, n)) < 0.5
    return np.concatenate([~swapped, swapped], 1), exact


def parts_in_mean(
    similarity: Float[np.ndarray, "position n n"],
) -> Float[np.ndarray, "position n"]:
    """The part each instance has in the mean similarity u of a group: n u − (n − 1) u₋ᵢ.

    These are the jackknife's pseudo-values: their mean is u, and they vary as independent values
    with that mean would, which similarities of pairs do not. With cᵢ the mean similarity of
    instance i to the others, u₋ᵢ = (n u − 2 cᵢ) / (n − 2).

    >>> parts_in_mean(np.array([[[1.0, 0.5, 0.2], [0.5, 1.0, 0.2], [0.2, 0.2, 1.0]]])).round(6)
    array([[ 0.5,  0.5, -0.1]])
    """
    n = similarity.shape[-1]
    means = np.where(np.eye(n, dtype=bool), 0, similarity).sum(-1) / (n - 1)
    return (2 * (n - 1) * means - n * means.mean(-1, keepdims=True)) / (n - 2)
