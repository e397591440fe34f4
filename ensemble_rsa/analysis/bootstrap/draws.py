"""What is drawn again, and how often: multiplicities of stimuli, instances and instance pairs."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from jaxtyping import Float

from ensemble_rsa.numerics import pair_indices


def draw_counts(
    generator: np.random.Generator, resamples: slice, n: int
) -> Float[np.ndarray, "resample drawn"]:
    """How often each of `n` things is drawn in each of the next resamples.

    Drawing block by block from one generator gives what drawing at once would.

    >>> counts = draw_counts(np.random.default_rng(0), slice(0, 2), 3)
    >>> counts.shape, counts.sum(-1).tolist()
    ((2, 3), [3.0, 3.0])
    """
    n_resamples = resamples.stop - resamples.start
    drawn = generator.integers(n, size=(n_resamples, n)) + n * np.arange(n_resamples)[:, None]
    counts = np.bincount(drawn.ravel(), minlength=n_resamples * n)
    return counts.reshape(n_resamples, n).astype(np.float64)


def delete_one(n: int, deletions: slice) -> Float[np.ndarray, "deletion n"]:
    """Multiplicities of the jackknife: every one of `n` things once, but the deleted one.

    >>> delete_one(3, slice(1, 3)).tolist()
    [[1.0, 0.0, 1.0], [1.0, 1.0, 0.0]]
    """
    counts = np.ones((deletions.stop - deletions.start, n))
    deleted = np.arange(deletions.start, deletions.stop)
    counts[deleted - deletions.start, deleted] = 0.0
    return counts


def pair_weights(
    counts: Float[np.ndarray, "resample instance"],
) -> Float[np.ndarray, "resample instance_pair"]:
    """How often each pair of different instances occurs when instances are drawn `counts` times.

    >>> pair_weights(np.array([[2.0, 1.0, 0.0]])).tolist()
    [[2.0, 0.0, 0.0]]
    """
    first, second = pair_indices(counts.shape[-1])
    return counts[:, first] * counts[:, second]


# A mean is taken over members, and a member counts as often as its instances were drawn.
MEMBER_WEIGHTS: Mapping[
    str, Callable[[Float[np.ndarray, "resample instance"]], Float[np.ndarray, "resample member"]]
] = MappingProxyType({"instance": lambda counts: counts, "instance_pair": pair_weights})


def weighted_means(
    values: Float[np.ndarray, "... member"], weights: Float[np.ndarray, "resample member"]
) -> Float[np.ndarray, "... resample"]:
    """Mean over members under every row of weights; NaN where all weights are 0.

    >>> weighted_means(np.array([1.0, 4.0]), np.array([[1.0, 1.0], [2.0, 1.0], [0.0, 0.0]]))
    array([2.5, 2. , nan])
    """
    with np.errstate(invalid="ignore"):
        return values @ weights.T / weights.sum(-1)
