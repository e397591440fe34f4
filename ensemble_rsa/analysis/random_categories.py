"""The control for centroids: how consistent are those of random categories (paper.md §5.9)?

A centroid is an average, so all that its distances need is the inner products of the stimuli's
patterns, worked out once per instance; a draw then costs two small matrix products, whatever the
number of units.

The centroids of random categories all lie close to the mean pattern m, and 1 − cos of nearly equal
vectors cancels in float32. So patterns are split as x_i = m + y_i, the products kept are K = YYᵀ, q
= Ym and |m|², and every distance is built from differences of the small parts.
"""

from functools import partial, reduce
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ensemble_rsa.arrays import (
    ArrayLike,
    check_array,
    check_count,
    check_finite,
    check_labels,
    check_varied,
)
from ensemble_rsa.errors import InputError, unknown_name
from ensemble_rsa.numerics import (
    RowStatistics,
    blocks,
    centred,
    correlation_matrix,
    pair_indices,
    row_statistics,
)
from ensemble_rsa.rng import host_stream

_AXES = "(instance, stimulus, unit) with at least two instances"
_DEAD = 1e-5  # a squared length below this share of its two parts' is a rounding of 0


def random_category_consistency(
    activations: ArrayLike,
    labels,
    n_draws: int = 1000,
    seed: int = 0,
    distance: str = "correlation",
) -> Float[np.ndarray, "draw instance_pair"]:
    """Consistency of centroid RDMs of random categories, `(draw, instance_pair)`.

    Categories keep the sizes they have in `labels`, and all instances share a draw's assignment,
    which `random_assignments` returns.

    Args:
        activations: `(instance, stimulus, unit)`.
        labels: one category per stimulus.
        n_draws: number of random assignments.
        seed: the same seed, the same assignments.
        distance: one of the five first-level distances.

    Returns:
        r² of the centroid RDMs, float64.

    Raises:
        InputError: fewer than two instances, fewer than three categories (a correlation needs three
            centroid distances), labels of another length, NaN, an unknown distance, an instance
            whose centroid RDM is constant.

    >>> activations = np.random.default_rng(0).random((2, 12, 5))
    >>> random_category_consistency(activations, list("aaabbbcccddd"), n_draws=7).shape
    (7, 1)
    """
    array = check_array("activations", activations, 3, _AXES)
    if array.ndim != 3 or array.shape[0] < 2:
        raise InputError(f"activations: expected shape {_AXES}, got {tuple(array.shape)}")
    codes, categories = check_labels("labels", labels, array.shape[1])
    if len(categories) < 3:
        raise InputError(f"labels: expected three categories or more, got {len(categories)}")
    if distance not in _CENTROID_DISTANCES:
        raise unknown_name("distance", distance, _CENTROID_DISTANCES)
    assignments = random_assignments(codes, n_draws, seed)
    rdms = []
    for instance in range(len(array)):
        check_finite(f"activations[{instance}]", array[instance])
        rdms.append(_centroid_rdms(array[instance], assignments, np.bincount(codes), distance))
    correlations = correlation_matrix(np.stack(rdms, axis=1))
    check_varied("centroid RDMs [draw, instance]", correlations)
    first, second = pair_indices(len(array))
    return correlations[:, first, second] ** 2


def random_assignments(
    labels, n_draws: int = 1000, seed: int = 0
) -> Int[np.ndarray, "draw stimulus"]:
    """Category numbers, from 0, of every stimulus in every draw: permutations of the labels.

    The first of many draws are those of few.

    >>> np.sort(random_assignments(["cat", "dog", "cat"], n_draws=2)).tolist()
    [[0, 0, 1], [0, 0, 1]]
    """
    codes, _ = check_labels("labels", labels, len(labels))
    n_draws = check_count("n_draws", n_draws, 1)
    generator = host_stream(seed, "random categories")
    return generator.permuted(np.tile(codes, (n_draws, 1)), axis=1)


def _centroid_rdms(
    patterns: Any,
    assignments: Int[np.ndarray, "draw stimulus"],
    sizes: Int[np.ndarray, " category"],
    distance: str,
) -> Float[np.ndarray, "draw category_pair"]:
    """The centroid RDM of one instance in every draw."""
    products, with_mean, mean_square = _inner_products(patterns, distance == "correlation")
    first, second = pair_indices(len(sizes))
    rdms = []
    for draws in blocks(len(assignments), len(sizes) * assignments.shape[1]):
        weights = _averaging_weights(assignments[draws], sizes)
        half = jnp.matmul(weights, products, precision="highest")
        inner = jnp.matmul(half, jnp.swapaxes(weights, 1, 2), precision="highest")
        along = jnp.matmul(weights, with_mean, precision="highest")
        rdms.append(np.asarray(_distances(inner, along, mean_square, first, second, distance)))
    return np.concatenate(rdms)


