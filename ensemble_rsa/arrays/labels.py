"""The one normaliser of labels: numbers, strings, bytes, categoricals, from any container."""

from collections.abc import Iterable, Mapping, Set
from typing import Any

import numpy as np
from jaxtyping import Int

from ensemble_rsa.arrays.names import readable
from ensemble_rsa.errors import InputError, first_line, shown

LabelsLike = Any  # one label per stimulus, in any container with an order
LabelCodes = Int[np.ndarray, " stimulus"]
_MISSING_SHOWN = 5
_LARGEST_EXACT = 2**53  # whole numbers beyond it are not all floating-point numbers
_TEXT_WITH_NUMBERS = np.dtype("U32")  # NumPy makes this, or wider, of text mixed with floats


def check_labels(
    name: str, labels: LabelsLike, n_stimuli: int | None = None, of: str = "stimuli"
) -> tuple[LabelCodes, np.ndarray]:
    """Return labels as integers 0 … n_categories − 1, and the categories in sorted order.

    Numbers sort as numbers, everything else as it compares; bytes are decoded as UTF-8. `of` says
    in messages what has labels.

    Raises:
        InputError: not one label per stimulus, missing labels (None, NaN, NA, masked), or labels
            of several kinds or of a kind that does not sort.

    >>> codes, categories = check_labels("labels", ["dog", b"cat", "dog"], 3)
    >>> codes.tolist(), categories.tolist()
    ([1, 0, 1], ['cat', 'dog'])
    """
    values = plain_values(name, labels)
    if n_stimuli is not None and len(values) != n_stimuli:
        raise InputError(
            f"{name}: expected one label for each of {n_stimuli} {of}, got {len(values)}"
        )
    if not values:
        raise InputError(f"{name}: expected labels, got none")
    check_none_missing(name, values, "a label for each stimulus")
    try:
        categories, codes = np.unique(as_column(name, values), return_inverse=True)
    except TypeError as error:
        raise InputError(f"{name}: expected labels that sort, but {error}") from None
    return codes.astype(np.int64), categories


def plain_values(name: str, values: Any, expected: str = "one label per stimulus") -> list[Any]:
    """Return a sequence from any container as a list of Python's own values; bytes are decoded."""
    listed = [_as_python(value) for value in _listed(name, values)]
    if any(isinstance(value, list | tuple | np.ndarray) for value in listed):
        raise InputError(f"{name}: expected {expected}, got nested lists or two axes")
    return listed


def check_none_missing(name: str, values: list[Any], expected: str) -> None:
    """Raise if a value is None, NaN or NA, with their positions."""
    missing = [i for i, value in enumerate(values) if is_missing(value)]
    if missing:
        listed = ", ".join(map(str, missing[:_MISSING_SHOWN]))
        more = ", …" if len(missing) > _MISSING_SHOWN else ""
        raise InputError(
            f"{name}: expected {expected}, got {len(missing)} missing, at position(s) "
            f"{listed}{more}"
        )


def as_column(name: str, values: list[Any]) -> np.ndarray:
    """Return values of one kind as an array; numbers may be whole or not."""
    kinds = {float if type(value) is int else type(value) for value in values}
    if len(kinds) > 1:
        names = ", ".join(sorted({type(value).__name__ for value in values}))
        raise InputError(f"{name}: expected values of one kind, got {names}")
    array = np.asarray(values) if kinds <= {float, str, bool} else np.array(values, object)
    if array.dtype.kind == "f" and any(
        isinstance(value, int) and abs(value) > _LARGEST_EXACT for value in values
    ):
        return np.array(values, object)
    return array


def is_missing(value: Any) -> bool:
    """Whether a value is None, NaN, NaT or NA."""
    return value is None or type(value).__name__ == "NAType" or value != value


def _listed(name: str, labels: LabelsLike) -> list[Any]:
    if isinstance(labels, str | bytes | Mapping | Set):
        raise InputError(f"{name}: expected a sequence of labels, got {type(labels).__name__}")
    try:
        if isinstance(labels, list | tuple):
            return list(labels)
        for method in ("tolist", "to_list"):
            if hasattr(type(labels), method) and not isinstance(labels, np.ndarray):
                listed = getattr(labels, method)()
                return listed if isinstance(listed, list) else [listed]
        if isinstance(getattr(labels, "dtype", None), np.dtype):
            labels = labels[...]  # netCDF variables give masked arrays
        if hasattr(labels, "__array__"):
            return _from_array(labels if isinstance(labels, np.ndarray) else np.asarray(labels))
        if isinstance(labels, Iterable):
            return list(labels)
    except (TypeError, ValueError, RuntimeError, OSError) as error:
        reason = first_line(error)
        raise InputError(
            f"{name}: expected a sequence of labels, got {type(labels).__name__} that cannot be "
            f"read ({reason})"
        ) from None
    raise InputError(f"{name}: expected a sequence of labels, got {shown(labels)}")


def _from_array(array: np.ndarray) -> list[Any]:
    listed = array.tolist()  # masked values become None
    is_mixed = array.dtype.kind == "U" and array.dtype.itemsize >= _TEXT_WITH_NUMBERS.itemsize
    if is_mixed and array.ndim == 1 and "nan" in listed:
        return [None if value == "nan" else value for value in listed]
    return listed if isinstance(listed, list) else [listed]


def _as_python(value: Any) -> Any:
    if hasattr(value, "item") and not np.ndim(value):
        value = value.item()
    if isinstance(value, bytes):
        value = value.decode("utf-8", "surrogateescape")
    return readable(value) if isinstance(value, str) else value
