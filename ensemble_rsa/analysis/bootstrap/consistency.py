"""Bootstrap intervals of mean consistency and of the category clustering index.

The 45 pairs of 10 instances are not independent, so the bootstrap over pairs, which the paper
reports (Mehrer et al. 2020, doi:10.1038/s41467-020-19632-w), is too narrow: see
docs/explanation/pairs.md.

Resamples are drawn on the host from a named stream: a seed gives the same resamples on every
backend and for every block size, and the first of many are those of few. `over`, `n_resamples`,
`confidence`, `seed`, `interval` and `missing` mean the same in all functions, see
`bootstrap_consistency`.
Stimuli are drawn regardless of their category, so the size of a category varies between resamples,
as it would between samples of stimuli.
"""

import numpy as np
from jaxtyping import Float

from ensemble_rsa.analysis.bootstrap.forms import (
    moment_pairs,
    pair_count,
    pair_sums,
    quadratic_forms,
    shared_variance,
    squares_and_ones,
)
from ensemble_rsa.analysis.bootstrap.intervals import Bootstrap
from ensemble_rsa.analysis.bootstrap.missing import (
    forms_of_pairs,
    shared_variance_present,
    values_squares_present,
)
from ensemble_rsa.analysis.bootstrap.resampling import (
    OVER,
    Interval,
    Over,
    OverInstances,
    OverPairValues,
    ResampledValues,
    ResamplingOptions,
    Statistic,
    bootstrap,
)
from ensemble_rsa.analysis.bootstrap.stacked import statistic_of_stack
from ensemble_rsa.analysis.categories import (
    Aggregate,
    clustering_index,
    index_of_sums,
    same_category,
    same_category_groups,
)
from ensemble_rsa.analysis.stacked import check_no_missing
from ensemble_rsa.arrays import (
    ArrayLike,
    LabelsLike,
    as_numpy,
    check_agreement,
    check_array,
    check_finite,
    check_instance_rdms,
    check_labels,
    check_rdms,
    stimuli_of_pairs,
)
from ensemble_rsa.arrays.rdms import Missing
from ensemble_rsa.arrays.stacks import RdmStack, check_instance_stack
from ensemble_rsa.numerics import standardised
from ensemble_rsa.rdm.compare import compare_pairs
from ensemble_rsa.rdm.missing import compare_pairs_present, lacks_distances, report_missing

_DEGENERATE = "two distinct instances or distances that differ"


def bootstrap_consistency(
    rdms: ArrayLike,
    over: Over = "pairs",
    n_resamples: int = 10_000,
    confidence: float = 0.95,
    seed: int = 0,
    interval: Interval = "percentile",
    missing: Missing = "refuse",
) -> Bootstrap:
    """Bootstrap the mean consistency over all instance pairs.

    What is drawn with replacement:

    - `"pairs"`: the r² of instance pairs, as in the paper.
    - `"instances"`: instances; pairs of an instance with itself are left out.
    - `"stimuli"`: stimuli, the same for all instances; pairs of a stimulus with itself are left
      out.
    - `"both"`: instances and stimuli, independently.

    With w_a the number of times stimulus a was drawn, every sum over the resampled stimulus pairs
    is a quadratic form wᵀMw / 2 with a matrix M of zero diagonal, so a resampled r² is exact and
    costs a matrix product. A resample with fewer than two distinct instances, or with a constant
    RDM, is degenerate; it is dropped at all leading positions, which share their resamples.

    Args:
        rdms: RDMs `(..., instance, stimulus_pair)`, or a stack of them on disk, for which intervals
            over stimuli are percentiles.
        over: `"pairs"`, `"instances"`, `"stimuli"` or `"both"`.
        n_resamples: number of resamples (10,000 is ours).
        confidence: nominal coverage of the interval.
        seed: determines the resamples, on any backend.
        interval: `"percentile"`, over stimuli corrected for the bias of repeated ones (see
            `ensemble_rsa.analysis.bootstrap.intervals`); `"bca"` (bias-corrected and accelerated)
            by the jackknife over what is resampled, which for stimuli adds as many resamples as
            there are stimuli; or `"jackknife"`, over instances or both: each of three or more
            instances (and each stimulus) is deleted in turn instead of being resampled, on Fisher's
            z of the root of mean r², with Student's t (see
            `ensemble_rsa.analysis.bootstrap.jackknife`). It covers better with few instances.
        missing: as in `consistency`; a resample in which two RDMs have no distances in common, or
            constant ones, is degenerate.

    Raises:
        InputError: as `consistency`; fewer than three instances unless `over` is `"stimuli"`, as a
            single pair has no spread; an unknown `over` or `interval`; fewer than one resample; a
            confidence outside (0, 1); only degenerate resamples; BCa undefined, for example if
            nearly all resampled means lie on one side of the observed one; `"jackknife"` over
            pairs or stimuli.

    >>> rdms = np.random.default_rng(0).random((4, 45))
    >>> result = bootstrap_consistency(rdms, over="instances", n_resamples=100)
    >>> bool(result.low < result.mean < result.high), result.samples.shape, result.dropped
    (True, (99,), 1)
    """
    options = ResamplingOptions(over, OVER, n_resamples, confidence, seed, interval)
    if isinstance(rdms, RdmStack):
        check_no_missing(missing)
        check_instance_stack("rdms", rdms)
        return bootstrap(statistic_of_stack(rdms, options, None, None), options)
    array, n_stimuli = check_instance_rdms("rdms", rdms, missing=missing)
    n_instances = array.shape[-2]
    lacking = missing == "drop" and lacks_distances(array)

    def resampled(position: tuple[int, ...]) -> ResampledValues:
        if lacking:
            rows = values_squares_present(np.asarray(array[position]))
            matrices, forms = squares_and_ones(rows, n_stimuli), forms_of_pairs(n_instances)
            return lambda counts: shared_variance_present(quadratic_forms(matrices, counts, *forms))
        squares = squares_and_ones(standardised(array[position]), n_stimuli)

        def values(counts):
            sums = quadratic_forms(squares, counts, *moment_pairs(n_instances))
            return shared_variance(sums, pair_count(counts), n_instances)

        return values

    if lacking:
        report_missing("rdms", array)
    observed = compare_pairs_present("rdms", array) if lacking else compare_pairs("rdms", array)
    statistic = Statistic("rdms", observed, n_instances, _DEGENERATE, n_stimuli, resampled)
    return bootstrap(statistic, options)


