"""The control for centroids: how consistent are those of random categories (paper.md §5.9)?

A centroid is an average, so all that its distances need is the inner products of the stimuli's
patterns, worked out once per instance; a draw then costs two small matrix products, whatever the
number of units.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ensemble_rsa.arrays import check_count, check_labels, check_varied
from ensemble_rsa.errors import InputError, unknown_name
from ensemble_rsa.numerics import blocks, correlation_matrix, pair_indices
from ensemble_rsa.rdm.blocks import open_activations
from ensemble_rsa.rdm.centroid_products import (
    PatternProducts,
    centroid_distances,
    pattern_products,
)
from ensemble_rsa.rdm.distances import DISTANCES
from ensemble_rsa.rng import host_stream

_AXES = "(instance, stimulus, unit) with at least two instances"


def random_category_consistency(
    activations: Any,
    labels,
    n_draws: int = 1000,
    seed: int = 0,
    distance: str = "correlation",
) -> Float[np.ndarray, "draw instance_pair"]:
    """Consistency of centroid RDMs of random categories, `(draw, instance_pair)`.

    Categories keep the sizes they have in `labels`, and all instances share a draw's assignment,
    which `random_assignments` returns.

    Args:
        activations: `(instance, stimulus, unit)`: an array or a data set on disk, read in blocks as
            in `compute_rdm`.
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
    array = open_activations("activations", activations)
    if array.ndim != 3 or array.shape[0] < 2:
        raise InputError(f"activations: expected shape {_AXES}, got {tuple(array.shape)}")
    codes, categories = check_labels("labels", labels, array.shape[1])
    if len(categories) < 3:
        raise InputError(f"labels: expected three categories or more, got {len(categories)}")
    if distance not in DISTANCES:
        raise unknown_name("distance", distance, DISTANCES)
    assignments = random_assignments(codes, n_draws, seed)
    rdms = []
    for instance in range(array.shape[0]):
        products = pattern_products("activations", array, (instance,), distance)
        rdms.append(_centroid_rdms(products, assignments, np.bincount(codes), distance))
    correlations = correlation_matrix(np.stack(rdms, axis=1))
    check_varied("centroid RDMs [draw, instance]", correlations)
    first, second = pair_indices(array.shape[0])
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
    products: PatternProducts,
    assignments: Int[np.ndarray, "draw stimulus"],
    sizes: Int[np.ndarray, " category"],
    distance: str,
) -> Float[np.ndarray, "draw category_pair"]:
    """The centroid RDM of one instance in every draw."""
    rdms = []
    for draws in blocks(len(assignments), len(sizes) * assignments.shape[1]):
        # No jit around the products: joined with other steps, XLA's CPU compiler runs a product 3
        # times slower.
        weights = _averaging_weights(assignments[draws], sizes)
        half = jnp.matmul(weights, products.inner, precision="highest")
        inner = jnp.matmul(half, jnp.swapaxes(weights, 1, 2), precision="highest")
        with_mean = np.asarray(weights, np.float64) @ products.with_mean
        inner = np.asarray(inner, np.float64)
        rdms.append(centroid_distances(inner, with_mean, products.mean_square, distance))
    return np.concatenate(rdms)


@jax.jit
def _averaging_weights(
    assignments: Int[Array | np.ndarray, "draw stimulus"],
    sizes: Int[np.ndarray | Array, " category"],
) -> Float[Array, "draw category stimulus"]:
    members = assignments[:, None, :] == jnp.arange(len(sizes))[None, :, None]
    return members / sizes.astype(jnp.float32)[None, :, None]
