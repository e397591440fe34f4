"""The one conversion of array-likes; every public function passes its arrays through it.

NumPy, JAX, PyTorch, xarray, pandas, polars, dask, h5py, zarr, memory maps and nested lists are
recognised by their attributes, so none of these libraries is imported for it.
"""

import re
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from ensemble_rsa.arrays.coordinates import DIMENSIONS, check_agreement, dimension_names
from ensemble_rsa.arrays.reading import warn_of_reversed_axes
from ensemble_rsa.arrays.refused import not_an_array
from ensemble_rsa.errors import InputError, first_line

_NUMBERS = int | float | np.number | np.bool_
ArrayLike = Any  # what `check_array` takes; no type that these libraries share says more

_ALTERNATIVES = {"stimulus": "category", "stimulus_pair": "category_pair"}
_UNREADABLE = (TypeError, ValueError, KeyError, IndexError, RuntimeError, OSError)


def check_array(name: str, value: ArrayLike, min_ndim: int, axes: str) -> Any:
    """Return `value` as an array of at least `min_ndim` axes in the expected order.

    A DataArray is read by the names of its dimensions: those that `axes` names are moved to the
    end, in that order. `category` may stand for `stimulus`, `category_pair` for `stimulus_pair`,
    and names that are not among `DIMENSIONS` are read by position. Masked entries become NaN.

    The result is a NumPy or JAX array; or, unread, what has a shape, a dtype and slices: a data set
    on disk, a chunked or a lazily loaded array. See `as_numpy` for reading it.

    Raises:
        InputError: too few axes, an empty axis, ragged or sparse input, no real numbers, or a
            DataArray that lacks a dimension.

    Warns:
        ReadingWarning: a data set of a MATLAB v7.3 file, whose axes are reversed.

    >>> check_array("activations", [[1.0, 2.0]], 2, "(..., stimulus, unit)").shape
    (1, 2)
    """
    array = _converted(name, value, re.findall(r"\w+", axes[: axes.find(")")]))
    # JAX supports half precisions that NumPy lacks.
    dtype = array.dtype
    is_real = any(jnp.issubdtype(dtype, kind) for kind in (np.bool_, np.integer, np.floating))
    if not is_real or dtype.kind == "m":  # NumPy counts lengths of time among the integers
        got = f"dtype {dtype}" if array.ndim else type(value).__name__
        raise InputError(f"{name}: expected real numbers of shape {axes}, got {got}")
    if array.ndim < min_ndim:
        raise InputError(f"{name}: expected shape {axes}, got {tuple(array.shape)}")
    if any(np.isnan(length) for length in array.shape):
        raise InputError(f"{name}: expected a known shape; call .compute_chunk_sizes() first")
    if 0 in array.shape:
        raise InputError(
            f"{name}: expected shape {axes} with no empty axis, got {tuple(array.shape)}"
        )
    warn_of_reversed_axes(name, array, axes)
    return array


def as_numpy(array: Any) -> np.ndarray:
    """Read an array from `check_array`, or a slice of one, into memory; masked entries are NaN.

    >>> as_numpy(np.ma.masked_equal([1, 2], 2))
    array([ 1., nan])
    """
    if not isinstance(array, np.ndarray | jax.Array) and hasattr(array, "__getitem__"):
        array = array[...]  # netCDF variables give masked arrays
    if compute := getattr(array, "compute", None):  # those of dask, too, once they are computed
        array = compute()
    if isinstance(array, np.ma.MaskedArray):
        floating = np.issubdtype(array.dtype, np.floating)
        return np.ma.filled(array if floating else array.astype(np.float64), np.nan)
    return np.asarray(array)


def with_units_flattened(name: str, value: ArrayLike, first: tuple[str, ...]) -> Any:
    """Return `value` with the axes `first` in front and all others flattened into units.

    A DataArray is read by the names of its dimensions, those over sets of stimuli in front; other
    arrays by position.

    >>> with_units_flattened("activations", np.zeros((5, 2, 2, 3)), ("stimulus",)).shape
    (5, 12)
    """
    axes, others, order = ", ".join(first), dimension_names(value), list(first)
    if others:
        order = [each if each in others else _ALTERNATIVES.get(each, each) for each in first]
        if lacking := [each for each in order if each not in others]:
            raise InputError(
                f"{name}: expected a DataArray with the dimension(s) {', '.join(lacking)}, got "
                f"{others}"
            )
        sets = {*DIMENSIONS} - {"stimulus", "category", "unit", *order}
        order = [each for each in others if each in sets] + order
        value = value.transpose(*order, ...).data
    kept = len(order)
    array = check_array(name, value, kept + 1, f"({axes}, ...)")
    if not isinstance(array, np.ndarray | jax.Array):
        array = as_numpy(array)
    return array.reshape(*array.shape[:kept], -1)