def bootstrap_mean(
    values: ArrayLike,
    n_resamples: int = 10_000,
    confidence: float = 0.95,
    seed: int = 0,
    interval: Interval = "percentile",
) -> Bootstrap:
    """Bootstrap the mean over the last axis: accuracies of instances, consistencies of pairs.

    `values` are `(..., value)`, two or more; all leading positions share their resamples. The
    interval `"jackknife"` is Student's t interval of the mean.

    >>> result = bootstrap_mean(np.array([0.0, 1.0]), n_resamples=1000)
    >>> float(result.mean), float(result.low), float(result.high)
    (0.5, 0.0, 1.0)
    """
    array = _finite("values", values, "(..., value)")
    over = "instances" if interval == "jackknife" else "pairs"
    options = ResamplingOptions(over, OVER, n_resamples, confidence, seed, interval)
    n = array.shape[-1]
    statistic = Statistic("values", array, n, "values", of_pairs=False, scale="raw")
    return bootstrap(statistic, options)


def bootstrap_pairs(
    shared: ArrayLike,
    over: OverPairValues = "pairs",
    n_resamples: int = 10_000,
    confidence: float = 0.95,
    seed: int = 0,
    interval: Interval = "percentile",
) -> Bootstrap:
    """Bootstrap the mean of values of instance pairs, such as any kind of consistency.

    `shared` is `(..., instance_pair)`, in the order of `itertools.combinations`, and `over` is
    `"pairs"` or `"instances"`. The interval `"jackknife"` is that of mean r²; for differences use
    `ensemble_rsa.analysis.bootstrap.jackknife.jackknife_pairs`.

    >>> result = bootstrap_pairs(np.array([0.2, 0.4, 0.9]), over="instances", n_resamples=500)
    >>> float(result.low), float(result.high)
    (0.2, 0.9)
    """
    options = ResamplingOptions(over, OVER[:2], n_resamples, confidence, seed, interval)
    values = _finite("shared", shared, "(..., instance_pair)")
    n_instances = stimuli_of_pairs("shared", values.shape[-1])
    return bootstrap(Statistic("shared", values, n_instances, _DEGENERATE), options)


def bootstrap_within_category_consistency(
    rdms: ArrayLike,
    labels: LabelsLike,
    aggregate: Aggregate = "pooled",
    over: Over = "pairs",
    n_resamples: int = 10_000,
    confidence: float = 0.95,
    seed: int = 0,
    interval: Interval = "percentile",
    missing: Missing = "refuse",
) -> Bootstrap:
    """Bootstrap the mean of `within_category_consistency` over all instance pairs.

    A resampled stimulus keeps its category; pairs of a stimulus with itself are left out. A
    resample with fewer than two distinct instances is dropped, and one in which an RDM is constant
    over its same-category pairs: for `"per_category"` those of any one category, which happens if
    fewer than three of its stimuli are drawn.

    >>> rdms, labels = np.random.default_rng(0).random((5, 45)), list("aaaaabbbbb")
    >>> result = bootstrap_within_category_consistency(rdms, labels, over="both", n_resamples=50)
    >>> result.samples.shape, result.dropped
    ((50,), 0)
    """
    options = ResamplingOptions(over, OVER, n_resamples, confidence, seed, interval)
    if isinstance(rdms, RdmStack):
        check_no_missing(missing)
        check_instance_stack("rdms", rdms)
        return bootstrap(statistic_of_stack(rdms, options, labels, aggregate), options)
    check_agreement({"rdms": rdms, "labels": labels})
    array, n_stimuli = check_instance_rdms("rdms", rdms, missing=missing)
    groups = same_category_groups(*check_labels("labels", labels, n_stimuli), aggregate)
    n_instances = array.shape[-2]
    lacking = missing == "drop" and lacks_distances(array)
    prepare = values_squares_present if lacking else standardised
    # Those of moment_pairs, and ones by ones.
    forms = forms_of_pairs(n_instances) if lacking else np.triu_indices(n_instances + 1)

    def resampled(position: tuple[int, ...]) -> ResampledValues:
        whole = np.asarray(array[position])
        rows = [prepare(whole[:, pairs]) for pairs in groups.values()]

        def values(counts):
            each = []
            for group, pairs in zip(rows, groups.values(), strict=True):
                sums = pair_sums(group, pairs, counts, *forms)
                each.append(
                    shared_variance_present(sums)
                    if lacking
                    else shared_variance(sums[:-1], sums[-1], n_instances)
                )
            return np.mean(each, axis=0)

        return values

    if lacking:
        report_missing("rdms", array[..., np.concatenate([*groups.values()])])
    compare = compare_pairs_present if lacking else compare_pairs
    each = [compare(name, array[..., pairs]) for name, pairs in groups.items()]
    observed = np.mean(each, axis=0)
    degenerate = "two distinct instances or same-category distances that differ"
    statistic = Statistic("rdms", observed, n_instances, degenerate, n_stimuli, resampled)
    return bootstrap(statistic, options)


