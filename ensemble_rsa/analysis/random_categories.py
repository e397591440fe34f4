"""Centroid consistency of random categories, a control (Mehrer et al. 2020, Fig. 7b).

doi:10.1038/s41467-020-19632-w. Distances of centroids follow from the inner products of the
patterns, which are computed once per instance; a draw then costs two small matrix products.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ensemble_rsa.arrays import (
    ArrayLike,
    LabelCodes,
    LabelsLike,
    check_agreement,
    check_count,
    check_labels,
    check_varied,
)
from ensemble_rsa.errors import InputError, check_name
from ensemble_rsa.jax_settings import fixed_settings
from ensemble_rsa.numerics import blocks, correlation_matrix, pair_indices
from ensemble_rsa.rdm.blocks import open_activations
from ensemble_rsa.rdm.centroid_products import (
    PatternProducts,
    centroid_distances,
    pattern_products,
)
from ensemble_rsa.rdm.distances import DISTANCES
from ensemble_rsa.rng import host_stream


def random_category_consistency(
    activations: ArrayLike,
    labels: LabelsLike,
    n_draws: int = 1000,
    seed: int = 0,
    distance: str = "correlation",
) -> Float[np.ndarray, "draw instance_pair"]:
    """Consistency of centroid RDMs of random categories, `(draw, instance_pair)`.

    Categories keep their sizes, and all instances share the assignments, which
    `random_assignments` returns.

    Args:
        activations: `(instance, stimulus, unit)`, in memory or on disk, as in `compute_rdm`.
        labels: the category of each stimulus.
        n_draws: number of random assignments (1,000 is ours).
        seed: determines the assignments.
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
    array, codes = check_centroid_input(activations, labels, distance)
    if array.ndim != 3:
        raise InputError(
            f"activations: expected shape (instance, stimulus, unit), got {tuple(array.shape)}"
        )
    assignments = random_assignments(codes, n_draws, seed)
    rdms = []
    for instance in range(array.shape[0]):
        products = pattern_products("activations", array, (instance,), distance)
        rdms.append(_centroid_rdms(products, assignments, np.bincount(codes), distance))
    correlations = correlation_matrix(np.stack(rdms, axis=1))
    check_varied("centroid RDMs [draw, instance]", correlations)
    first, second = pair_indices(array.shape[0])
    return correlations[:, first, second] ** 2


def check_centroid_input(
    activations: ArrayLike, labels: LabelsLike, distance: str
) -> tuple[Any, LabelCodes]:
    """Return activations unread, and labels as category numbers, for RDMs of centroids."""
    check_name("distance", distance, DISTANCES)
    check_agreement({"activations": activations, "labels": labels})
    array = open_activations("activations", activations)
    if array.ndim < 3 or array.shape[-3] < 2:
        axes = "(..., instance, stimulus, unit) with at least two instances"
        raise InputError(f"activations: expected shape {axes}, got {tuple(array.shape)}")
    codes, categories = check_labels("labels", labels, array.shape[-2])
    if len(categories) < 3:
        raise InputError(f"labels: expected three categories or more, got {len(categories)}")
    return array, codes


def random_assignments(
    labels: LabelsLike, n_draws: int = 1000, seed: int = 0
) -> Int[np.ndarray, "draw stimulus"]:
    """Permutations of the labels, as category numbers from 0; the first of many are those of few.

    >>> np.sort(random_assignments(["cat", "dog", "cat"], n_draws=2)).tolist()
    [[0, 0, 1], [0, 0, 1]]
    """
    codes, _ = check_labels("labels", labels)
    n_draws = check_count("n_draws", n_draws, 1)
    generator = host_stream(seed, "random categories")
    return generator.permuted(np.tile(codes, (n_draws, 1)), axis=1)


@fixed_settings()
def _centroid_rdms(
    products: PatternProducts,
    assignments: Int[np.ndarray, "draw stimulus"],
    sizes: Int[np.ndarray, " category"],
    distance: str,
) -> Float[np.ndarray, "draw category_pair"]:
    """The centroid RDM of one instance in every draw."""
    rdms = []
    for draws in blocks(len(assignments), len(sizes) * assignments.shape[1]):
        # No jit around the products: XLA's CPU compiler would fuse them, which is 3 times slower.
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
