"""One pass over the units of an instance: what is kept of them, and how one more block is added."""

from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

from ensemble_rsa.rdm.blocks import block_width, unit_blocks
from ensemble_rsa.rdm.distances import Distance
from ensemble_rsa.rdm.frame import Frame, first_frame, rounded_frame, same_value
from ensemble_rsa.rdm.gram import Sums, add_block, no_sums, sums_at_once, working_dtype

# Two sums take turns: one block is brought and placed while the products of the other are made.
FEW_STIMULI, FEW_LANES = 2048, 2


@dataclass(frozen=True)
class Seen:
    """What has been seen of one instance.

    Attributes:
        frame: where its patterns are put, in the precision in which that happens.
        working: that precision.
        sums: over its units.
        n_units: how many.
        undirected: patterns that have had one value so far.
        value: that value.
    """

    frame: Frame
    working: np.dtype
    sums: Sums
    n_units: int
    undirected: Bool[np.ndarray, " stimulus"]
    value: Float[np.ndarray, " stimulus"]


def begin(
    distance: Distance, sample: np.ndarray, stored: np.dtype, product: type, frame: Any = None
) -> Seen:
    """Nothing seen yet.

    Args:
        distance: from `DISTANCES`.
        sample: of units, from `sample_units`.
        stored: type of the activations.
        product: type of the products.
        frame: the frame to use; None for one that fits the sample.
    """
    products_of = None if distance.form == "norm_difference" else product
    working = working_dtype(stored, products_of or np.float64)
    undirected, value = same_value(sample, distance.centre)
    frame = frame or first_frame(sample, distance.centre, distance.unit_length, undirected)
    sums = no_sums(len(sample), products_of)
    undirected &= distance.unit_length
    return Seen(rounded_frame(frame, working), working, sums, 0, undirected, value)


def see(seen: Seen, block: Any, used: int, matmul: str) -> Seen:
    """Add one block of units, of which the first `used` count.

    Args:
        seen: what was seen before; its sums are used up.
        block: `(stimulus, unit)`.
        used: how many of its units are its own.
        matmul: JAX's name for the precision of a product on an accelerator.
    """
    sums = add_block(seen.sums, block, seen.frame, used, seen.working, matmul)
    undirected = seen.undirected.copy()
    chosen = np.flatnonzero(undirected)
    if chosen.size:
        same = np.asarray(block[chosen])[:, :used] == seen.value[chosen, None]
        undirected[chosen] = same.all(axis=1)
    return replace(seen, sums=sums, n_units=seen.n_units + used, undirected=undirected)


def see_all(
    distance: Distance,
    array: Any,
    index: tuple[int, ...],
    sample: Float[np.ndarray, "stimulus some_unit"],
    product: type[np.floating],
    frame: Frame | None,
    matmul: str,
) -> Seen:
    """One pass over an instance, with the arguments of `begin` and `see`."""
    n_stimuli, n_units = array.shape[-2:]
    width = block_width(n_stimuli, n_units)
    lanes = FEW_LANES if n_stimuli <= FEW_STIMULI and n_units > width else 1
    parts = [begin(distance, sample, array.dtype, product, frame) for _ in range(lanes)]
    for k, (block, used) in enumerate(unit_blocks(array, index, width)):
        parts[k % lanes] = see(parts[k % lanes], block, used, matmul)
    return reduce(_together, parts)


def _together(seen: Seen, other: Seen) -> Seen:
    return replace(
        seen,
        sums=jax.tree.map(jnp.add, seen.sums, other.sums),
        n_units=seen.n_units + other.n_units,
        undirected=seen.undirected & other.undirected,
    )


def see_at_once(distance: Distance, patterns: Float[np.ndarray, "stimulus unit"]) -> Seen:
    """One pass over a small instance, by NumPy, in the frame that fits it."""
    undirected, value = same_value(patterns, distance.centre)
    frame = first_frame(patterns, distance.centre, distance.unit_length, undirected)
    frame = rounded_frame(frame, patterns.dtype)
    undirected &= distance.unit_length
    sums = sums_at_once(patterns, frame)
    return Seen(frame, patterns.dtype, sums, patterns.shape[1], undirected, value)
