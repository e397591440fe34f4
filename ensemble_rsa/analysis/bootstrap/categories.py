"""Bootstraps of what category labels make of RDMs: within-category consistency and clustering.

Instances and stimuli are those that `bootstrap_consistency` draws under the same seed. Stimuli are
drawn whatever their category, so a category's share varies from resample to resample, as it would
in another sample of stimuli.
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
from ensemble_rsa.analysis.bootstrap.members import (
    OVER_INSTANCES,
    OVER_PAIRS,
    Members,
    ValuesUnder,
    bootstrap_members,
    check_settings,
)
from ensemble_rsa.analysis.categories import (
    clustering_index,
    index_of_sums,
    same_category,
    same_category_groups,
)
from ensemble_rsa.arrays import ArrayLike, check_instance_rdms, check_labels, check_rdms
from ensemble_rsa.numerics import pair_indices
from ensemble_rsa.rdm.compare import compare_pairs


def bootstrap_within_category_consistency(
    rdms: ArrayLike,
    labels,
    aggregate: str = "pooled",
    over: str = "pairs",
    n_resamples: int = 10_000,
    confidence: float = 0.95,
    seed: int = 0,
    interval: str = "percentile",
) -> Bootstrap:
    """Bootstrap the mean of `within_category_consistency` over all instance pairs.

    A resampled stimulus takes its category along; pairs of a stimulus with itself are left out.
    Sums over same-category pairs are exact (Σ w_a w_b over the pairs, w_a the number of times
    stimulus a was drawn). A resample is dropped when it has fewer than two distinct instances, or
    when an RDM is constant over its same-category pairs; with `"per_category"`, over those of any
    one category, which happens once fewer than three of its stimuli are drawn.

    Args:
        rdms: condensed RDMs `(..., instance, stimulus_pair)`.
        labels: one category per stimulus, of any type that sorts.
        aggregate: `"pooled"` or `"per_category"`, as in `within_category_consistency`.
        over: `"pairs"`, `"instances"`, `"stimuli"` or `"both"`, as in `bootstrap_consistency`.
        n_resamples: number of resamples.
        confidence: the share of the resampled means inside the interval.
        seed: the same seed, the same resamples as `bootstrap_consistency`.
        interval: `"percentile"`, or `"bca"` by the jackknife over what is drawn again.

    Raises:
        InputError: as `within_category_consistency`; an unknown `over` or `interval`; fewer than
            one resample; a confidence outside (0, 1); no resample that is not degenerate; BCa
            undefined.

    >>> rdms, labels = np.random.default_rng(0).random((5, 45)), list("aaaaabbbbb")
    >>> result = bootstrap_within_category_consistency(rdms, labels, over="both", n_resamples=50)
    >>> result.samples.shape, result.dropped
    ((50,), 0)
    """
    array, n_stimuli = check_instance_rdms("rdms", rdms)
    n_instances = array.shape[-2]
    codes, categories = check_labels("labels", labels, n_stimuli)
    groups = same_category_groups(codes, categories, aggregate)
    settings = check_settings(over, OVER_PAIRS, n_resamples, confidence, seed, interval)
    observed = np.mean([compare_pairs(g.name, array[..., g.pairs]) for g in groups], axis=0)

    def values_at(position: tuple[int, ...]) -> ValuesUnder:
        rows = [centred_rows(array[position][:, group.pairs]) for group in groups]
        stimuli = [_stimuli_of(group.pairs, n_stimuli) for group in groups]
        first, second = _and_number(moment_pairs(n_instances), n_instances)

        def values_under(counts):
            shared = np.zeros((len(counts), observed.shape[-1]))
            for group_rows, group_stimuli in zip(rows, stimuli, strict=True):
                sums = pair_sums(group_rows, group_stimuli, counts, first, second)
                shared += shared_variance(sums[:-1], sums[-1], n_instances)
            return shared / len(groups)

        return values_under

    members = Members("instance_pair", n_instances, n_stimuli, max(observed.shape[-1], n_stimuli))
    lacking = "two distinct instances or same-category distances that differ"
    return bootstrap_members("rdms", observed, members, values_at, settings, lacking)


def bootstrap_category_clustering_index(
    rdms: ArrayLike,
    labels,
    over: str = "instances",
    n_resamples: int = 10_000,
    confidence: float = 0.95,
    seed: int = 0,
    interval: str = "percentile",
) -> Bootstrap:
    """Bootstrap the mean of `category_clustering_index` over instances.

    A resampled stimulus takes its category along; pairs of a stimulus with itself are left out. A
    resample is dropped when it has no same-category pair, no across-category pair, or mean
    distances that add up to 0.

    Args:
        rdms: condensed RDMs `(..., instance, stimulus_pair)`; one instance will do.
        labels: one category per stimulus, of any type that sorts.
        over: `"instances"`, `"stimuli"` or `"both"`.
        n_resamples: number of resamples.
        confidence: the share of the resampled means inside the interval.
        seed: the same seed, the same resamples as `bootstrap_consistency`.
        interval: `"percentile"`, or `"bca"` by the jackknife over what is drawn again.

    Raises:
        InputError: as `category_clustering_index`; an unknown `over` or `interval`; fewer than one
            resample; a confidence outside (0, 1); no resample that is not degenerate; BCa
            undefined.

    >>> rdms = np.array([[1.0, 3, 3, 3, 3, 1], [1.0, 2, 2, 2, 2, 1]])
    >>> result = bootstrap_category_clustering_index(rdms, list("aabb"), n_resamples=100)
    >>> float(result.mean.round(6)), float(result.low.round(6)), float(result.high.round(6))
    (0.416667, 0.333333, 0.5)
    """
    array, n_stimuli = check_rdms("rdms", rdms, 2, "(..., instance, stimulus_pair)")
    codes, categories = check_labels("labels", labels, n_stimuli)
    settings = check_settings(over, OVER_INSTANCES, n_resamples, confidence, seed, interval)
    observed = clustering_index(array, codes, categories)
    same = np.flatnonzero(same_category(codes))
    stimuli = _stimuli_of(same, n_stimuli)
    n_instances = array.shape[-2]
    # Each RDM by the ones, which gives plain sums; same-category pairs are counted as well.
    by_ones = np.arange(n_instances), np.full(n_instances, n_instances)
    by_ones_and_number = _and_number(by_ones, n_instances)

    def values_at(position: tuple[int, ...]) -> ValuesUnder:
        rows = np.asarray(array[position])
        largest = np.abs(rows).max(-1, keepdims=True)  # the index says nothing of scale
        rows = np.asarray(rows / np.where(largest > 0, largest, 1), np.float32)
        squares = squares_and_ones(rows, n_stimuli)
        same_rows = np.concatenate([rows[:, same], np.ones((1, same.size), np.float32)])

        def values_under(counts):
            total = quadratic_forms(squares, counts, *by_ones)
            sums = pair_sums(same_rows, stimuli, counts, *by_ones_and_number)
            return index_of_sums(total, sums[:-1], pair_count(counts), sums[-1]).T

        return values_under

    members = Members("instance", n_instances, n_stimuli, max(n_instances, n_stimuli))
    lacking = "a pair within or a pair across categories, or distances above 0"
    return bootstrap_members("rdms", observed, members, values_at, settings, lacking)


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
