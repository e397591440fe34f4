"""Bootstrap intervals of centroid consistency, from inner products of the patterns."""

import numpy as np
from jaxtyping import Bool, Float, Int

from ensemble_rsa.analysis.bootstrap.intervals import Bootstrap
from ensemble_rsa.analysis.bootstrap.resampling import (
    OVER,
    Interval,
    Over,
    ResampledValues,
    ResamplingOptions,
    Statistic,
    bootstrap,
)
from ensemble_rsa.analysis.random_categories import check_centroid_input
from ensemble_rsa.arrays import ArrayLike, LabelsLike
from ensemble_rsa.numerics import correlation_matrix, pair_indices
from ensemble_rsa.rdm.build import centroids, rdm_and_constant_patterns
from ensemble_rsa.rdm.centroid_products import (
    PatternProducts,
    category_forms,
    centroid_distances,
    pattern_products,
)
from ensemble_rsa.rdm.compare import compare_pairs


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

    `activations` are `(..., instance, stimulus, unit)`, in memory or on disk, of three categories
    or more; `over` to `interval` are those of `bootstrap_consistency`, and so are the errors.

    >>> activations, labels = np.random.default_rng(0).random((3, 12, 5)), list("aaaabbbbcccc")
    >>> result = bootstrap_centroid_consistency(
    ...     activations, labels, over="stimuli", n_resamples=100
    ... )
    >>> result.samples.shape, result.dropped
    ((98,), 2)
    """
    array, codes = check_centroid_input(activations, labels, distance)
    n_instances, n_stimuli = array.shape[-3:-1]
    options = ResamplingOptions(over, OVER, n_resamples, confidence, seed, interval)
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.arange(codes.max() + 1))

    rdms, _ = rdm_and_constant_patterns(centroids(array, codes), distance)
    observed = compare_pairs("centroid RDMs", rdms)

    def resampled(position: tuple[int, ...]) -> ResampledValues:
        products = []
        for instance in range(n_instances):
            own = pattern_products("activations", array, (*position, instance), distance)
            inner = own.inner[np.ix_(order, order)]
            products.append(PatternProducts(inner, own.with_mean[order], own.mean_square))

        def values(counts):
            rdms, complete = _centroid_rdms(products, counts[:, order], starts, distance)
            correlations = correlation_matrix(rdms)
            correlations[~complete] = np.nan
            return correlations[:, *pair_indices(n_instances)] ** 2

        return values

    degenerate = "two distinct instances, a stimulus of some category, or distances that differ"
    statistic = Statistic(
        "activations", observed, n_instances, degenerate, n_stimuli, resampled,
        work=len(starts) ** 2,
    )  # fmt: skip
    return bootstrap(statistic, options)


def _centroid_rdms(
    products: list[PatternProducts],
    counts: Float[np.ndarray, "resample stimulus"],
    starts: Int[np.ndarray, " category"],
    distance: str,
) -> tuple[Float[np.ndarray, "resample instance category_pair"], Bool[np.ndarray, " resample"]]:
    """Centroid RDMs of all instances, and whether every category has a stimulus.

    In `products` and `counts`, stimuli are sorted by category; `starts` is where each one begins.
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
