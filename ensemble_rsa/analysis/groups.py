"""Tests between two groups of instances, such as two dropout rates or training sets.

Instances that differ only in their seed differ already, which is the similarity within a group. A
condition has an effect of its own if instances of different groups are less similar still. Whether
that effect is another geometry, or only more noise, is a question for `between_over_within`.
"""

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Shaped

from ensemble_rsa.analysis.bootstrap.contrasts import (
    ROUNDING,
    Contrast,
    adjusted,
    ratio_interval,
    welch_difference,
)
from ensemble_rsa.analysis.bootstrap.draws import (
    paired_permutations,
    permutations,
    weighted_means,
)
from ensemble_rsa.analysis.stacked import check_no_missing, similarities
from ensemble_rsa.arrays import (
    ArrayLike,
    check_agreement,
    check_confidence,
    check_count,
    check_flag,
    check_instance_rdms,
    check_varied,
)
from ensemble_rsa.arrays.rdms import Missing
from ensemble_rsa.arrays.stacks import RdmStack, check_instance_stack, side_by_side
from ensemble_rsa.errors import InputError
from ensemble_rsa.numerics import blocks, pair_indices
from ensemble_rsa.rdm.compare import ComparisonName, compare_rows
from ensemble_rsa.rdm.missing import compare_rows_present, lacks_distances, report_missing
from ensemble_rsa.rng import host_stream

LEAST_INSTANCES = 3  # in a group
_PROBABILITY_ROUNDING = 1e-12


@dataclass(frozen=True)
class Difference:
    """A difference of mean similarities and its permutation test; all `(...)`, float64.

    Attributes:
        value: the difference.
        low: lower bound, one-sided as p is: the value minus the quantile of the permuted
            differences at `confidence`. It is above 0 exactly if p is at most 1 − confidence, and
            −∞ if there are too few random permutations.
        p: the share of permutations in which the difference is at least as large, but for rounding
            (1e-6).
        p_adjusted: `p` adjusted over all leading positions for the false discovery rate (Benjamini
            and Hochberg).
        z: `value` minus the mean of the permuted differences, over their standard deviation; NaN
            where that is 0.
    """

    value: Float[np.ndarray, "..."]
    low: Float[np.ndarray, "..."]
    p: Float[np.ndarray, "..."]
    p_adjusted: Float[np.ndarray, "..."]
    z: Float[np.ndarray, "..."]


@dataclass(frozen=True)
class GroupComparison:
    """How similar instances are within and between two groups; arrays are `(...)`, float64.

    Attributes:
        within_a: mean similarity over the instance pairs of the first group.
        within_b: the same for the second group.
        between: mean similarity over pairs of one instance of each group.
        within_minus_between: (within_a + within_b) / 2 − between: positive if instances of
            different groups are less similar than those of one group, for whatever reason. Its p
            is one-sided, and small also if the groups differ in noise alone.
        between_over_within: between / √(within_a · within_b): below 1 if the groups differ in
            geometry, and 1 in expectation if they share one and differ in noise. NaN where a mean
            similarity is not positive.
        a_minus_b: within_a − within_b: negative if the first group is the less consistent one.
        standardised_difference: `within_minus_between` over the standard deviation of the pairs'
            similarities about the means of their three kinds; NaN where that is 0. It is
            descriptive only, as pairs that share an instance are not independent.
        n_permutations: number of permutations behind `p` and `z` of `within_minus_between`.
        exact: whether these are all permutations, rather than random ones.
        least_p: the smallest p that these permutations can give.
    """

    within_a: Float[np.ndarray, "..."]
    within_b: Float[np.ndarray, "..."]
    between: Float[np.ndarray, "..."]
    within_minus_between: Difference
    between_over_within: Contrast
    a_minus_b: Contrast
    standardised_difference: Float[np.ndarray, "..."]
    n_permutations: int
    exact: bool
    least_p: float


