"""RDMs of arrays and of streams of unit blocks, within the promised accuracy.

The first pass over an array takes float32 products, placed by a sample of its units. If the
measured error could break the promise, a second pass takes float64 products, placed by what the
first pass found. A stream can be read only once, so its products are float64.
"""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Shaped

from ensemble_rsa.arrays import check_finite
from ensemble_rsa.errors import InputError
from ensemble_rsa.rdm.blocks import (
    NARROWEST,
    block_width,
    open_activations,
    refuse_not_finite,
    sample_units,
    too_long,
    unit_blocks,
)
from ensemble_rsa.rdm.distances import Distance, RdmPrecision, fill_norm_differences, fill_rdm
from ensemble_rsa.rdm.gram import (
    Frame,
    PatternSums,
    constant_patterns,
    first_frame,
    working_dtype,
)
from ensemble_rsa.rdm.squares import Patterns, describe, refined_frame

LARGEST_LENGTH = {np.float32: 1e38, np.float64: 1e150}  # of a pattern, by the type of the result
MOST_ATTEMPTS = 4  # only for units that differ a billionfold from those that were sampled
WORST_STREAM = 1e-9  # error of a product, for patterns of length 1


def begin(
    distance: Distance,
    sample: np.ndarray,
    stored: np.dtype,
    precision: RdmPrecision,
    product: type[np.floating],
    frame: Frame | None = None,
) -> PatternSums:
    """Sums over no units yet.

    Args:
        distance: from `DISTANCES`.
        sample: of units, from `sample_units`.
        stored: type of the activations.
        precision: from `PRECISIONS`.
        product: type of the products.
        frame: in which to place patterns; None for one that fits the sample.
    """
    sample = sample.astype(working_dtype(stored, np.float32), copy=False)
    constant, value = constant_patterns(sample, distance.centre)
    frame = frame or first_frame(sample, distance.centre, distance.unit_length, constant)
    working = working_dtype(stored, product)
    return PatternSums(frame, working, product, constant, value, precision.matmul)


def measure_array(
    distance: Distance,
    precision: RdmPrecision,
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
    largest = LARGEST_LENGTH[precision.result]
    with np.errstate(all="ignore"), jax.enable_x64(True):
        sample = sample_units(array, index)
        if distance.form == "norm_difference":
            lengths = NormSums(sample)
            for block in unit_blocks(array, index):
                lengths.update(block)
            if not (lengths.finish() < largest).all():
                refuse_not_finite("activations", array, index, largest)
            fill_norm_differences(lengths.finish(), out)
            return 0
        product, frame = precision.product, None
        for attempt in range(1, MOST_ATTEMPTS + 1):
            sums = begin(distance, sample, array.dtype, precision, product, frame)
            for block in unit_blocks(array, index):
                sums.update(block)
            sums.finish()
            patterns = describe(sums, distance.centre)
            if (patterns.length < largest).all():
                broken = fill_rdm(distance, sums, patterns, out)
                best = product == np.float64 and _fits(distance, sums, patterns)
                if not broken or best or not precision.promised or attempt == MOST_ATTEMPTS:
                    break
                frame = refined_frame(patterns, sums, distance.unit_length)
            elif product == np.float64:
                refuse_not_finite("activations", array, index, largest)
            product = np.float64
    return int(sums.constant.sum()) if distance.unit_length else 0


def _fits(distance: Distance, sums: PatternSums, patterns: Patterns) -> bool:
    """Whether the patterns were so well placed that another frame would not lower the rounding."""
    if not distance.unit_length:
        return True
    lengths = patterns.placed_length[~sums.constant]
    level = np.abs(patterns.excess).max() * np.sqrt(sums.n_units)
    return not lengths.size or bool(level < lengths.max() < 2 * lengths.min())


class NormSums:
    """Lengths of the patterns of one instance; `update` adds a block of units."""

    def __init__(self, sample: Shaped[np.ndarray, "stimulus some_unit"]):
        # A power of two keeps the squares within the range of float64, and rounds nothing.
        largest = np.abs(sample.astype(np.float64)).max()
        self.scale = 0.5 ** float(np.frexp(largest)[1]) if np.isfinite(largest) else 1.0
        self.squares: Any = np.zeros(len(sample))

    def update(self, block: Any) -> None:
        """Add a block of units `(stimulus, unit)`."""
        xp = jnp if isinstance(block, jax.Array) else np
        scaled = xp.multiply(block, self.scale, dtype=np.float64)
        self.squares = self.squares + xp.vecdot(scaled, scaled)

    def finish(self) -> Float[np.ndarray, " stimulus"]:
        """The Euclidean norm of each pattern."""
        return np.sqrt(np.asarray(self.squares)) / self.scale


def measure_stream(
    distance: Distance, precision: RdmPrecision, blocks: Iterator[Any]
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
    sums: dict[tuple[int, ...], Any] = {}
    leading, n_stimuli, width = (), 0, 0
    largest = LARGEST_LENGTH[precision.result]
    with np.errstate(all="ignore"), jax.enable_x64(True):
        for array in _joined(_opened(blocks)):
            if not sums:
                *leading, n_stimuli, n_units = array.shape
                width = block_width(n_stimuli, n_units)
                for index in np.ndindex(*leading):
                    sample = sample_units(array, index)
                    sums[index] = (
                        NormSums(sample)
                        if distance.form == "norm_difference"
                        else begin(distance, sample, array.dtype, precision, np.float64)
                    )
            for index, of_instance in sums.items():
                for block in unit_blocks(array, index, width):
                    of_instance.update(block)
        rdms = np.empty((*leading, n_stimuli * (n_stimuli - 1) // 2), precision.result)
        constant = np.zeros(tuple(leading), np.int64)
        for index, of_instance in sums.items():
            finished = of_instance.finish()
            if isinstance(of_instance, NormSums):
                lengths, broken = finished, 0.0
                fill_norm_differences(lengths, rdms[index])
            else:
                patterns = describe(of_instance, distance.centre)
                lengths, broken = (
                    patterns.length,
                    fill_rdm(distance, of_instance, patterns, rdms[index]),
                )
                constant[index] = of_instance.constant.sum() if distance.unit_length else 0
            if not (lengths < largest).all():
                raise too_long("activations", index, largest)
            if broken > WORST_STREAM:
                raise InputError(
                    "activations: the first units are too unlike the others to measure distances "
                    "in one pass; give all units as one array"
                )
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
