"""Do two conditions differ by more than a seed does? Tests between two ensembles of networks.

Instances that differ only in their seed differ already; that is the similarity within a group.
Conditions, such as dropout rates or training sets, make a difference of their own if instances of
different conditions are less similar still; that is the similarity between groups.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int, Shaped
from scipy.stats import false_discovery_control

from ensemble_rsa.analysis.bootstrap.draws import draw_counts, weighted_means
from ensemble_rsa.analysis.bootstrap.intervals import Resampled, bootstrap_result
from ensemble_rsa.analysis.bootstrap.relabelling import (
    paired_relabellings,
    parts_in_mean,
    relabellings,
)
from ensemble_rsa.arrays import ArrayLike, check_confidence, check_count, check_rdms, check_varied
from ensemble_rsa.errors import InputError
from ensemble_rsa.numerics import blocks, pair_indices
from ensemble_rsa.rdm.compare import compare_rows
from ensemble_rsa.rng import host_stream

_AXES = "(..., instance, stimulus_pair) with at least three instances"
_ROUNDING = 1e-12  # similarities are at most 1: differences closer than this are ties


@dataclass(frozen=True)
class Difference:
    """A difference of mean similarities and what speaks for it; all `(...)`, float64.

    Attributes:
        value: the difference; its field in `GroupComparison` says what is taken from what.
        low: lower end of its interval, from resampled instances.
        high: upper end of its interval.
        p: the share of relabellings in which the difference is as extreme as this.
        p_adjusted: `p` adjusted over all leading positions for the false discovery rate, by
            Benjamini and Hochberg's method.
        z: by how many standard deviations of the relabelled differences `value` is above their
            mean; NaN where they are all the same.
    """

    value: Float[np.ndarray, "..."]
    low: Float[np.ndarray, "..."]
    high: Float[np.ndarray, "..."]
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
        within_minus_between: (within_a + within_b) / 2 − between. Positive: instances of different
            groups are less similar than those of one group. Its p is one-sided, for large values.
        a_minus_b: within_a − within_b. Negative: the first group is the less consistent one. Its p
            is two-sided.
        cohens_d: `within_minus_between` over the standard deviation of the pairs' similarities
            about the means of their three kinds; NaN where there is none. It describes and does not
            test, since pairs that share an instance are not independent.
        n_relabellings: how many relabellings `p` and `z` rest on.
        exact: whether these are all there are, rather than random ones.
        dropped: how many resamples were left out of the intervals, because a group had fewer than
            two distinct instances in them.
    """

    within_a: Float[np.ndarray, "..."]
    within_b: Float[np.ndarray, "..."]
    between: Float[np.ndarray, "..."]
    within_minus_between: Difference
    a_minus_b: Difference
    cohens_d: Float[np.ndarray, "..."]
    n_relabellings: int
    exact: bool
    dropped: int


