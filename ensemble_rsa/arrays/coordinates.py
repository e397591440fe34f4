"""Names of dimensions, and agreement of what several arguments say along them."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ensemble_rsa.errors import InputError

DIMENSIONS = (
    "instance", "layer", "epoch", "dropout", "stimulus", "unit", "category", "stimulus_pair",
    "category_pair", "instance_pair",
)  # fmt: skip
_SHARED = [name for name in DIMENSIONS if name not in ("instance", "unit", "instance_pair")]
_LEADING = ("layer", "epoch", "dropout")  # in front of those that a function reads


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


def check_agreement(arguments: Mapping[str, Any], matched: bool = False) -> None:
    """Raise if DataArrays have different coordinates, or another order, along one dimension.

    Instances and units may differ. Other arrays, and DataArrays without coordinates, agree. Layers
    and epochs are paired by position, so that such dimensions have to stand in the same order.

    Args:
        arguments: values, or lists of them, by their names in messages.
        matched: whether instances are paired too: the same ones in another order are refused.
    """
    seen: dict[str, tuple[str, list[Any]]] = {}
    leading: tuple[str, list[str]] | None = None
    for name, value in _named_arrays(arguments):
        names = dimension_names(value)
        own = [each for each in names if each in _LEADING and value.sizes[each] > 1]
        leading = leading or ((name, own) if own else None)
        if leading is not None:
            _check_leading(name, own, *leading)
        for dimension in (*_SHARED, *(("instance",) if matched else ())):
            if dimension not in names or dimension not in getattr(value, "coords", ()):
                continue
            ids = value.coords[dimension].values.tolist()
            earlier, expected = seen.setdefault(dimension, (name, ids))
            if dimension == "instance" and {*ids} != {*expected}:
                continue
            if ids != expected and len(ids) == len(expected):
                place = next(i for i, each in enumerate(ids) if each != expected[i])
                raise InputError(
                    f"{name}: expected the coordinate {dimension!r} of {earlier}, in the same "
                    f"order, got {ids[place]!r} instead of {expected[place]!r} at position {place}"
                )


def _named_arrays(arguments: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The DataArrays among values and in lists of them, with their names in messages."""
    for name, value in arguments.items():
        if isinstance(value, list | tuple):
            if value and (isinstance(value[0], list | tuple) or dimension_names(value[0])):
                yield from _named_arrays({f"{name}[{i}]": each for i, each in enumerate(value)})
        elif dimension_names(value):
            yield name, value


def _check_leading(name: str, own: list[str], earlier: str, expected: list[str]) -> None:
    """Raise unless leading dimensions, which are paired from the last one on, have equal names."""
    shared = min(len(own), len(expected))
    if own[len(own) - shared :] != expected[len(expected) - shared :]:
        advice = "transpose one of them" if {*own} == {*expected} else "select one position"
        raise InputError(
            f"{name}: expected the dimensions {', '.join(expected)} of {earlier}, in the same "
            f"order, got {', '.join(own)}; {advice}"
        )
