"""Distances between category centroids of resampled or relabelled stimuli, from inner products.

A centroid is a weighted average of patterns, so all that its distances need is the inner products
of the stimuli's patterns, worked out once per instance.

Centroids may all lie close to the mean pattern m, and 1 − cos of nearly equal vectors cancels. So
patterns are split as x_i = m + y_i, what is kept is K = YYᵀ, q = Ym and |m|², and every distance is
built from differences of the small parts.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ensemble_rsa.arrays import check_finite
from ensemble_rsa.errors import InputError
from ensemble_rsa.numerics import pair_indices, power_of_two
from ensemble_rsa.rdm.blocks import block_width, unit_blocks
from ensemble_rsa.rdm.distances import DISTANCES

_STRIP_ROWS, _MOST_STRIPS = 256, 8  # a product of fewer rows runs slower per operation on CPU
_DEAD = 1e-5  # a squared length below this share of its two parts' is a rounding of 0


@dataclass(frozen=True)
class PatternProducts:
    """Inner products of one instance's patterns m + y, over the largest squared length.

    Attributes:
        inner: YYᵀ, symmetric.
        with_mean: Ym.
        mean_square: |m|².
    """

    inner: Float[np.ndarray, "stimulus stimulus"]
    with_mean: Float[np.ndarray, " stimulus"]
    mean_square: float


def pattern_products(
    name: str, array: Any, index: tuple[int, ...], distance: str
) -> PatternProducts:
    """Inner products of the patterns of one instance, read in blocks of units.

    For `correlation`, patterns are centred over units first; that and averaging commute.

    Args:
        name: what the activations are called, for messages.
        array: from `open_activations`.
        index: the instance.
        distance: one of `DISTANCES`.

    Raises:
        InputError: NaN or inf among the activations.
    """
    width = block_width(*array.shape[-2:])
    with jax.enable_x64(True):
        mean, scale = _place_and_scale(name, array, index, width, DISTANCES[distance].centre)
        n_stimuli = array.shape[-2]
        rows = max(_STRIP_ROWS, -(-n_stimuli // _MOST_STRIPS))
        inner = np.zeros((n_stimuli, n_stimuli), np.float32)
        with_mean, mean_square = np.zeros(n_stimuli), 0.0
        for block, used in unit_blocks(array, index, width):
            rest, along, square = _split(block, mean[:, None], scale, used)
            with_mean += np.asarray(along)
            mean_square += float(square)
            for start in range(0, n_stimuli, rows):
                # No jit around the product: joined with other steps, XLA's CPU compiler runs it 3
                # times slower. The upper triangle will do.
                strip = jnp.matmul(rest[start : start + rows], rest[start:].T, precision="highest")
                inner[start : start + rows, start:] += np.asarray(strip)
    for start in range(0, n_stimuli, rows):
        stop = start + rows
        inner[stop:, start:stop] = inner[start:stop, stop:].T
    return PatternProducts(inner, with_mean, mean_square)


def _place_and_scale(
    name: str, array: Any, index: tuple[int, ...], width: int, centre: bool
) -> tuple[Float[np.ndarray, " stimulus"], float]:
    """The mean of each pattern, 0 unless they are centred, and one over the longest length."""
    n_stimuli, n_units = array.shape[-2:]
    # Measured from one of its own values, so that an offset costs the sum of squares no digits.
    first = next(unit_blocks(array, index, width))[0][:, :1]
    origin = np.asarray(first, np.float64) if centre else np.zeros((n_stimuli, 1))
    total, squares = np.zeros(n_stimuli), np.zeros(n_stimuli)
    for block, used in unit_blocks(array, index, width):
        block_total, block_squares = _totals(block, origin, used)
        total += np.asarray(block_total)
        squares += np.asarray(block_squares)
    if not np.isfinite(squares).all():
        where = f"{name}{list(index)}"
        check_finite(where, array[index])
        raise InputError(
            f"{where}: expected patterns shorter than 1e150, or their squares overflow"
        )
    if not centre:
        return np.zeros(n_stimuli), 1 / np.sqrt(squares.max() or 1.0)
    largest = (squares - total**2 / n_units).max()
    return origin[:, 0] + total / n_units, 1 / np.sqrt(largest if largest > 0 else 1.0)


@jax.jit
def _totals(block: Array, origin: Float[Array, "stimulus 1"], used: Any) -> tuple[Array, Array]:
    deviations = jnp.where(_own_units(block, used), block.astype(jnp.float64) - origin, 0.0)
    return deviations.sum(axis=1), jnp.square(deviations).sum(axis=1)


@jax.jit
def _split(
    block: Array, mean: Float[Array, "stimulus 1"], scale: Any, used: Any
) -> tuple[Array, Array, Array]:
    """From the block's own units: y in float32, y·m and |m|²."""
    patterns = (block.astype(jnp.float64) - mean) * scale
    patterns = jnp.where(_own_units(block, used), patterns, 0.0)
    common = patterns.mean(axis=0, keepdims=True)
    rest = patterns - common
    return rest.astype(jnp.float32), (rest * common).sum(axis=1), jnp.square(common).sum()


def _own_units(block: Array, used: Any) -> Array:
    return jax.lax.broadcasted_iota(jnp.int32, (1, block.shape[1]), 1) < used


def category_forms(
    inner: Float[np.ndarray, "stimulus stimulus"],
    weights: Float[np.ndarray, "resample stimulus"],
    starts: Int[np.ndarray, " category"],
) -> Float[np.ndarray, "resample category category"]:
    """Σ_{a∈c, b∈d} w_a w_b K_ab of every two categories, for all rows w of `weights`.

    Args:
        inner: K, with stimuli sorted by category.
        weights: of the stimuli in that order.
        starts: where each category begins.

    >>> category_forms(np.eye(3), np.array([[1.0, 1, 2]]), np.array([0, 2])).tolist()
    [[[2.0, 0.0], [0.0, 4.0]]]
    """
    forms = np.empty((len(weights), len(starts), len(starts)))
    bounds = [*starts.tolist(), weights.shape[-1]]
    for category, (start, end) in enumerate(pairwise(bounds)):
        padding = power_of_two(end - start) - (end - start)  # so that few shapes are compiled
        own = np.pad(weights[:, start:end], ((0, 0), (0, padding)))
        rows = np.pad(inner[start:end], ((0, padding), (0, 0)))
        half = np.asarray(jnp.matmul(own, rows, precision="highest"))
        # From here on only: the forms are symmetric.
        row = np.add.reduceat(half[:, start:] * weights[:, start:], starts[category:] - start, 1)
        forms[:, category, category:] = row
        forms[:, category:, category] = row
    return forms


def centroid_distances(
    inner: Float[np.ndarray, "draw category category"],
    with_mean: Float[np.ndarray, "draw category"],
    mean_square: float,
    distance: str,
) -> Float[np.ndarray, "draw category_pair"]:
    """Distances of centroids m + z, from the inner products of all z, from z·m and from |m|².

    Args:
        inner: zzᵀ.
        with_mean: z·m.
        mean_square: |m|².
        distance: one of `DISTANCES`.

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
    return CENTROID_DISTANCES[distance](gap, norm_gap, norm[:, first] * norm[:, second])


def _cosine(
    gap: Float[np.ndarray, "draw category_pair"],
    norm_gap: Float[np.ndarray, "draw category_pair"],
    norm_product: Float[np.ndarray, "draw category_pair"],
) -> Float[np.ndarray, "draw category_pair"]:
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
