"""Sums over units: moments of each pattern, and inner products of all patterns (Gram matrix).

Elementwise arithmetic is done in float64 and only the products, where the time goes, in float32.
Before the products the mean pattern is taken away. That changes no difference between patterns, but
leaves small numbers where the patterns resemble each other, so that rounding is relative to how
much they differ and not to how large they are.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from ensemble_rsa.rdm.blocks import block_width, refuse_not_finite, unit_blocks

STRIP_ROWS = 256  # a product of fewer rows runs slower per operation on CPU
MOST_STRIPS = 16
SAMPLED_ROWS = 64
LARGEST_LENGTH = 1e38  # of a pattern: its distances must fit float32


@dataclass(frozen=True)
class Moments:
    """Mean and length of each pattern, exact to float64.

    Attributes:
        mean: over units; zero where patterns are not centred.
        length: Euclidean norm of the pattern minus `mean`.
        constant: the pattern equals `mean` in every unit.
    """

    mean: Float[np.ndarray, " stimulus"]
    length: Float[np.ndarray, " stimulus"]
    constant: Bool[np.ndarray, " stimulus"]


@dataclass(frozen=True)
class Gram:
    """Inner products of all patterns around their mean pattern.

    Attributes:
        strips: rows of the upper triangle, in order; one that begins with stimulus a has columns
            a, a + 1, ….
        diagonal: squared lengths, from the same products.
        rounding: error of the diagonal, measured against float64, over its largest entry; 0 for
            float64 products.
    """

    strips: tuple[np.ndarray, ...]
    diagonal: Float[np.ndarray, " stimulus"]
    rounding: float


def pattern_moments(name: str, array: Any, index: tuple[int, ...], centre: bool) -> Moments:
    """Mean and length of each pattern of one instance, in one pass.

    Args:
        name: what the activations are called, for the message.
        array: from `open_activations`.
        index: the instance.
        centre: measure from each pattern's own mean.

    Raises:
        InputError: NaN or inf among the activations, or a pattern too long for float32.
    """
    n_stimuli, n_units = array.shape[-2:]
    # Measured from one of its own values, a pattern's sum of squares is at most n_units times that
    # around its mean, so the subtraction below keeps ten digits whatever offset is shared.
    first = next(unit_blocks(array, index, 1))[0]
    origin = np.asarray(first, np.float64) if centre else np.zeros((n_stimuli, 1))
    total, squares = np.zeros(n_stimuli), np.zeros(n_stimuli)
    with jax.enable_x64(True), np.errstate(invalid="ignore", over="ignore"):
        for block, used in unit_blocks(array, index, block_width(n_stimuli, n_units)):
            block_total, block_squares = _sum_block(block, origin, used)
            total += np.asarray(block_total)
            squares += np.asarray(block_squares)
    if not (squares < LARGEST_LENGTH**2).all():
        refuse_not_finite(name, array, index)
    constant = squares == 0
    if not centre:
        return Moments(np.zeros(n_stimuli), np.sqrt(squares), constant)
    return Moments(origin[:, 0] + total / n_units, np.sqrt(squares - total**2 / n_units), constant)


@jax.jit
def _sum_block(block: Array, origin: Float[Array, "stimulus 1"], used: Any) -> tuple[Array, Array]:
    offset = jnp.where(_own_units(block, used), block.astype(jnp.float64) - origin, 0.0)
    return offset.sum(axis=1), jnp.square(offset).sum(axis=1)


def centred_gram(
    array: Any,
    index: tuple[int, ...],
    mean: Float[np.ndarray, " stimulus"],
    scale: Float[np.ndarray, " stimulus"],
    product: type[np.floating],
) -> Gram:
    """Inner products of the patterns `(activations − mean) × scale`, around their mean pattern.

    Args:
        array: from `open_activations`.
        index: the instance.
        mean: taken from each pattern.
        scale: factor of each pattern; a pattern with factor 0 has no part in the mean pattern.
        product: precision of the products, `np.float32` or `np.float64`.
    """
    n_stimuli, n_units = array.shape[-2:]
    participants = np.float64(max(1, np.count_nonzero(scale)))
    with jax.enable_x64(True):
        gram, lengths = _no_products(n_stimuli, product)
        for block, used in unit_blocks(array, index, block_width(n_stimuli, n_units)):
            gram, lengths = _add_products(
                gram, lengths, block, mean[:, None], scale[:, None], used, participants
            )
            # Waiting keeps the blocks of a long queue from filling the memory.
            jax.block_until_ready(gram)
        strips = tuple(np.asarray(strip) for strip in gram)
    diagonal = np.concatenate([np.diagonal(strip) for strip in strips]).astype(np.float64)
    exact = np.asarray(lengths)
    largest = exact.max()
    error = np.abs(diagonal[:: _step(n_stimuli)] - exact).max()
    return Gram(
        strips, diagonal, float(error / largest) if product == np.float32 and largest > 0 else 0.0
    )


@partial(jax.jit, static_argnums=(0, 1))
def _no_products(n_stimuli: int, product: type[np.floating]) -> tuple[tuple[Array, ...], Array]:
    rows = max(STRIP_ROWS, -(-n_stimuli // MOST_STRIPS))
    starts = range(0, n_stimuli, rows)
    strips = tuple(jnp.zeros((min(rows, n_stimuli - a), n_stimuli - a), product) for a in starts)
    return strips, jnp.zeros(len(range(0, n_stimuli, _step(n_stimuli))), jnp.float64)


@partial(jax.jit, donate_argnums=(0, 1))
def _add_products(
    gram: tuple[Array, ...],
    lengths: Array,
    block: Array,
    mean: Float[Array, "stimulus 1"],
    scale: Float[Array, "stimulus 1"],
    used: Any,
    participants: Any,
) -> tuple[tuple[Array, ...], Array]:
    patterns = jnp.where(_own_units(block, used), (block.astype(jnp.float64) - mean) * scale, 0.0)
    patterns = patterns - patterns.sum(axis=0, keepdims=True) / participants
    patterns = patterns.astype(gram[0].dtype)
    added = []
    start = 0
    for strip in gram:
        rows = patterns[start : start + strip.shape[0]]
        # "highest" keeps a GPU from rounding the factors to ten bits (TF32).
        products = jnp.matmul(rows, patterns[start:].T, precision="highest")
        added.append(strip + products)
        start += strip.shape[0]
    sampled = patterns[:: _step(patterns.shape[0])].astype(jnp.float64)
    return tuple(added), lengths + jnp.square(sampled).sum(axis=1)


def _own_units(block: Array, used: Any) -> Array:
    return jax.lax.broadcasted_iota(jnp.int32, (1, block.shape[1]), 1) < used


def _step(n_stimuli: int) -> int:
    """Distance between the rows whose length is checked against float64."""
    return max(1, n_stimuli // SAMPLED_ROWS)