def _converted(name: str, value: Any, dimensions: list[str]) -> Any:
    if refused := not_an_array(value):
        raise InputError(f"{name}: expected an array, got {refused}")
    try:
        return _read(name, value, dimensions)
    except InputError:
        raise
    except _UNREADABLE as error:
        reason = first_line(error)
        raise InputError(
            f"{name}: expected an array, got {type(value).__name__} that cannot be read ({reason})"
        ) from None


def _read(name: str, value: Any, dimensions: list[str]) -> Any:
    if isinstance(value, Tracer):
        raise InputError(f"{name}: expected an array, got a traced one; call it outside jax.jit")
    if hasattr(type(value), "to_dask_array"):
        value = value.compute()
    if dimension_names(value):
        return _by_dimension(name, value, dimensions)
    if isinstance(value, jax.Array) or type(value) in (np.ndarray, np.memmap):
        return value
    if hasattr(type(value), "detach"):
        return _from_torch(name, value)
    if hasattr(type(value), "to_numpy"):
        return _from_table(value)
    if isinstance(value, list | tuple | range):
        return _from_list(name, value, dimensions)
    on_disk_or_chunked = isinstance(getattr(value, "dtype", None), np.dtype)
    if on_disk_or_chunked and hasattr(value, "ndim") and not isinstance(value, np.ndarray):
        return value
    return as_numpy(value)


def _by_dimension(name: str, value: Any, wanted: list[str]) -> Any:
    """Move the wanted dimensions of a DataArray to the end."""
    others = list(dimension_names(value))
    last: dict[str, str] = {}
    for dimension in wanted:
        for candidate in (dimension, _ALTERNATIVES.get(dimension)):
            if candidate in others and dimension not in last:
                others.remove(candidate)
                last[dimension] = candidate
    for dimension in [each for each in reversed(wanted) if each not in last]:
        unnamed = [other for other in others if other not in DIMENSIONS]
        candidates = unnamed or ([] if dimension in DIMENSIONS else others)
        if candidates:
            last[dimension] = candidates[-1]
            others.remove(last[dimension])
    lacking = [dimension for dimension in wanted if dimension not in last]
    if lacking and others:
        raise InputError(
            f"{name}: expected a DataArray with the dimension(s) {', '.join(lacking)}, got "
            f"{value.dims}"
        )
    order = others + [last[dimension] for dimension in wanted if dimension in last]
    if len(set(order)) == len(order):
        value = value.transpose(*order)
    if getattr(value, "chunks", None) or getattr(
        getattr(value, "variable", value), "_in_memory", True
    ):
        return value.data
    return value  # lazily loaded from a file


def _from_torch(name: str, tensor: Any) -> np.ndarray:
    if "strided" not in str(tensor.layout) or tensor.is_quantized or tensor.is_nested:
        raise InputError(f"{name}: expected a dense tensor, got a sparse, quantised or nested one")
    tensor = tensor.detach().cpu().resolve_conj().resolve_neg()
    try:
        return tensor.numpy()
    except TypeError:  # bfloat16, which NumPy lacks
        return tensor.float().numpy()


def _from_table(table: Any) -> np.ndarray:
    """Values of a pandas or polars table or series; missing numbers become NaN."""
    values = table.to_numpy()
    # Nullable columns of pandas; it would read numbers in text, too.
    if values.dtype == object and not any(isinstance(each, str | bytes) for each in values.flat):
        try:
            return table.to_numpy(dtype=np.float64, na_value=np.nan)
        except (TypeError, ValueError):
            return values
    return values


def _from_list(name: str, items: Sequence[Any], dimensions: list[str]) -> np.ndarray:
    """An array of nested lists, of arrays in lists, or of both."""
    if all(isinstance(item, _NUMBERS) for item in items):
        return np.asarray(items)
    check_agreement({f"{name}[{i}]": item for i, item in enumerate(items)})
    # None becomes NaN, which is refused with its place.
    parts = [
        as_numpy(_converted(name, np.nan if item is None else item, dimensions)) for item in items
    ]
    shapes = {part.shape for part in parts}
    if len(shapes) > 1:
        listed = ", ".join(str(shape) for shape in sorted(shapes))
        if len({shape[:-1] for shape in shapes}) == 1 and () not in shapes:
            listed += "; give those of unequal width one by one"
        raise InputError(f"{name}: expected arrays or lists of one shape in a list, got {listed}")
    return np.stack(parts)
