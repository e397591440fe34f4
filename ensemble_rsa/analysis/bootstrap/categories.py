"""Bootstrap intervals of within-category consistency and of the category clustering index.

Instances and stimuli are those that `bootstrap_consistency` draws for the same seed. Stimuli are
drawn regardless of their category, so the size of a category varies between resamples, as it would
between samples of stimuli.
"""

import numpy as np
from jaxtyping import Int

from ensemble_rsa.analysis.bootstrap.forms import (
    centred_rows,
    moment_pairs,
    pair_count,
    pair_sums,
    quadratic_forms,
    shared_variance,
    squares_and_ones,
)
from ensemble_rsa.analysis.bootstrap.intervals import Bootstrap
from ensemble_rsa.analysis.bootstrap.resampling import (
    OVER,
    Interval,
    Over,
    OverInstances,
    ResampledValues,
    Statistic,
    bootstrap,
    resampling_options,
)
from ensemble_rsa.analysis.categories import (
    Aggregate,
    clustering_index,
    index_of_sums,
    same_category,
    same_category_groups,
)
from ensemble_rsa.arrays import (
    ArrayLike,
    LabelsLike,
    check_instance_rdms,
    check_labels,
    check_rdms,
)
from ensemble_rsa.numerics import pair_indices
from ensemble_rsa.rdm.compare import compare_pairs


def bootstrap_within_category_consistency(
    rdms: ArrayLike,
    labels: LabelsLike,
    aggregate: Aggregate = "pooled",
    over: Over = "pairs",
    n_resamples: int = 10_000,
    confidence: float = 0.95,
    seed: int = 0,
    interval: Interval = "percentile",
) -> Bootstrap:
    """Bootstrap the mean of `within_category_consistency` over all instance pairs.

    A resampled stimulus keeps its category; pairs of a stimulus with itself are left out. A
    resample with fewer than two distinct instances is dropped, and one in which an RDM is constant
    over its same-category pairs: for `"per_category"` those of any one category, which happens if
    fewer than three of its stimuli are drawn.

    Args:
        rdms: RDMs `(..., instance, stimulus_pair)`.
        labels: the category of each stimulus.
        aggregate: `"pooled"` or `"per_category"`, as in `within_category_consistency`.
        over: as in `bootstrap_consistency`.
        n_resamples: as in `bootstrap_consistency`.
        confidence: as in `bootstrap_consistency`.
        seed: as in `bootstrap_consistency`.
        interval: as in `bootstrap_consistency`.

    Raises:
        InputError: as `within_category_consistency` and `bootstrap_consistency`.

    >>> rdms, labels = np.random.default_rng(0).random((5, 45)), list("aaaaabbbbb")
    >>> result = bootstrap_within_category_consistency(rdms, labels, over="both", n_resamples=50)
    >>> result.samples.shape, result.dropped
    ((50,), 0)
    """
    array, n_stimuli = check_instance_rdms("rdms", rdms)
    n_instances = array.shape[-2]
    codes, categories = check_labels("labels", labels, n_stimuli)
    groups = same_category_groups(codes, categories, aggregate)
    options = resampling_options(over, OVER, n_resamples, confidence, seed, interval)
    observed = np.mean([compare_pairs(g.name, array[..., g.pairs]) for g in groups], axis=0)

    def resampled(position: tuple[int, ...]) -> ResampledValues:
        rows = [centred_rows(array[position][:, group.pairs]) for group in groups]
        stimuli = [_stimuli_of(group.pairs, n_stimuli) for group in groups]
        first, second = _and_number(moment_pairs(n_instances), n_instances)

        def values(counts):
            shared = np.zeros((len(counts), observed.shape[-1]))
            for group_rows, group_stimuli in zip(rows, stimuli, strict=True):
                sums = pair_sums(group_rows, group_stimuli, counts, first, second)
                shared += shared_variance(sums[:-1], sums[-1], n_instances)
            return shared / len(groups)

        return values

    degenerate = "two distinct instances or same-category distances that differ"
    work = max(observed.shape[-1], n_stimuli)
    statistic = Statistic(
        "rdms", observed, "instance_pair", n_instances, degenerate, n_stimuli, resampled, work
    )
    return bootstrap(statistic, options)


