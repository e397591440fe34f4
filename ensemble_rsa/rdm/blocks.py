"""Activations of any origin, read one block of units at a time.

A layer of 1000 stimuli and 98,304 units takes 0.4 GB, so nothing here makes a second copy of it:
NumPy arrays and memory maps, JAX arrays, and data sets on disk that have a shape, a dtype and
slices (h5py, zarr) are read in blocks of bounded size.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any, NoReturn

import jax
import numpy as np
from jaxtyping import Shaped

from ensemble_rsa.arrays import (
    as_numpy,
    check_array,
    check_finite,
    check_flag,
    with_units_flattened,
)
from ensemble_rsa.arrays.coordinates import DIMENSIONS, dimension_names, own_names
from ensemble_rsa.arrays.reading import warn_of_maps
from ensemble_rsa.errors import InputError

NARROWEST = 256
WIDEST = 1024  # products of wider blocks are not faster
# Smaller blocks are not worth a call; larger ones leave the cache.
FEW_ELEMENTS, MOST_ELEMENTS = 2**18, 2**22
READ_ELEMENTS = 2**23  # from disk: chunks that span many units are decompressed for every read
SAMPLED_PLACES, SAMPLED_WIDTH = 8, 64
NAME_DIMENSIONS = (
    "if that is right, name the dimensions by xarray.DataArray; give maps of stimuli as "
    "(stimulus, unit), by .reshape(n_stimuli, -1)"
)


def open_activations(
    name: str,
    activations: Any,
    min_stimuli: int = 2,
    flatten: bool | None = None,
    advice: str = NAME_DIMENSIONS,
) -> Any:
    """Check activations `(..., stimulus, unit)`, without reading them: rank, sizes and dtype.

    Returns an object with a shape, a dtype and slices. A JAX array in host memory becomes a NumPy
    view; one on an accelerator stays there.

    With `flatten`, they are maps `(stimulus, ...)`, of which all axes after the first are units.
    With None, a warning with `advice` says how four axes or more are read.
    """
    if flatten is not None and check_flag("flatten", flatten):
        array = with_units_flattened(name, activations, ("stimulus",))
    else:
        array = check_array(name, activations, 2, "(..., stimulus, unit)")
        is_named = {*dimension_names(activations)} & {*DIMENSIONS}
        is_unclear = len(own_names(activations)) > 1 or (array.ndim > 3 and not is_named)
        if flatten is None and is_unclear:
            warn_of_maps(name, array, advice)
    if array.shape[-2] < min_stimuli:
        raise InputError(
            f"{name}: expected at least {min_stimuli} stimuli, got shape {tuple(array.shape)}"
        )
    if isinstance(array, jax.Array) and all(device.platform == "cpu" for device in array.devices()):
        return np.asarray(array)
    return array


def block_width(n_stimuli: int, n_units: int) -> int:
    """Units per block: one of two widths, so that layers share compiled programs on an accelerator.

    >>> block_width(1000, 98_304), block_width(1000, 10)
    (1024, 256)
    >>> block_width(10, 98_304), block_width(20_000, 512)
    (16384, 256)
    """
    fitting = min(max(WIDEST, FEW_ELEMENTS // n_stimuli), MOST_ELEMENTS // n_stimuli)
    if n_units <= NARROWEST or fitting <= NARROWEST:
        return NARROWEST
    return 1 << fitting.bit_length() - 1


def unit_blocks(array: Any, index: tuple[int, ...], width: int = 0) -> Iterator[Any]:
    """Blocks `(stimulus, unit)` of the instance at `index` on the leading axes, in order of units.

    All but the last have `width` units; 0 stands for `block_width`.
    """
    n_stimuli, n_units = array.shape[-2:]
    width = width or block_width(n_stimuli, n_units)
    if isinstance(array, jax.Array):
        for start in range(0, n_units, width):
            yield _device_block(array, index, start, min(width, n_units - start))
        return
    at_once = 1 if isinstance(array, np.ndarray) else READ_ELEMENTS // (n_stimuli * width)
    step = width * max(1, at_once)
    for start in range(0, n_units, step):
        part = host_units(array, index, slice(start, min(start + step, n_units)))
        for first in range(0, part.shape[1], width):
            yield part[:, first : first + width]


def host_units(array: Any, index: tuple[int, ...], units: slice = slice(None)) -> np.ndarray:
    """The chosen units of one instance, in memory and in a dtype that JAX supports."""
    if isinstance(array, jax.Array) and units != slice(None):
        return np.asarray(_device_block(array, index, units.start, units.stop - units.start))
    part = as_numpy(array[(*index, slice(None), units)])
    if not part.dtype.isnative or part.dtype.itemsize > 8:
        return part.astype(np.float64)
    return part


def sample_units(array: Any, index: tuple[int, ...]) -> Shaped[np.ndarray, "stimulus some_unit"]:
    """Some units of one instance: from all over it, or near its start if it lies on disk.

    >>> sample_units(np.eye(2), ()).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    n_units = array.shape[-1]
    if n_units <= 2 * SAMPLED_PLACES * SAMPLED_WIDTH:
        return host_units(array, index)
    in_memory = isinstance(array, np.ndarray | jax.Array)
    places = SAMPLED_PLACES if in_memory else 1
    width = SAMPLED_PLACES * SAMPLED_WIDTH // places
    starts = [k * (n_units - width) // max(1, places - 1) for k in range(places)]
    parts = [host_units(array, index, slice(start, start + width)) for start in starts]
    return np.concatenate(parts, axis=1)


@partial(jax.jit, static_argnames="width")
def _device_block(array: jax.Array, index: tuple[Any, ...], start: Any, width: int) -> jax.Array:
    sizes = (1,) * len(index) + (array.shape[-2], width)
    return jax.lax.dynamic_slice(array, (*index, 0, start), sizes).reshape(sizes[-2:])


def refuse_not_finite(name: str, array: Any, index: tuple[int, ...], largest: float) -> NoReturn:
    """Raise the error for a sum that is not finite, with the place of NaN or inf."""
    check_finite(f"{name}{list(index)}" if index else name, as_numpy(array[index]))
    raise too_long(name, index, largest)


def too_long(name: str, index: tuple[int, ...], largest: float) -> InputError:
    """The error for a pattern whose distances the result cannot hold."""
    where = f"{name}{list(index)}" if index else name
    return InputError(
        f"{where}: expected patterns shorter than {largest:.0e}, the range of the result"
    )
