"""RDMs of arrays and of streams of unit blocks, within the promised accuracy.

An array is passed over with float32 products in a frame from a sample of its units. Where the error
that is then measured could break the promise, it is passed over again with float64 products, in the
frame that the first pass found. A stream goes by once, so its products are float64 from the start.
"""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ensemble_rsa.arrays import check_finite
from ensemble_rsa.errors import InputError
from ensemble_rsa.rdm.blocks import (
    NARROWEST,
    block_width,
    host_units,
    open_activations,
    refuse_not_finite,
    sample_units,
    too_long,
    unit_blocks,
)
from ensemble_rsa.rdm.distances import Distance, Precision, fill_rdm
from ensemble_rsa.rdm.gram import SMALL_STIMULI
from ensemble_rsa.rdm.passes import Seen, begin, see, see_all, see_at_once
from ensemble_rsa.rdm.squares import Patterns, describe, refined_frame

LARGEST_LENGTH = {np.float32: 1e38, np.float64: 1e150}  # of a pattern, by the type of the result
SMALL_ELEMENTS = 2**17  # up to here NumPy is done before a compiled program has been called
MOST_ATTEMPTS = 4  # only for units that differ a billionfold from those that were sampled
WORST_STREAM = 1e-9  # error of a product, for patterns of length 1


def measure_array(
    distance: Distance,
    precision: Precision,
    array: Any,
    index: tuple[int, ...],
    out: Float[np.ndarray, " stimulus_pair"],
) -> int:
    """Fill `out` with the RDM of one instance, and return how many patterns have no direction.

    Args:
        distance: from `DISTANCES`.
        precision: from `PRECISIONS`.
        array: from `open_activations`.
        index: the instance.
        out: a condensed RDM.

    Raises:
        InputError: NaN or inf among the activations, or a pattern too long for the result.
    """
    n_stimuli, n_units = array.shape[-2:]
    largest = LARGEST_LENGTH[precision.result]
    small = (
        not isinstance(array, jax.Array)
        and n_stimuli <= SMALL_STIMULI
        and n_stimuli * n_units <= SMALL_ELEMENTS
    )
    sample = host_units(array, index).astype(np.float64) if small else sample_units(array, index)
    product, frame, attempts = (np.float64 if small else precision.product), None, 0
    with np.errstate(all="ignore"), jax.enable_x64(True):
        while True:
            attempts += 1
            if small:
                seen = see_at_once(distance, sample)
            else:
                seen = see_all(distance, array, index, sample, product, frame, precision.matmul)
            patterns = describe(seen.sums, seen.frame, n_units, distance.centre)
            if (patterns.length < largest).all():
                broken = fill_rdm(
                    distance, seen.sums, seen.frame, patterns, n_units, seen.undirected, out
                )
                best = product == np.float64 and (small or _fits(distance, seen, patterns))
                if not broken or best or not precision.promised or attempts == MOST_ATTEMPTS:
                    return int(seen.undirected.sum())
                frame = refined_frame(patterns, seen.frame, product, distance.unit_length)
            elif product == np.float64:
                refuse_not_finite("activations", array, index, largest)
            product = np.float64


def _fits(distance: Distance, seen: Seen, patterns: Patterns) -> bool:
    """Whether the patterns were so well placed that another frame would not lower the rounding."""
    if not distance.unit_length:
        return True
    lengths = patterns.placed_length[~seen.undirected]
    level = np.abs(patterns.excess).max() * np.sqrt(seen.n_units)
    return not lengths.size or bool(level < lengths.max() < 2 * lengths.min())


def measure_stream(
    distance: Distance, precision: Precision, blocks: Iterator[Any]
) -> tuple[np.ndarray, np.ndarray]:
    """RDMs of unit blocks that go by once, and how many patterns of each have no direction.

    Beside the result, memory holds float64 products for every instance, and one block.

    Args:
        distance: from `DISTANCES`.
        precision: from `PRECISIONS`; says the type of the result only.
        blocks: each `(..., stimulus, unit)`, alike but for the number of units.

    Returns:
        `(..., stimulus_pair)` and `(...)`.

    Raises:
        InputError: no block, blocks that do not fit together, NaN or inf, patterns too long, or
            first units so unlike the others that one pass is not exact enough.
    """
    seen: dict[tuple[int, ...], Seen] = {}
    leading, n_stimuli, width = (), 0, 0
    with np.errstate(all="ignore"), jax.enable_x64(True):
        for array in _joined(_opened(blocks)):
            if not seen:
                *leading, n_stimuli, n_units = array.shape
                width = block_width(n_stimuli, n_units)
                for index in np.ndindex(*leading):
                    sample = sample_units(array, index)
                    seen[index] = begin(distance, sample, array.dtype, np.float64)
            for index in seen:
                for block, used in unit_blocks(array, index, width):
                    seen[index] = see(seen[index], block, used, "highest")
        rdms = np.empty((*leading, n_stimuli * (n_stimuli - 1) // 2), precision.result)
        constant = np.zeros(tuple(leading), np.int64)
        for index, one in seen.items():
            patterns = describe(one.sums, one.frame, one.n_units, distance.centre)
            if not (patterns.length < LARGEST_LENGTH[precision.result]).all():
                raise too_long("activations", index, LARGEST_LENGTH[precision.result])
            broken = fill_rdm(
                distance, one.sums, one.frame, patterns, one.n_units, one.undirected, rdms[index]
            )
            if broken > WORST_STREAM:
                raise InputError(
                    "activations: the first units are too unlike the others to measure distances "
                    "in one pass; give all units as one array"
                )
            constant[index] = one.undirected.sum()
    return rdms, constant


def _opened(blocks: Iterator[Any]) -> Iterator[Any]:
    """Check each block, by its number, against itself and the first one."""
    expected, number = None, -1
    for number, given in enumerate(blocks):
        name = f"activations, block {number}"
        block = open_activations(name, given)
        expected = expected or block.shape[:-1]
        if block.shape[:-1] != expected:
            raise InputError(
                f"{name}: expected shape {(*expected, 'any number of units')} as of block 0, "
                f"got {tuple(block.shape)}"
            )
        xp = jnp if isinstance(block, jax.Array) else np
        if not xp.isfinite(block).all():
            check_finite(name, block)
        yield block
    if number < 0:
        raise InputError("activations: expected at least one block of units, got none")


def _joined(blocks: Iterator[Any]) -> Iterator[Any]:
    """Put narrow blocks together until they are worth a call."""
    waiting, n_units = [], 0
    for block in blocks:
        waiting.append(block)
        n_units += block.shape[-1]
        if n_units >= NARROWEST:
            yield _side_by_side(waiting)
            waiting, n_units = [], 0
    if waiting:
        yield _side_by_side(waiting)


def _side_by_side(blocks: list[Any]) -> Any:
    if len(blocks) == 1:
        return blocks[0]
    on_device = all(isinstance(block, jax.Array) for block in blocks)
    return (jnp if on_device else np).concatenate(blocks, axis=-1)
