"""Names of dimensions, and agreement of what several arguments say along them."""

import re
from collections.abc import Mapping
from typing import Any

from ensemble_rsa.errors import InputError

DIMENSIONS = (
    "instance", "layer", "epoch", "dropout", "stimulus", "unit", "category", "stimulus_pair",
    "category_pair", "instance_pair",
)  # fmt: skip
_SHARED = [name for name in DIMENSIONS if name not in ("instance", "unit", "instance_pair")]


def dimension_names(value: Any) -> tuple[str, ...]:
    """Names of the dimensions of a DataArray; none for other arrays."""
    is_named = hasattr(type(value), "dims") and hasattr(type(value), "transpose")
    return tuple(map(str, value.dims)) if is_named else ()


def own_names(value: Any) -> set[str]:
    """Names of dimensions that are neither ours nor those that xarray gives to unnamed ones.

    >>> import numpy, xarray
    >>> sorted(own_names(xarray.DataArray(numpy.zeros((2, 2, 2)), dims=("stimulus", "y", "x"))))
    ['x', 'y']
    """
    return {each for each in dimension_names(value) if not re.fullmatch(r"dim_\d+", each)} - {
        *DIMENSIONS
    }


def check_agreement(arguments: Mapping[str, Any]) -> None:
    """Raise if DataArrays have different coordinates, or another order, along one dimension.

    Instances and units may differ. Other arrays, and DataArrays without coordinates, agree.

    Args:
        arguments: values by their names in messages.
    """
    seen: dict[str, tuple[str, list[Any]]] = {}
    for name, value in arguments.items():
        names = dimension_names(value)
        for dimension in _SHARED:
            if dimension not in names or dimension not in getattr(value, "coords", ()):
                continue
            ids = value.coords[dimension].values.tolist()
            earlier, expected = seen.setdefault(dimension, (name, ids))
            if ids != expected and len(ids) == len(expected):
                place = next(i for i, each in enumerate(ids) if each != expected[i])
                raise InputError(
                    f"{name}: expected the coordinate {dimension!r} of {earlier}, in the same "
                    f"order, got {ids[place]!r} instead of {expected[place]!r} at position {place}"
                )
