"""Bootstrap intervals of centroid consistency, from inner products of the patterns."""

import numpy as np
from jaxtyping import Bool, Float, Int

from ensemble_rsa.analysis.bootstrap.intervals import Bootstrap
from ensemble_rsa.analysis.bootstrap.resampling import (
    OVER,
    Interval,
    Over,
    ResampledValues,
    Statistic,
    bootstrap,
    resampling_options,
)
from ensemble_rsa.arrays import ArrayLike, LabelsLike, check_labels
from ensemble_rsa.errors import InputError, unknown_name
from ensemble_rsa.numerics import correlation_matrix, pair_indices
from ensemble_rsa.rdm.blocks import open_activations
from ensemble_rsa.rdm.build import centroids, rdm_and_constant_patterns
from ensemble_rsa.rdm.centroid_products import (
    PatternProducts,
    category_forms,
    centroid_distances,
    pattern_products,
)
from ensemble_rsa.rdm.compare import compare_pairs
from ensemble_rsa.rdm.distances import DISTANCES

_AXES = "(..., instance, stimulus, unit) with at least two instances"


def bootstrap_centroid_consistency(
    activations: ArrayLike,
    labels: LabelsLike,
    distance: str = "correlation",
    over: Over = "pairs",
    n_resamples: int = 10_000,
    confidence: float = 0.95,
    seed: int = 0,
    interval: Interval = "percentile",
) -> Bootstrap:
    """Bootstrap the mean consistency of category-centroid RDMs over all instance pairs.

    A resampled stimulus keeps its category, and a category's centroid is the mean of its drawn
    patterns, each as often as it was drawn. Inner products of centroids are quadratic forms
    Σ w_a w_b K_ab in the multiplicities w and the inner products K of the patterns, so activations
    are read once, instance by instance in blocks of units. A resample with fewer than two distinct
    instances, a category without stimuli, or a constant centroid RDM is dropped.

    Args:
        activations: `(..., instance, stimulus, unit)`, in memory or on disk, as in `compute_rdm`.
        labels: the category of each stimulus.
        distance: one of the five first-level distances.
        over: as in `bootstrap_consistency`.
        n_resamples: as in `bootstrap_consistency`.
        confidence: as in `bootstrap_consistency`.
        seed: as in `bootstrap_consistency`.
        interval: as in `bootstrap_consistency`.

    Raises:
        InputError: fewer than two instances or three categories (a correlation needs three centroid
            distances); labels of another length; NaN; an unknown distance; a constant centroid RDM;
            or as `bootstrap_consistency`.

    >>> activations, labels = np.random.default_rng(0).random((3, 12, 5)), list("aaaabbbbcccc")
    >>> result = bootstrap_centroid_consistency(
    ...     activations, labels, over="stimuli", n_resamples=100
    ... )
    >>> result.samples.shape, result.dropped
    ((98,), 2)
    """
    if distance not in DISTANCES:
        raise unknown_name("distance", distance, DISTANCES)
    array = open_activations("activations", activations)
    if array.ndim < 3 or array.shape[-3] < 2:
        raise InputError(f"activations: expected shape {_AXES}, got {tuple(array.shape)}")
    n_instances, n_stimuli = array.shape[-3:-1]
    codes, categories = check_labels("labels", labels, n_stimuli)
    if len(categories) < 3:
        raise InputError(f"labels: expected three categories or more, got {len(categories)}")
    options = resampling_options(over, OVER, n_resamples, confidence, seed, interval)
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.arange(len(categories)))

    rdms, _ = rdm_and_constant_patterns(centroids(array, codes), distance)
    observed = compare_pairs("centroid RDMs", rdms)

    def resampled(position: tuple[int, ...]) -> ResampledValues:
        products = [
            _sorted(pattern_products("activations", array, (*position, instance), distance), order)
            for instance in range(n_instances)
        ]

        def values(counts):
            rdms, complete = _centroid_rdms(products, counts[:, order], starts, distance)
            correlations = correlation_matrix(rdms)
            correlations[~complete] = np.nan
            return correlations[:, *pair_indices(n_instances)] ** 2

        return values

    degenerate = "two distinct instances, a stimulus of some category, or distances that differ"
    work = max(observed.shape[-1], n_stimuli, len(categories) ** 2)
    statistic = Statistic(
        "activations",
        observed,
        "instance_pair",
        n_instances,
        degenerate,
        n_stimuli,
        resampled,
        work,
    )
    return bootstrap(statistic, options)


def _sorted(products: PatternProducts, order: Int[np.ndarray, " stimulus"]) -> PatternProducts:
    """The same products with stimuli in another order."""
    inner = products.inner[np.ix_(order, order)]
    return PatternProducts(inner, products.with_mean[order], products.mean_square)


def _centroid_rdms(
    products: list[PatternProducts],
    counts: Float[np.ndarray, "resample stimulus"],
    starts: Int[np.ndarray, " category"],
    distance: str,
) -> tuple[Float[np.ndarray, "resample instance category_pair"], Bool[np.ndarray, " resample"]]:
    """Centroid RDMs of all instances, and whether every category has a stimulus.

    Args:
        products: of each instance, stimuli sorted by category.
        counts: multiplicities of the stimuli in that order.
        starts: where each category begins.
        distance: between centroids.
    """
    sizes = np.add.reduceat(counts, starts, axis=1)
    complete = np.all(sizes > 0, axis=-1)
    members = np.diff(starts, append=counts.shape[-1])
    weights = counts / np.repeat(np.maximum(sizes, 1), members, axis=1)
    rdms = []
    for of_instance in products:
        inner = category_forms(of_instance.inner, weights.astype(np.float32), starts)
        with_mean = np.add.reduceat(weights * of_instance.with_mean, starts, axis=1)
        rdms.append(centroid_distances(inner, with_mean, of_instance.mean_square, distance))
    return np.stack(rdms, axis=1), complete