def compare_groups(
    rdms: ArrayLike,
    others: ArrayLike,
    paired: bool = False,
    comparison: ComparisonName = "pearson_squared",
    n_permutations: int = 10_000,
    confidence: float = 0.95,
    seed: int = 0,
    missing: Missing = "refuse",
) -> GroupComparison:
    """Test whether instances of two groups differ by more than the instances of one group do.

    If groups differ in nothing but seeds, instances are exchangeable, so `within_minus_between` is
    compared with its values under permuted group membership: all permutations if there are at most
    `n_permutations`, else that many random ones, with p = (1 + as extreme) / (1 + n_permutations).
    Equal groups of n can be swapped as a whole, so p is at least 2 / C(2n, n): 0.1 for three
    instances each, 0.008 for five.

    Groups of one mean geometry that differ in noise are not exchangeable, and this test finds them
    to differ. `between_over_within` answers whether they have another geometry, and `a_minus_b`
    whether one is less consistent; both by deleting instances (see
    `ensemble_rsa.analysis.bootstrap.contrasts`): the ratio on its logarithm, the difference by
    Welch's t on Fisher's z (of the root of squared similarities).

    With `paired=True`, instance i has the same seed in both groups, for example because dropout
    rates start from the same weights. Membership is then permuted within seeds only (p is at least
    2 / 2ⁿ), seeds are deleted whole, and pairs of one seed are left out of `between`.

    Args:
        rdms: RDMs of the first group, `(..., instance, stimulus_pair)`; or a stack of them on disk,
            in either group.
        others: those of the second group, for the same stimuli and leading axes. The number of
            instances may differ unless `paired`.
        paired: whether instance i has the same seed in both groups.
        comparison: how two RDMs are compared, as in `consistency`.
        n_permutations: the largest number of permutations.
        confidence: nominal coverage of the intervals.
        seed: determines random permutations, which all leading positions share.
        missing: as in `consistency`.

    Raises:
        InputError: fewer than three instances in a group, NaN, a constant RDM, leading axes or
            stimuli that do not match, paired groups of unequal size, an unknown comparison, fewer
            than one permutation, or a confidence outside (0, 1).

    >>> a, b = np.eye(3, 6) + [0, 0, 0, 0, 0, 3], np.eye(3, 6) + [0, 0, 0, 3, 0, 0]
    >>> result = compare_groups(a, b)
    >>> float(result.within_minus_between.p), float(result.a_minus_b.p), result.least_p
    (0.1, 1.0, 0.1)
    """
    check_agreement({"rdms": rdms, "others": others}, matched=paired is True)
    a, b = (_opened(name, each, missing) for name, each in (("rdms", rdms), ("others", others)))
    if (*a.shape[:-2], a.shape[-1]) != (*b.shape[:-2], b.shape[-1]):
        raise InputError(
            f"others: expected the leading axes and stimulus pairs of rdms, {tuple(a.shape)}, got "
            f"{tuple(b.shape)}"
        )
    n_a, n_b, leading = a.shape[-2], b.shape[-2], a.shape[:-2]
    if check_flag("paired", paired) and n_a != n_b:
        raise InputError(
            f"paired: expected the same seeds in both groups, got {n_a} and {n_b} instances; use "
            "paired=False"
        )
    n_permutations = check_count("n_permutations", n_permutations, 1)
    confidence = check_confidence("confidence", confidence)
    similarity = _similarity(a, b, comparison, missing)
    similarity = similarity.reshape(-1, n_a + n_b, n_a + n_b)
    first, second = pair_indices(n_a + n_b)
    if paired:
        different_seeds = second - first != n_a
        first, second = first[different_seeds], second[different_seeds]
    values = similarity[:, first, second]
    means = partial(_means, values, first, second)
    generator = host_stream(seed, "group labels")
    if paired:
        in_a, exact = paired_permutations(n_a, n_permutations, generator)
    else:
        in_a, exact = permutations(n_a, n_b, n_permutations, generator)
    actual = np.arange(n_a + n_b)[None] < n_a

    observed, permuted = means(actual, ~actual)[..., 0], means(in_a, ~in_a)
    kind = np.where(second < n_a, 0, np.where(first >= n_a, 1, 2))
    residual = values - observed[kind].T
    spread = np.sqrt((residual**2).sum(-1) / (len(kind) - len(observed)))
    own = similarity[:, :n_a, :n_a], similarity[:, n_a:, n_a:]
    scale = "shared_variance" if comparison.endswith("_squared") else "correlation"
    ratio = ratio_interval(*own, similarity[:, :n_a, n_a:], confidence, paired)
    imbalance = welch_difference(*own, scale, confidence, paired)
    least = 1 + (n_a == n_b) if exact else 1  # equal groups may be swapped
    return GroupComparison(
        *(np.asarray(mean) for mean in observed.reshape(3, *leading)),
        within_minus_between=_difference(
            _separation(observed), _separation(permuted), exact, confidence, leading
        ),
        between_over_within=_shaped(ratio, leading),
        a_minus_b=_shaped(imbalance, leading),
        standardised_difference=_ratio(_separation(observed), spread).reshape(leading),
        n_permutations=len(in_a),
        exact=exact,
        least_p=least / (len(in_a) + (not exact)),
    )