def compare_groups(
    rdms: ArrayLike,
    others: ArrayLike,
    paired: bool = False,
    comparison: str = "pearson_squared",
    n_permutations: int = 10_000,
    confidence: float = 0.95,
    seed: int = 0,
) -> GroupComparison:
    """Test whether two groups of instances differ by more than the instances of a group do.

    The similarity of two instances is that of their RDMs. Both groups' means count equally,
    whatever the groups' sizes. If the groups differ in nothing but seeds, instances could change
    places, so `within_minus_between` is compared with what it is after relabelling instances: in
    all ways if there are at most `n_permutations`, else in that many random ones, with p = (1 + as
    extreme) / (1 + n_permutations). Equal groups of n can be swapped as a whole, so p is at least
    2 / C(2n, n): 0.1 for three instances each, 0.008 for five. Groups of one mean geometry and
    unequal consistency also give a slightly positive difference: read it beside `a_minus_b`.

    For `a_minus_b`, what is relabelled is the part each instance has in the mean of its own group
    (jackknife pseudo-values): relabelled similarities would also tell groups that differ in
    geometry alone.

    `paired=True` is for groups in which instance i has the same seed, such as dropout rates that
    start from the same weights. Labels are then swapped only within a seed (p is at least 2 / 2ⁿ,
    so 0.05 takes six seeds), seeds are resampled whole, and pairs of one seed are left out of
    `between`, since what they share would raise it.

    Intervals are percentiles over instances drawn with replacement, `n_permutations` times, without
    pairs of an instance with itself. With fewer than about ten instances they are too narrow.

    Args:
        rdms: condensed RDMs of the first group, `(..., instance, stimulus_pair)`.
        others: those of the second group, for the same stimuli and leading axes. The number of
            instances may differ unless `paired`.
        paired: whether instance i has the same seed in both groups.
        comparison: how two RDMs are compared, one of `comparisons.COMPARISONS`.
        n_permutations: most relabellings, and number of resamples.
        confidence: the share of the resampled differences inside an interval.
        seed: the same seed, the same relabellings and resamples; all leading positions share them.

    Raises:
        InputError: fewer than three instances in a group, NaN, a constant RDM, leading axes or
            stimuli that do not match, paired groups of unequal size, an unknown comparison, fewer
            than one permutation, no resample that can be used, or a confidence outside (0, 1).

    >>> a, b = np.eye(3, 6) + [0, 0, 0, 0, 0, 3], np.eye(3, 6) + [0, 0, 0, 3, 0, 0]
    >>> result = compare_groups(a, b)
    >>> float(result.within_minus_between.p), float(result.a_minus_b.p), result.n_relabellings
    (0.1, 1.0, 20)
    """
    a, b = _checked("rdms", rdms), _checked("others", others)
    _check_match(a.shape, b.shape, paired)
    n_permutations = check_count("n_permutations", n_permutations, 1)
    confidence = check_confidence("confidence", confidence)
    n_a, n_b, leading = a.shape[-2], b.shape[-2], a.shape[:-2]
    similarity = _similarity(a, b, comparison).reshape(-1, n_a + n_b, n_a + n_b)
    pairs = _pairs(similarity, n_a, paired)
    generator = host_stream(seed, "group labels")
    if paired:
        labels, exact = paired_relabellings(n_a, n_permutations, generator)
    else:
        labels, exact = relabellings(n_a, n_b, n_permutations, generator)
    actual = np.arange(n_a + n_b)[None] < n_a

    observed = _means(pairs, actual, ~actual)[..., 0]
    relabelled = _means(pairs, labels, ~labels)
    drawn = _means(pairs, *_resamples(n_a, n_b, paired, n_permutations, seed))
    groups = similarity[:, :n_a, :n_a], similarity[:, n_a:, n_a:]
    parts = np.concatenate([parts_in_mean(group) for group in groups], -1)
    test = partial(_difference, exact=exact, confidence=confidence, leading=leading)
    return GroupComparison(
        *(np.asarray(mean) for mean in observed.reshape(3, *leading)),
        within_minus_between=test(
            _separation(observed), _separation(relabelled), _separation(drawn), two_sided=False
        ),
        a_minus_b=test(
            observed[0] - observed[1],
            weighted_means(parts, labels * 1.0) - weighted_means(parts, ~labels * 1.0),
            drawn[0] - drawn[1],
            two_sided=True,
        ),
        cohens_d=_ratio(_separation(observed), _spread(pairs, observed, n_a)).reshape(leading),
        n_relabellings=len(labels),
        exact=exact,
        dropped=int(np.isnan(drawn).any((0, 1)).sum()),
    )


class _Pairs(NamedTuple):
    """The similarities that count, and whose they are: instances of both groups in one row."""

    values: Float[np.ndarray, "position pair"]
    first: Int[np.ndarray, " pair"]
    second: Int[np.ndarray, " pair"]


def _checked(name: str, rdms: ArrayLike) -> Any:
    array, _ = check_rdms(name, rdms, 2, _AXES)
    if array.shape[-2] < 3:
        raise InputError(f"{name}: expected shape {_AXES}, got {tuple(array.shape)}")
    return array


