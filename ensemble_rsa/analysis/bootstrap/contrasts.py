"""Tests and intervals of two groups of instances by deleting one instance at a time.

`welch_difference` compares the mean similarities of two groups, `ratio_interval` their similarity
to each other with their own. Both take matrices of the similarities of instances.

Each instance has a pseudo-value n z(U) − (n − 1) z(U₋ᵢ), with U the mean similarity of its group
and U₋ᵢ that without it, which varies as an independent value would. Two groups are compared as
their pseudo-values by Welch's t. The variance of the mean of n pseudo-values is
Σ(pᵢ − p̄)² / (n − 1)², the estimator HC3 (MacKinnon and White 1985,
doi:10.1016/0304-4076(85)90158-7) rather than Σ(pᵢ − p̄)² / (n (n − 1)), and the degrees of freedom
lie halfway between those of Welch and Satterthwaite and the fewest possible, n − 1 of the smaller
group. Both are ours: without them the test rejects too often, up to 9 % at .05, where a small group
is the more variable one. scripts/group_tests.py simulates it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import stdtr, stdtrit
from scipy.stats import false_discovery_control

from ensemble_rsa.analysis.bootstrap.jackknife import TRANSFORMATIONS, Scale, standard_error

OfA = Float[np.ndarray, "position a a"]
OfB = Float[np.ndarray, "position b b"]
Means = Float[np.ndarray, " position"]
ROUNDING = 1e-6  # of similarities, which are at most 1 and often sums in float32


@dataclass(frozen=True)
class Contrast:
    """A contrast of two groups with its interval and test; all `(...)`, float64.

    Attributes:
        value: the contrast.
        low: lower end of its interval.
        high: upper end; the interval holds the value of no effect exactly if p is above 1 −
            confidence.
        p: two-sided, by Student's t.
        p_adjusted: `p` adjusted over all leading positions for the false discovery rate (Benjamini
            and Hochberg).
        t: the contrast over its standard error, on the scale of the test.
        degrees_of_freedom: of t.
    """

    value: Float[np.ndarray, "..."]
    low: Float[np.ndarray, "..."]
    high: Float[np.ndarray, "..."]
    p: Float[np.ndarray, "..."]
    p_adjusted: Float[np.ndarray, "..."]
    t: Float[np.ndarray, "..."]
    degrees_of_freedom: Float[np.ndarray, "..."]


def welch_difference(
    own_a: OfA, own_b: OfB, scale: Scale, confidence: float, paired: bool
) -> Contrast:
    """The difference of the mean similarities of two groups.

    Pseudo-values are compared on the scale of a transformation z. An end of the interval is the
    difference of two means that lie as far apart on that scale as the end of the interval there,
    about the middle of z(U) of the groups. If `paired`, the differences of the pseudo-values of
    instance i of both groups are tested by Student's t.
    """
    (mean_a, z_a, pseudo_a), (mean_b, z_b, pseudo_b) = (
        _pseudo_values(own, scale) for own in (own_a, own_b)
    )
    groups = [pseudo_a - pseudo_b] if paired else [pseudo_a, pseudo_b]
    variance, dof = _welch(
        [_variance_of_mean(each) for each in groups], [each.shape[-1] for each in groups]
    )
    apart = pseudo_a.mean(-1) - pseudo_b.mean(-1)
    apart = np.where(np.abs(mean_a - mean_b) <= ROUNDING, 0.0, apart)
    middle, back = (z_a + z_b) / 2, TRANSFORMATIONS[scale].back
    raw = lambda end: np.asarray(back(middle + end / 2) - back(middle - end / 2))
    return _contrast(mean_a - mean_b, apart, variance, dof, confidence, raw)


def ratio_interval(
    own_a: OfA,
    own_b: OfB,
    between: Float[np.ndarray, "position a b"],
    confidence: float,
    paired: bool,
) -> Contrast:
    """Mean similarity between two groups over the geometric mean of those within them.

    If every instance is one geometry plus noise of its own, the similarity of two instances is the
    product of a number of each, and the ratio is 1, however noisy the groups are. Its logarithm is
    tested against 0 by the jackknife over the instances of both groups, which also corrects the
    value for its bias: the ratio of sample means is above 1 on average, and the more so the fewer
    instances there are and the more they differ. If `paired`, instance i of both groups is deleted
    at once, and pairs of instance i with itself are left out. The result is NaN where a mean
    similarity is not positive.
    """
    n_a, n_b = own_a.shape[-1], own_b.shape[-1]
    (within_a, without_a), (within_b, without_b) = map(_means_without_one, (own_a, own_b))
    if paired:
        between = np.where(np.eye(n_a, dtype=bool), 0, between)
        total, n_pairs = between.sum((-2, -1)), n_a * (n_a - 1)
        rest = total[:, None] - between.sum(-1) - between.sum(-2)
        parts = [_log_ratio(rest / (n_pairs - 2 * (n_a - 1)), without_a, without_b)]
    else:
        total, n_pairs = between.sum((-2, -1)), n_a * n_b
        of_a = (total[:, None] - between.sum(-1)) / (n_pairs - n_b)
        of_b = (total[:, None] - between.sum(-2)) / (n_pairs - n_a)
        parts = [
            _log_ratio(of_a, without_a, within_b[:, None]),
            _log_ratio(of_b, within_a[:, None], without_b),
        ]
    whole = _log_ratio(total / n_pairs, within_a, within_b)
    corrected = whole + sum((part.shape[-1] - 1) * (whole - part.mean(-1)) for part in parts)
    variance, dof = _welch(
        [standard_error(part) ** 2 for part in parts], [part.shape[-1] for part in parts]
    )
    # The jackknife multiplies rounding by the number of parts, the logarithm divides it by a mean.
    rounding = ROUNDING * sum(part.shape[-1] for part in parts)
    is_none = np.abs(corrected) * np.minimum(within_a, within_b) <= rounding
    corrected = np.where(is_none, 0.0, corrected)
    return _contrast(np.exp(corrected), corrected, variance, dof, confidence, np.exp)


def adjusted(p: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """`p` adjusted over all positions for the false discovery rate; NaN stays NaN.

    >>> adjusted(np.array([0.01, np.nan, 0.04]))
    array([0.02,  nan, 0.04])
    """
    found, known = np.full(p.shape, np.nan), np.isfinite(p)
    if known.any():
        found[known] = false_discovery_control(p[known])
    return found


def _contrast(
    value: Means,
    centre: Means,
    variance: Means,
    dof: Means,
    confidence: float,
    back: Callable[[Means], Means],
) -> Contrast:
    """The contrast from its value, and from its centre and variance on the scale of the test."""
    error = np.sqrt(variance)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where((centre == 0) & (error == 0), 0.0, centre / error)
    reach = stdtrit(dof, (1 + confidence) / 2) * error
    p = 2 * stdtr(dof, -np.abs(t))
    low, high = (np.asarray(back(end)) for end in (centre - reach, centre + reach))
    return Contrast(value, low, high, p, adjusted(p), t, dof)


def _welch(variances: Sequence[Means], sizes: Sequence[int]) -> tuple[Means, Means]:
    """The sum of variances of means, and its degrees of freedom (see the head of this module)."""
    total, fewest = np.sum(variances, axis=0), min(sizes) - 1.0
    below = np.sum([v**2 / (n - 1) for v, n in zip(variances, sizes, strict=True)], axis=0)
    satterthwaite = np.divide(total**2, below, out=np.full_like(total, fewest), where=below > 0)
    return total, (satterthwaite + fewest) / 2


def _pseudo_values(
    own: Float[np.ndarray, "position n n"], scale: Scale
) -> tuple[Means, Means, Float[np.ndarray, "position n"]]:
    """The mean similarity of a group, z of it, and the pseudo-values of its instances."""
    mean, without = _means_without_one(own)
    forward, n = TRANSFORMATIONS[scale].forward, own.shape[-1]
    z = np.asarray(forward(mean))
    return mean, z, n * z[:, None] - (n - 1) * np.asarray(forward(without))


def _means_without_one(
    own: Float[np.ndarray, "position n n"],
) -> tuple[Means, Float[np.ndarray, "position n"]]:
    """The mean similarity u of a group, and u₋ᵢ = (n u − 2 cᵢ) / (n − 2) without each instance.

    cᵢ is the mean similarity of instance i to the others.
    """
    n = own.shape[-1]
    means = np.where(np.eye(n, dtype=bool), 0, own).sum(-1) / (n - 1)
    mean = means.mean(-1)
    return mean, (n * mean[:, None] - 2 * means) / (n - 2)


def _log_ratio(between: np.ndarray, within_a: np.ndarray, within_b: np.ndarray) -> np.ndarray:
    between, within_a, within_b = (
        np.log(np.where(part > 0, part, np.nan)) for part in (between, within_a, within_b)
    )
    return between - (within_a + within_b) / 2


def _variance_of_mean(pseudo: Float[np.ndarray, "position n"]) -> Means:
    deviations = pseudo - pseudo.mean(-1, keepdims=True)
    return (deviations**2).sum(-1) / (pseudo.shape[-1] - 1) ** 2