def _opened(name: str, rdms: ArrayLike, missing: Missing) -> Any:
    """RDMs of three or more instances, in memory or on disk."""
    if not isinstance(rdms, RdmStack):
        return check_instance_rdms(name, rdms, LEAST_INSTANCES, missing)[0]
    return check_instance_stack(name, rdms, LEAST_INSTANCES)


def _shaped(contrast: Contrast, leading: tuple[int, ...]) -> Contrast:
    return Contrast(*(np.asarray(each).reshape(leading) for each in vars(contrast).values()))


def _similarity(
    a: Any, b: Any, comparison: ComparisonName, missing: Missing
) -> Float[np.ndarray, "... n n"]:
    """Of every two instances; those of the second group follow those of the first."""
    if isinstance(a, RdmStack) or isinstance(b, RdmStack):
        check_no_missing(missing)
        return similarities("rdms, others", side_by_side(a, b), comparison)
    together = np.concatenate([a, b], axis=-2) if missing == "drop" else None
    if together is not None and lacks_distances(together):
        report_missing("rdms, others", together)
        return compare_rows_present("rdms, others", together, comparison=comparison)
    within_a, within_b = (compare_rows(group, comparison=comparison) for group in (a, b))
    check_varied("rdms", within_a)
    check_varied("others", within_b)
    between = compare_rows(a, b, comparison)
    return np.block([[within_a, between], [np.swapaxes(between, -1, -2), within_b]])


def _means(
    values: Float[np.ndarray, "position pair"],
    first: Int[np.ndarray, " pair"],
    second: Int[np.ndarray, " pair"],
    of_a: Shaped[np.ndarray, "draw instance"],
    of_b: Shaped[np.ndarray, "draw instance"],
) -> Float[np.ndarray, "3 position draw"]:
    """Mean similarity within the first group, within the second, and between them.

    `of_a` and `of_b` say how often an instance belongs to each group; a mean over no pairs is NaN.
    """
    means = []
    for block in blocks(len(of_a), len(first)):
        a, b = of_a[block].astype(np.float64), of_b[block].astype(np.float64)
        weights = (
            a[:, first] * a[:, second],
            b[:, first] * b[:, second],
            a[:, first] * b[:, second] + b[:, first] * a[:, second],
        )
        means.append(np.stack([weighted_means(values, each) for each in weights]))
    return np.concatenate(means, -1)


def _separation(means: Float[np.ndarray, "3 position ..."]) -> Float[np.ndarray, "position ..."]:
    return (means[0] + means[1]) / 2 - means[2]


def _difference(
    observed: Float[np.ndarray, " position"],
    permuted: Float[np.ndarray, "position permutation"],
    exact: bool,
    confidence: float,
    leading: tuple[int, ...],
) -> Difference:
    """The one-sided permutation test of a difference, and the bound that agrees with it."""
    own = not exact  # random permutations do not include the observed one
    n = permuted.shape[-1]
    p = ((permuted - observed[:, None] >= -ROUNDING).sum(-1) + own) / (n + own)
    # p is at most the level if no more than so many of the permuted ones are as large.
    allowed = math.floor((1 - confidence) * (n + own) + _PROBABILITY_ROUNDING) - own
    if allowed < 0:
        low = np.full_like(observed, -np.inf)
    else:
        largest = np.partition(permuted, n - 1 - allowed, axis=-1)[:, n - 1 - allowed]
        low = observed - largest
        low = np.where(p <= 1 - confidence + _PROBABILITY_ROUNDING, low, np.minimum(low, 0))
    z = _ratio(observed - permuted.mean(-1), permuted.std(-1))
    return Difference(*(each.reshape(leading) for each in (observed, low, p, adjusted(p), z)))


def _ratio(
    value: Float[np.ndarray, " position"], spread: Float[np.ndarray, " position"]
) -> Float[np.ndarray, " position"]:
    return np.divide(value, spread, out=np.full_like(spread, np.nan), where=spread > ROUNDING)