def bootstrap_category_clustering_index(
    rdms: ArrayLike,
    labels: LabelsLike,
    over: OverInstances = "instances",
    n_resamples: int = 10_000,
    confidence: float = 0.95,
    seed: int = 0,
    interval: Interval = "percentile",
) -> Bootstrap:
    """Bootstrap the mean of `category_clustering_index` over instances.

    A resampled stimulus keeps its category; pairs of a stimulus with itself are left out. A
    resample without a same-category pair or an across-category pair, or with mean distances that
    add up to 0, is dropped.

    Args:
        rdms: RDMs `(..., instance, stimulus_pair)` of one instance or more.
        labels: the category of each stimulus.
        over: `"instances"`, `"stimuli"` or `"both"`.
        n_resamples: as in `bootstrap_consistency`.
        confidence: as in `bootstrap_consistency`.
        seed: as in `bootstrap_consistency`.
        interval: as in `bootstrap_consistency`.

    Raises:
        InputError: as `category_clustering_index` and `bootstrap_consistency`.

    >>> rdms = np.array([[1.0, 3, 3, 3, 3, 1], [1.0, 2, 2, 2, 2, 1]])
    >>> result = bootstrap_category_clustering_index(rdms, list("aabb"), n_resamples=100)
    >>> float(result.mean.round(6)), float(result.low.round(6)), float(result.high.round(6))
    (0.416667, 0.333333, 0.5)
    """
    array, n_stimuli = check_rdms("rdms", rdms, 2, "(..., instance, stimulus_pair)")
    codes, categories = check_labels("labels", labels, n_stimuli)
    options = resampling_options(over, OVER[1:], n_resamples, confidence, seed, interval)
    observed = clustering_index(array, codes, categories)
    same = np.flatnonzero(same_category(codes))
    stimuli = _stimuli_of(same, n_stimuli)
    n_instances = array.shape[-2]
    # Each RDM times the ones gives plain sums; same-category pairs are counted as well.
    by_ones = np.arange(n_instances), np.full(n_instances, n_instances)
    by_ones_and_number = _and_number(by_ones, n_instances)

    def resampled(position: tuple[int, ...]) -> ResampledValues:
        rows = np.asarray(array[position])
        largest = np.abs(rows).max(-1, keepdims=True)  # the index does not depend on scale
        rows = np.asarray(rows / np.where(largest > 0, largest, 1), np.float32)
        squares = squares_and_ones(rows, n_stimuli)
        same_rows = np.concatenate([rows[:, same], np.ones((1, same.size), np.float32)])

        def values(counts):
            total = quadratic_forms(squares, counts, *by_ones)
            sums = pair_sums(same_rows, stimuli, counts, *by_ones_and_number)
            return index_of_sums(total, sums[:-1], pair_count(counts), sums[-1]).T

        return values

    degenerate = "a pair within or a pair across categories, or distances above 0"
    work = max(n_instances, n_stimuli)
    statistic = Statistic(
        "rdms", observed, "instance", n_instances, degenerate, n_stimuli, resampled, work
    )
    return bootstrap(statistic, options)


def _stimuli_of(
    pairs: Int[np.ndarray, " pair"], n_stimuli: int
) -> tuple[Int[np.ndarray, " pair"], Int[np.ndarray, " pair"]]:
    rows, columns = pair_indices(n_stimuli)
    return rows[pairs], columns[pairs]


def _and_number(
    forms: tuple[Int[np.ndarray, " form"], Int[np.ndarray, " form"]], ones: int
) -> tuple[np.ndarray, np.ndarray]:
    """The forms, and last that of ones by ones, which is the number of pairs."""
    return np.append(forms[0], ones), np.append(forms[1], ones)
