"""Distances between category centroids of resampled or relabelled stimuli, from inner products.

A centroid is a weighted average of patterns, so its distances follow from the inner products of the
stimuli's patterns, which are computed once per instance.

Centroids may all lie close to the mean pattern m, and 1 − cos of nearly equal vectors cancels.
Therefore patterns are split as x_i = m + y_i; K = YYᵀ, q = Ym and |m|² are kept, and every distance
is built from differences of the small parts.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from ensemble_rsa.jax_settings import fixed_settings
from ensemble_rsa.numerics import pair_indices
from ensemble_rsa.rdm.blocks import refuse_not_finite, sample_units, unit_blocks
from ensemble_rsa.rdm.distances import DISTANCES
from ensemble_rsa.rdm.frame import constant_patterns, first_frame, frame_of
from ensemble_rsa.rdm.gram import PatternSums, mirror
from ensemble_rsa.rdm.squares import Patterns, describe

_LARGEST = 1e150  # length of a pattern; its square would overflow
_DEAD = 1e-5  # a squared length below this share of its two parts' is a rounding of 0
_ROUNDING = 64 * 2.0**-24  # of squared deviations from the mean pattern, whose products are float32
PerPair = Float[np.ndarray, "draw category_pair"]


@dataclass(frozen=True)
class PatternProducts:
    """Inner products of one instance's patterns m + y, over the largest squared length."""

    inner: Float[np.ndarray, "stimulus stimulus"]  # YYᵀ, symmetric
    with_mean: Float[np.ndarray, " stimulus"]  # Ym
    mean_square: float  # |m|²


def pattern_products(
    name: str, array: Any, index: tuple[int, ...], distance: str
) -> PatternProducts:
    """Inner products of the patterns of one instance, read in blocks of units.

    For `correlation`, patterns are centred over units first; that and averaging commute.
    """
    sums, patterns = _summed(name, array, index, DISTANCES[distance].centre)
    n, n_units, (square_of_mean, sum_of_mean) = array.shape[-2], sums.n_units, sums.common
    # The frame's means are those of a sample of units: subtract what their errors add.
    shift = patterns.excess - patterns.excess.mean()
    inner = sums.gram[:n, :n].copy()
    mirror(inner)
    inner -= n_units * np.outer(shift, shift).astype(np.float32)
    with_mean = patterns.own[:, 1] - shift * sum_of_mean
    mean_square = square_of_mean - n_units * patterns.excess.mean() ** 2
    largest = float(patterns.placed_length.max() ** 2) or 1.0
    inner /= np.float32(largest)
    return PatternProducts(inner, with_mean / largest, float(mean_square / largest))


def _summed(
    name: str, array: Any, index: tuple[int, ...], centre: bool
) -> tuple[PatternSums, Patterns]:
    """Sums over all units; again with better means if those of a sample cost too many digits."""
    with np.errstate(all="ignore"), fixed_settings(x64=True):
        sample = sample_units(array, index).astype(np.float64)
        constant, value = constant_patterns(sample, centre)
        frame, refined = first_frame(sample, centre, False, constant), False
        while True:
            sums = PatternSums(frame, np.dtype(np.float64), np.float32, constant, value)
            for block in unit_blocks(array, index):
                sums.update(block)
            sums.finish()
            patterns = describe(sums, centre)
            if not (patterns.length < _LARGEST).all():
                refuse_not_finite(name, array, index, _LARGEST)
            shift = patterns.excess - patterns.excess.mean()
            if refined or (sums.n_units * shift**2 <= 0.5 * patterns.own[:, 0]).all():
                return sums, patterns
            frame, refined = frame_of(patterns.mean, patterns.length, False), True


def category_forms(
    inner: Float[np.ndarray, "stimulus stimulus"],
    weights: Float[np.ndarray, "resample stimulus"],
    starts: Int[np.ndarray, " category"],
) -> Float[np.ndarray, "resample category category"]:
    """Σ_{a∈c, b∈d} w_a w_b K_ab of every two categories, for all rows w of `weights`.

    Stimuli are sorted by category, and `starts` says where each category begins.

    >>> category_forms(np.eye(3), np.array([[1.0, 1, 2]]), np.array([0, 2])).tolist()
    [[[2.0, 0.0], [0.0, 4.0]]]
    """
    forms = np.empty((len(weights), len(starts), len(starts)))
    bounds = [*starts.tolist(), weights.shape[-1]]
    for category, (start, end) in enumerate(pairwise(bounds)):
        # With categories from this one on only: the forms are symmetric.
        half = weights[:, start:end] @ inner[start:end, start:]
        row = np.add.reduceat(half * weights[:, start:], starts[category:] - start, 1)
        forms[:, category, category:] = row
        forms[:, category:, category] = row
    return forms


def centroid_distances(
    inner: Float[np.ndarray, "draw category category"],
    with_mean: Float[np.ndarray, "draw category"],
    mean_square: float,
    distance: str,
) -> PerPair:
    """Distances of centroids m + z from z·z' (`inner`), z·m (`with_mean`) and |m|².

    Where all centroids of a draw have one direction, to the rounding of these products, their
    distances by direction are 0.

    >>> centroid_distances(np.diag([9.0, 16.0])[None], np.zeros((1, 2)), 0.0, "euclidean")
    array([[5.]])
    """
    first, second = pair_indices(inner.shape[-1])
    own = np.diagonal(inner, axis1=1, axis2=2)
    length = 2 * with_mean + own  # squared, and without |m|², which all centroids share
    square = length + mean_square
    norm = np.sqrt(np.where(square > _DEAD * (own + mean_square), square, 0.0))
    gap = np.maximum(own[:, first] + own[:, second] - 2 * inner[:, first, second], 0)
    norm_sum = norm[:, first] + norm[:, second]
    norm_gap = np.divide(
        length[:, first] - length[:, second],
        norm_sum,
        out=np.zeros_like(norm_sum),
        where=norm_sum > 0,
    )
    norm_product = norm[:, first] * norm[:, second]
    distances = CENTROID_DISTANCES[distance](gap, norm_gap, norm_product)
    if DISTANCES[distance].unit_length:
        deviations = _ROUNDING * (own[:, first] + own[:, second])
        noise = np.divide(deviations, 2 * norm_product, out=deviations, where=norm_product > 0)
        half_square = DISTANCES[distance].form == "half_square"
        halves = distances if half_square else distances**2 / 2
        distances[halves.max(1) <= noise.max(1)] = 0
    return distances


def _cosine(gap: PerPair, norm_gap: PerPair, norm_product: PerPair) -> PerPair:
    """1 − cos = (|a − b|² − (|a| − |b|)²) / (2 |a| |b|), and 1 from a pattern without length."""
    alive = norm_product > 0
    distance = (gap - norm_gap**2) / (2 * np.where(alive, norm_product, 1))
    return np.where(alive, np.maximum(distance, 0), 1.0)


# From |a − b|², |a| − |b| and |a| |b| of two centroids.
CENTROID_DISTANCES: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "correlation": _cosine,  # of patterns centred over units
        "cosine": _cosine,
        "euclidean": lambda gap, norm_gap, norm_product: np.sqrt(gap),
        "unit_euclidean": lambda gap, norm_gap, norm_product: np.sqrt(
            2 * _cosine(gap, norm_gap, norm_product)
        ),
        "norm_difference": lambda gap, norm_gap, norm_product: np.abs(norm_gap),
    }
)
