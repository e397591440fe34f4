"""RDMs of arrays and of streams of unit blocks, within the required accuracy.

The first pass over an array takes float32 products, placed by a sample of its units. If the
measured error could exceed the tolerance, a second pass takes float64 products, placed by what the
first pass found. A stream can be read only once, so its products are float64.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ensemble_rsa.arrays import check_finite, rounding_unit
from ensemble_rsa.arrays.coordinates import dimension_names
from ensemble_rsa.arrays.reading import warn_of_reading
from ensemble_rsa.device import free_host_bytes
from ensemble_rsa.errors import InputError
from ensemble_rsa.jax_settings import fixed_settings
from ensemble_rsa.rdm.blocks import (
    NARROWEST,
    block_width,
    open_activations,
    refuse_not_finite,
    sample_units,
    too_long,
    unit_blocks,
)
from ensemble_rsa.rdm.distances import Distance, RdmPrecision, fill_rdm
from ensemble_rsa.rdm.frame import Frame, constant_patterns, first_frame
from ensemble_rsa.rdm.gram import NormSums, PatternSums, StripSums, working_dtype
from ensemble_rsa.rdm.rounding import clear_rounding
from ensemble_rsa.rdm.sinks import Extremes, InMemory, Sink
from ensemble_rsa.rdm.squares import describe, refined_frame

LARGEST_LENGTH = {np.float32: 1e38, np.float64: 1e150}  # of a pattern, by the type of the result
MOST_ATTEMPTS = 4  # only for units that differ a billionfold from those that were sampled
ALWAYS_FIT = 2**28  # bytes of inner products: 256 MiB
_SHARE = 0.25  # of the free memory, for inner products
WORST_STREAM = 1e-9  # error of a product, for patterns of length 1
Sums = PatternSums | NormSums


def begin(
    distance: Distance,
    precision: RdmPrecision,
    array: Any,
    index: tuple[int, ...],
    product: type[np.floating],
    frame: Frame | None = None,
    blocks: Callable[[], Iterable[Any]] | None = None,
) -> tuple[Sums, float]:
    """The sums that a distance needs, over no units yet, and the rounding of the activations.

    Both follow from a sample of units; a frame that is given takes the place of the sample's. With
    `blocks`, which reads all units, inner products that do not fit into memory come in strips.
    """
    sample = sample_units(array, index)
    rounding = rounding_unit(sample)
    sample = sample.astype(working_dtype(array.dtype, np.float32), copy=False)
    if distance.form == "norm_difference":
        return NormSums(sample), rounding
    constant, value = constant_patterns(sample, distance.centre)
    frame = frame or first_frame(sample, distance.centre, distance.unit_length, constant)
    working, undirected = working_dtype(array.dtype, product), constant & distance.unit_length
    kind = PatternSums
    n_bytes = (len(value) + 2) ** 2 * np.dtype(product).itemsize
    if blocks is not None and n_bytes > ALWAYS_FIT and n_bytes > gram_bytes():
        kind = StripSums
    sums = kind(frame, working, product, undirected, value, precision.matmul)
    if isinstance(sums, StripSums):
        assert blocks is not None
        sums.blocks, sums.most_bytes = blocks, gram_bytes()
    return sums, rounding


def gram_bytes() -> int:
    """How large inner products may be; those of more stimuli are computed in strips."""
    return int(_SHARE * free_host_bytes())


def measure_array(
    distance: Distance,
    precision: RdmPrecision,
    array: Any,
    index: tuple[int, ...],
    sink: Sink,
) -> int:
    """Write the RDM of the instance at `index`; return the number of constant patterns.

    Raises:
        InputError: NaN or inf among the activations, or a pattern too long for the result.
    """
    blocks = lambda: unit_blocks(array, index)
    product, frame, largest = precision.product, None, LARGEST_LENGTH[precision.result]
    attempt = 0
    on_device = isinstance(array, jax.Array)  # else JAX takes no part, and small calls are faster
    settings = fixed_settings(x64=True) if on_device else nullcontext()
    with np.errstate(all="ignore"), settings:
        while True:
            attempt += 1
            sums, rounding = begin(distance, precision, array, index, product, frame, blocks)
            for block in blocks():
                sums.update(block)
            lengths, broken, extremes = _finish(distance, sums, sink)
            finite = bool((lengths < largest).all())
            if not finite and (isinstance(sums, NormSums) or product == np.float64):
                refuse_not_finite("activations", array, index, largest)
            if (
                isinstance(sums, NormSums)
                or attempt == MOST_ATTEMPTS
                or (finite and not (broken and precision.checked))
                or (product == np.float64 and _fits(distance, sums))
            ):
                clear_rounding(distance, rounding, sums, extremes, sink)
                return int(sums.constant.sum())
            if finite:
                frame = refined_frame(describe(sums, distance.centre), sums, distance.unit_length)
            product = np.float64


def _finish(
    distance: Distance, sums: Sums, sink: Sink
) -> tuple[Float[np.ndarray, " stimulus"], float, Extremes]:
    """Write the distances.

    Returns the lengths of the patterns, a product's error if it is too large (within the tolerance
    it counts as 0), and the extremes of the distances. Where a length is not finite, distances are
    undefined.
    """
    if isinstance(sums, NormSums):
        lengths, extremes, place = sums.lengths(), Extremes(), 0
        for i, length in enumerate(lengths[:-1]):
            row = np.abs(lengths[i + 1 :] - length).astype(sink.dtype)
            extremes = extremes.with_those_of(row)
            sink.write(place, row)
            place += row.size
        return lengths, 0.0, extremes
    sums.finish()
    patterns = describe(sums, distance.centre)
    return patterns.length, *fill_rdm(distance, sums, patterns, sink)


def _fits(distance: Distance, sums: PatternSums) -> bool:
    """Whether the patterns were so well placed that another frame would not lower the rounding."""
    if not distance.unit_length:
        return True
    patterns = describe(sums, distance.centre)
    lengths = patterns.placed_length[~sums.constant]
    level = np.abs(patterns.excess).max() * np.sqrt(sums.n_units)
    return not lengths.size or bool(level < lengths.max() < 2 * lengths.min())


def measure_stream(
    distance: Distance, precision: RdmPrecision, blocks: Iterator[Any]
) -> tuple[np.ndarray, np.ndarray]:
    """RDMs `(..., stimulus_pair)` of unit blocks, and the number of constant patterns in each.

    Beside the result, memory holds float64 products for every instance, and one block. `precision`
    sets only the type of the result.

    Raises:
        InputError: no block, blocks that do not fit together, NaN or inf, patterns too long, or
            first units so unlike the others that one pass is not exact enough.
    """
    sums: dict[tuple[int, ...], Sums] = {}
    rounding: dict[tuple[int, ...], float] = {}
    leading, n_stimuli, width = (), 0, 0
    largest = LARGEST_LENGTH[precision.result]
    # Blocks are drawn outside, since the iterator is the user's code.
    for array in _joined(_opened(blocks)):
        with np.errstate(all="ignore"), fixed_settings(x64=True):
            if not sums:
                *leading, n_stimuli, n_units = array.shape
                width = block_width(n_stimuli, n_units)
                for index in np.ndindex(*leading):
                    sums[index], rounding[index] = begin(
                        distance, precision, array, index, np.float64
                    )
            for index, of_instance in sums.items():
                for block in unit_blocks(array, index, width):
                    of_instance.update(block)
    with np.errstate(all="ignore"), fixed_settings(x64=True):
        rdms = np.empty((*leading, n_stimuli * (n_stimuli - 1) // 2), precision.result)
        constant = np.zeros(tuple(leading), np.int64)
        for index, of_instance in sums.items():
            sink = InMemory(rdms[index])
            lengths, broken, extremes = _finish(distance, of_instance, sink)
            if not (lengths < largest).all():
                raise too_long("activations", index, largest)
            if broken > WORST_STREAM:
                raise InputError(
                    "activations: the first units are too unlike the others to measure distances "
                    "in one pass; give all units as one array"
                )
            clear_rounding(distance, rounding[index], of_instance, extremes, sink)
            constant[index] = of_instance.constant.sum()
    return rdms, constant


def _opened(blocks: Iterator[Any]) -> Iterator[Any]:
    """Check each block, by its number, against itself and the first one."""
    shapes: list[tuple[int, ...]] = []
    is_named = True
    for number, given in enumerate(blocks):
        name = f"activations, block {number}"
        block = open_activations(name, given, flatten=None if number == 0 else False)
        shapes.append(tuple(block.shape))
        is_named = is_named and bool(dimension_names(given))
        if shapes[-1][:-1] != shapes[0][:-1]:
            raise InputError(
                f"{name}: expected shape {(*shapes[0][:-1], 'any number of units')} as of block 0, "
                f"got {shapes[-1]}; concatenate batches of stimuli first"
            )
        xp = jnp if isinstance(block, jax.Array) else np
        if not xp.isfinite(block).all():
            check_finite(name, block)
        yield block
    if not shapes:
        raise InputError("activations: expected at least one block of units, got none")
    if len(shapes) > 1 and len({*shapes}) == 1 and not is_named:
        *_, n_stimuli, n_units = shapes[0]
        warn_of_reading(
            f"activations: {len(shapes)} blocks of shape {shapes[0]} are read as {n_units} units "
            f"each of the same {n_stimuli} stimuli; concatenate batches of stimuli first, and give "
            "blocks of units with the dimensions (stimulus, unit), as xarray.DataArray, to avoid "
            "this warning"
        )


def _joined(blocks: Iterator[Any]) -> Iterator[Any]:
    """Concatenate narrow blocks until they are wide enough for an efficient product."""
    waiting = []
    for block in blocks:
        waiting.append(block)
        if sum(one.shape[-1] for one in waiting) >= NARROWEST:
            yield _concatenated(waiting)
            waiting = []
    if waiting:
        yield _concatenated(waiting)


def _concatenated(blocks: list[Any]) -> Any:
    if len(blocks) == 1:
        return blocks[0]
    on_device = all(isinstance(block, jax.Array) for block in blocks)
    return (jnp if on_device else np).concatenate(blocks, axis=-1)
