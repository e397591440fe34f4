"""Sums over units: inner products of all patterns (Gram matrix), and what puts their frame right.

Before the products, the mean pattern over stimuli is taken away. That changes no difference between
patterns, but leaves small numbers where the patterns resemble each other, so that rounding is
relative to how much they differ and not to how large they are. With y from `frame`, c the mean of y
over stimuli (of one unit) and z = y − c, each block of units adds to

    z_i · z_j      c · c      z_i · c      z_i · 1      c · 1

from which all products of y, of y minus its exact mean, and of these at exactly unit length follow.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ensemble_rsa.rdm.frame import Frame

STRIP_ROWS = 256  # a product of fewer rows runs slower per operation on CPU
MOST_STRIPS = 16
SAMPLED_ROWS = 64
SMALL_STIMULI = 100
ONE_THREAD = 2**18  # multiplications of a product; OpenBLAS divides a larger one among threads
EXACT_IN_FLOAT32 = (
    "bool", "int8", "uint8", "int16", "uint16", "float16", "bfloat16", "float32"
)  # fmt: skip


class Sums(NamedTuple):
    """Sums over the units seen so far.

    Attributes:
        strips: z · z, rows of the upper triangle, in order; one that begins with stimulus a has
            columns a, a + 1, …. None where only the lengths of patterns are asked for.
        along: `(stimulus, 2)`: z · c and z · 1 of each pattern.
        common: c · c and c · 1.
        exact: `(some stimulus, 3)`: z · z, z · c and z · 1 in float64. Of every so manyth pattern,
            to measure the rounding of float32; of none where the products are in float64; of all,
            and around no pattern but 0, where there are no products.
    """

    strips: list[Any]
    along: Any
    common: Any
    exact: Any


def working_dtype(stored: np.dtype, product: type[np.floating]) -> np.dtype:
    """The precision in which patterns are centred and scaled: numbers are never rounded before.

    >>> working_dtype(np.dtype("int32"), np.float32), working_dtype(np.dtype("int16"), np.float32)
    (dtype('float64'), dtype('float32'))
    """
    return np.dtype(product if str(stored) in EXACT_IN_FLOAT32 else np.float64)


def exact_rows(n_stimuli: int, product: type[np.floating] | None) -> slice:
    """The patterns whose sums are made in float64 by themselves."""
    if product is None:
        return slice(0, n_stimuli, 1)
    if product == np.float64:
        return slice(0, 0, 1)
    return slice(0, n_stimuli, max(1, n_stimuli // SAMPLED_ROWS))


def product_of(sums: Sums) -> type[np.floating] | None:
    """The type of the products; None if there are none."""
    return sums.strips[0].dtype.type if sums.strips else None


@partial(jax.jit, static_argnums=(0, 1))
def no_sums(n_stimuli: int, product: type[np.floating] | None) -> Sums:
    """The sums over no units; call it, and `add_block`, where 64-bit types are enabled."""
    rows = max(STRIP_ROWS, -(-n_stimuli // MOST_STRIPS))
    starts = range(0, n_stimuli, rows) if product else ()
    n_exact = len(range(n_stimuli)[exact_rows(n_stimuli, product)])
    return Sums(
        [jnp.zeros((min(rows, n_stimuli - a), n_stimuli - a), product) for a in starts],
        jnp.zeros((n_stimuli, 2), jnp.float64),
        jnp.zeros(2, jnp.float64),
        jnp.zeros((n_exact, 3), jnp.float64),
    )


def add_block(
    sums: Sums, block: Any, frame: Frame, used: int, working: np.dtype, matmul: str = "highest"
) -> Sums:
    """The sums with one more block of units; the old ones are used up.

    Args:
        sums: from `no_sums` or an earlier call.
        block: `(stimulus, unit)`, of which the first `used` units count.
        frame: of the patterns, in the working precision.
        used: how many.
        working: from `working_dtype`.
        matmul: JAX's name for the precision of a product on an accelerator.
    """
    mean, scale = (part.astype(working)[:, None] for part in (frame.mean, frame.scale))
    # Waiting keeps the blocks of a long queue from filling the memory; for the block before, so
    # that this one is brought while that one is worked on.
    return _add_block(jax.block_until_ready(sums), block, mean, scale, used, matmul)


@partial(jax.jit, donate_argnums=0, static_argnums=5)
def _add_block(
    sums: Sums,
    block: Array,
    mean: Float[Array, "stimulus 1"],
    scale: Float[Array, "stimulus 1"],
    used: Any,
    matmul: str,
) -> Sums:
    product = product_of(sums)
    # "highest" keeps a GPU from rounding the factors to ten bits (TF32).
    with jax.default_matmul_precision("highest"):
        own = (jnp.arange(block.shape[1]) < used)[None, :]
        if not sums.strips:
            placed = _placed(block, mean, scale, jnp.zeros((1, 1)), own)
            return sums._replace(exact=sums.exact.at[:, 0].add(jnp.square(placed).sum(axis=1)))
        # Any pattern would do in place of the mean, so its own rounding does not matter. A product,
        # because XLA sums down columns slowly on CPU.
        share = scale / block.shape[0]
        centre = share.T @ block.astype(mean.dtype) - (share * mean).sum()
        centre = jnp.where(own, centre, 0).astype(product)
        exact = sums.exact
        if exact.shape[0]:
            rows = exact_rows(block.shape[0], product_of(sums))
            some, its_mean, its_scale, wide = (
                part.astype(jnp.float64) for part in (block[rows], mean[rows], scale[rows], centre)
            )
            placed = _placed(some, its_mean, its_scale, wide, own)
            squares = jnp.square(placed).sum(axis=1, keepdims=True)
            exact = exact + jnp.concatenate([squares, _along(placed, centre, own)], axis=1)
        wide = centre[0].astype(jnp.float64)
        common = sums.common + jnp.stack([wide @ wide, wide.sum()])
        placed = _placed(block, mean, scale, centre, own).astype(product)
        along = sums.along + _along(placed, centre, own).astype(jnp.float64)
    strips, start = [], 0
    for strip in sums.strips:
        rows = placed[start : start + strip.shape[0]]
        strips.append(strip + jnp.matmul(rows, placed[start:].T, precision=matmul))
        start += strip.shape[0]
        if len(sums.strips) == MOST_STRIPS:
            # Each product waits for the one before, or the memory holds all of them at once.
            placed = placed + 0 * strips[-1][0, 0]
    return Sums(strips, along, common, exact)


def _placed(block: Array, mean: Array, scale: Array, centre: Array, own: Array) -> Array:
    return jnp.where(own, (block.astype(mean.dtype) - mean) * scale - centre, 0)


def _along(placed: Array, centre: Array, own: Array) -> Float[Array, "stimulus 2"]:
    """Products with the mean pattern and with 1: faster on CPU than sums along rows."""
    return placed @ jnp.concatenate([centre, own]).astype(placed.dtype).T


def sums_at_once(patterns: Float[np.ndarray, "stimulus unit"], frame: Frame) -> Sums:
    """The sums over all units of a small instance, by NumPy: nothing to compile or to dispatch.

    Args:
        patterns: no more than `SMALL_STIMULI` of them.
        frame: of the patterns.
    """
    placed = (patterns - frame.mean[:, None]) * frame.scale[:, None]
    centre = placed.mean(axis=0)
    placed -= centre
    along = np.stack([np.einsum("ij,j->i", placed, centre), placed.sum(axis=1)], axis=1)
    common = np.array([np.square(centre).sum(), centre.sum()])
    return Sums([_product_on_one_thread(placed)], along, common, np.zeros((0, 3)))


def _product_on_one_thread(placed: np.ndarray) -> np.ndarray:
    """Inner products of all rows, from pieces for which BLAS does not wake its threads.

    On a busy machine, waiting for these takes far longer than such a product.
    """
    n_stimuli, n_units = placed.shape
    width = ONE_THREAD // n_stimuli**2
    # A copy: NumPy multiplies a matrix by its own transpose with a routine quicker to use threads.
    transposed = placed.T.copy()
    products = np.zeros((n_stimuli, n_stimuli))
    for start in range(0, n_units, width):
        units = slice(start, start + width)
        products += placed[:, units] @ transposed[units]
    return products