def _inner_products(
    patterns: Any, centre: bool
) -> tuple[Float[Array, "stimulus stimulus"], Float[Array, " stimulus"], Float[Array, ""]]:
    """YYᵀ, Ym and |m|² of patterns x_i = m + y_i, added up over blocks of units.

    Correlation is the cosine of patterns centred over units; centring and averaging commute.
    """
    n_stimuli, n_units = patterns.shape
    statistics = row_statistics(patterns) if centre else _no_centring(n_stimuli)
    parts = (
        _split_products(centred(patterns, statistics, units))
        for units in blocks(n_units, n_stimuli)
    )
    return reduce(partial(jax.tree.map, jnp.add), parts)


def _no_centring(n_rows: int) -> RowStatistics:
    zero = np.zeros((n_rows, 1))
    return RowStatistics(zero.astype(np.float32), zero, zero)


def _split_products(
    block: Float[Array, "stimulus unit"],
) -> tuple[Float[Array, "stimulus stimulus"], Float[Array, " stimulus"], Float[Array, ""]]:
    # No jit here nor around the products below: joined with other steps, XLA's CPU compiler runs
    # a product 3 times slower.
    mean = jnp.mean(block, 0)
    rest = block - mean[None, :]
    return (
        jnp.matmul(rest, rest.T, precision="highest"),
        jnp.matmul(rest, mean, precision="highest"),
        jnp.vdot(mean, mean, precision="highest"),
    )


@jax.jit
def _averaging_weights(
    assignments: Int[Array | np.ndarray, "draw stimulus"],
    sizes: Int[np.ndarray | Array, " category"],
) -> Float[Array, "draw category stimulus"]:
    members = assignments[:, None, :] == jnp.arange(len(sizes))[None, :, None]
    return members / sizes.astype(jnp.float32)[None, :, None]


@partial(jax.jit, static_argnames="distance")
def _distances(
    inner: Float[Array, "draw category category"],
    with_mean: Float[Array, "draw category"],
    mean_square: Float[Array, ""],
    first: Int[Array | np.ndarray, " category_pair"],
    second: Int[Array | np.ndarray, " category_pair"],
    distance: str,
) -> Float[Array, "draw category_pair"]:
    """Distances of centroids m + z, from the inner products of all z, from z·m and from |m|²."""
    own = jnp.diagonal(inner, axis1=1, axis2=2)
    length = 2 * with_mean + own  # squared, and without |m|², which all centroids share
    square = length + mean_square
    norm = jnp.sqrt(jnp.where(square > _DEAD * (own + mean_square), square, 0.0))
    norms = norm[:, first], norm[:, second]
    gap = jnp.clip(own[:, first] + own[:, second] - 2 * inner[:, first, second], 0)
    norm_sum = jnp.maximum(norms[0] + norms[1], jnp.finfo(norm.dtype).tiny)
    norm_gap = (length[:, first] - length[:, second]) / norm_sum
    return _CENTROID_DISTANCES[distance](gap, norm_gap, norms[0] * norms[1])


def _cosine(
    gap: Float[Array, "draw category_pair"],
    norm_gap: Float[Array, "draw category_pair"],
    norm_product: Float[Array, "draw category_pair"],
) -> Float[Array, "draw category_pair"]:
    """1 − cos = (|a − b|² − (|a| − |b|)²) / (2 |a| |b|), and 1 from a pattern without length."""
    alive = norm_product > 0
    distance = (gap - norm_gap**2) / (2 * jnp.where(alive, norm_product, 1))
    return jnp.where(alive, jnp.clip(distance, 0), 1.0)


# From |a − b|², |a| − |b| and |a| |b| of two centroids.
_CENTROID_DISTANCES = {
    "correlation": _cosine,  # of patterns centred over units
    "cosine": _cosine,
    "euclidean": lambda gap, norm_gap, norm_product: jnp.sqrt(gap),
    "unit_euclidean": lambda gap, norm_gap, norm_product: jnp.sqrt(
        2 * _cosine(gap, norm_gap, norm_product)
    ),
    "norm_difference": lambda gap, norm_gap, norm_product: jnp.abs(norm_gap),
}