def bootstrap_category_clustering_index(
    rdms: ArrayLike,
    labels: LabelsLike,
    over: OverInstances = "instances",
    n_resamples: int = 10_000,
    confidence: float = 0.95,
    seed: int = 0,
    interval: Interval = "percentile",
    missing: Missing = "refuse",
) -> Bootstrap:
    """Bootstrap the mean of `category_clustering_index`; over stimuli, one instance is enough.

    `over` is `"instances"`, `"stimuli"` or `"both"`. A resampled stimulus keeps its category; pairs
    of a stimulus with itself are left out. A resample without a same-category pair or an
    across-category pair, or with mean distances that add up to 0, is dropped.

    >>> rdms = np.array([[1.0, 3, 3, 3, 3, 1], [1.0, 2, 2, 2, 2, 1]])
    >>> result = bootstrap_category_clustering_index(rdms, list("aabb"), n_resamples=100)
    >>> float(result.mean.round(6)), float(result.low.round(6)), float(result.high.round(6))
    (0.416667, 0.333333, 0.5)
    """
    options = ResamplingOptions(over, OVER[1:], n_resamples, confidence, seed, interval)
    if isinstance(rdms, RdmStack):
        check_no_missing(missing)
        check_instance_stack("rdms", rdms, 1)
        return bootstrap(statistic_of_stack(rdms, options, labels, None), options)
    check_agreement({"rdms": rdms, "labels": labels})
    array, n_stimuli = check_rdms("rdms", rdms, 2, "(..., instance, stimulus_pair)", missing)
    codes, categories = check_labels("labels", labels, n_stimuli)
    observed = clustering_index(array, codes, categories)
    same = np.flatnonzero(same_category(codes))
    lacking = missing == "drop" and lacks_distances(array)
    # Each RDM times the ones gives plain sums, and ones by ones the number of pairs; where some
    # distances are missing, the matrices of those that are not give their numbers.
    n_instances = array.shape[-2]
    n_rows = 2 * n_instances if lacking else n_instances
    forms = np.arange(n_rows + 1), np.full(n_rows + 1, n_rows)
    if lacking:
        report_missing("rdms", array[..., None, :])

    def resampled(position: tuple[int, ...]) -> ResampledValues:
        rows = np.asarray(array[position])
        present = ~np.isnan(rows) if lacking else rows
        rows = np.where(present, rows, 0) if lacking else rows
        largest = np.abs(rows).max(-1, keepdims=True)  # the index does not depend on scale
        rows = np.asarray(rows / np.where(largest > 0, largest, 1), np.float32)
        rows = np.concatenate([rows, present.astype(np.float32)]) if lacking else rows
        squares = squares_and_ones(rows, n_stimuli)

        def values(counts):
            total = quadratic_forms(squares, counts, *(side[:-1] for side in forms))
            within = pair_sums(rows[:, same], same, counts, *forms)
            if lacking:
                (total, n_pairs), (within, n_within) = (
                    (sums[:n_instances], sums[n_instances:n_rows]) for sums in (total, within)
                )
                return index_of_sums(total, within, n_pairs, n_within).T
            return index_of_sums(total, within[:-1], pair_count(counts), within[-1]).T

        return values

    degenerate = "a pair within or a pair across categories, or distances above 0"
    statistic = Statistic(
        "rdms", observed, array.shape[-2], degenerate, n_stimuli, resampled, of_pairs=False,
        scale="raw",
    )  # fmt: skip
    return bootstrap(statistic, options)


def _finite(name: str, values: ArrayLike, axes: str) -> Float[np.ndarray, "... value"]:
    array = as_numpy(check_array(name, values, 1, axes))
    check_finite(name, array)
    return array.astype(np.float64)
