"""Bootstrap intervals of centroid consistency, from inner products of the patterns."""

import warnings

import numpy as np

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
from ensemble_rsa.errors import FewStimuliWarning
from ensemble_rsa.numerics import correlation_matrix, pair_indices
from ensemble_rsa.rdm.build import centroids, rdm_and_constant_patterns
from ensemble_rsa.rdm.centroid_products import (
    PatternProducts,
    category_forms,
    centroid_distances,
    pattern_products,
)
from ensemble_rsa.rdm.compare import compare_pairs

MOST_BIAS = 0.02  # of consistency, before it is warned of (ours)


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
    Centroids of few stimuli are noisy, and so are less consistent than those of many: a
    `FewStimuliWarning` says by how much where it is more than 0.02.

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

    rdms, _ = rdm_and_constant_patterns(centroids(array, codes, flatten=False), distance)
    observed = compare_pairs("centroid RDMs", rdms)

    def resampled(position: tuple[int, ...]) -> ResampledValues:
        products = []  # stimuli sorted by category
        for instance in range(n_instances):
            own = pattern_products("activations", array, (*position, instance), distance)
            inner = own.inner[np.ix_(order, order)]
            products.append(PatternProducts(inner, own.with_mean[order], own.mean_square))

        def values(counts):
            counts = counts[:, order]
            sizes = np.add.reduceat(counts, starts, axis=1)
            weights = counts / np.repeat(np.maximum(sizes, 1), np.bincount(codes), axis=1)
            rdms = []
            for own in products:
                inner = category_forms(own.inner, weights.astype(np.float32), starts)
                with_mean = np.add.reduceat(weights * own.with_mean, starts, axis=1)
                rdms.append(centroid_distances(inner, with_mean, own.mean_square, distance))
            correlations = correlation_matrix(np.stack(rdms, axis=1))
            correlations[(sizes == 0).any(-1)] = np.nan
            return correlations[:, *pair_indices(n_instances)] ** 2

        return values

    degenerate = "two distinct instances, a stimulus of some category, or distances that differ"
    statistic = Statistic(
        "activations", observed, n_instances, degenerate, n_stimuli, resampled,
        work=len(starts) ** 2,
    )  # fmt: skip
    found = bootstrap(statistic, options)
    if over in ("stimuli", "both"):
        _warn_of_bias(found, int(np.bincount(codes).min()))
    return found


def _warn_of_bias(found: Bootstrap, fewest: int) -> None:
    """Warn if centroids of resampled stimuli are much less consistent than those of the data."""
    bias = float(np.min(found.samples.mean(-1) - found.mean))
    if bias < -MOST_BIAS:
        warnings.warn(
            f"centroids of {fewest} stimuli or more are noisy: resampled ones have a consistency "
            f"that is lower by {-bias:.2f}, and that of many stimuli is higher by about as much; "
            "the interval refers to centroids of as many stimuli as here",
            FewStimuliWarning,
            stacklevel=3,
        )