def _check_match(shape: tuple[int, ...], other: tuple[int, ...], paired: bool) -> None:
    if (*shape[:-2], shape[-1]) != (*other[:-2], other[-1]):
        raise InputError(
            f"others: expected the leading axes and stimulus pairs of rdms, {tuple(shape)}, got "
            f"{tuple(other)}"
        )
    if paired and shape[-2] != other[-2]:
        raise InputError(
            f"paired: expected the same seeds in both groups, got {shape[-2]} and {other[-2]} "
            "instances; use paired=False"
        )


def _similarity(a: Any, b: Any, comparison: str) -> Float[np.ndarray, "... n n"]:
    """Of all instances of both groups, the first group before the second."""
    within_a, within_b = compare_rows(a, None, comparison), compare_rows(b, None, comparison)
    check_varied("rdms", within_a)
    check_varied("others", within_b)
    between = compare_rows(a, b, comparison)
    return np.block([[within_a, between], [np.swapaxes(between, -1, -2), within_b]])


def _pairs(similarity: Float[np.ndarray, "position n n"], n_a: int, paired: bool) -> _Pairs:
    first, second = pair_indices(similarity.shape[-1])
    if paired:
        different_seeds = second - first != n_a
        first, second = first[different_seeds], second[different_seeds]
    return _Pairs(similarity[..., first, second], first, second)


def _resamples(
    n_a: int, n_b: int, paired: bool, n_resamples: int, seed: int
) -> tuple[Float[np.ndarray, "resample instance"], Float[np.ndarray, "resample instance"]]:
    """How often each instance is drawn, as a member of the first group and of the second."""
    generator = host_stream(seed, "bootstrap instance")
    of_a = draw_counts(generator, slice(0, n_resamples), n_a)
    of_b = of_a if paired else draw_counts(generator, slice(0, n_resamples), n_b)
    return np.pad(of_a, ((0, 0), (0, n_b))), np.pad(of_b, ((0, 0), (n_a, 0)))


def _means(
    pairs: _Pairs,
    of_a: Shaped[np.ndarray, "draw instance"],
    of_b: Shaped[np.ndarray, "draw instance"],
) -> Float[np.ndarray, "3 position draw"]:
    """Mean similarity within the first group, within the second and between them, in each draw.

    An instance belongs to a group as often as that group's row says; a mean over no pairs is NaN.
    """
    values, first, second = pairs
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


def _separation(
    means: Float[np.ndarray, "3 position ..."],
) -> Float[np.ndarray, "position ..."]:
    return (means[0] + means[1]) / 2 - means[2]


def _difference(
    observed: Float[np.ndarray, " position"],
    relabelled: Float[np.ndarray, "position relabelling"],
    drawn: Float[np.ndarray, "position resample"],
    two_sided: bool,
    exact: bool,
    confidence: float,
    leading: tuple[int, ...],
) -> Difference:
    """Put a difference among its relabelled and its resampled ones."""
    reference = observed[:, None]
    beyond = abs(relabelled) - abs(reference) if two_sided else relabelled - reference
    own = not exact  # random relabellings leave out the one at hand
    p = ((beyond >= -_ROUNDING).sum(-1) + own) / (relabelled.shape[-1] + own)
    interval = bootstrap_result(
        "n_permutations",
        observed,
        Resampled(drawn, observed, ()),
        confidence,
        "percentile",
        "two distinct instances in each group",
    )
    numbers = (
        observed,
        interval.low,
        interval.high,
        p,
        false_discovery_control(p),
        _ratio(observed - relabelled.mean(-1), relabelled.std(-1)),
    )
    return Difference(*(each.reshape(leading) for each in numbers))


def _spread(
    pairs: _Pairs, means: Float[np.ndarray, "3 position"], n_a: int
) -> Float[np.ndarray, " position"]:
    """Standard deviation of similarities about the means of their kinds."""
    kind = np.where(pairs.second < n_a, 0, np.where(pairs.first >= n_a, 1, 2))
    residual = pairs.values - means[kind].T
    return np.sqrt((residual**2).sum(-1) / (len(kind) - len(means)))


def _ratio(
    value: Float[np.ndarray, " position"], spread: Float[np.ndarray, " position"]
) -> Float[np.ndarray, " position"]:
    return np.divide(value, spread, out=np.full_like(spread, np.nan), where=spread > _ROUNDING)
