"""Descriptors of RDMs and of stimuli: columns of numbers or of text, under names that are free."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ensemble_rsa.arrays import is_number
from ensemble_rsa.arrays.labels import as_column, check_none_missing, plain_values
from ensemble_rsa.errors import InputError, shown

Descriptors = Mapping[str, Any]  # values from any container
RUNNING_NUMBER = "index"
_VARIABLES = {"exemplar", "centroid", "constant_patterns", "rdm", "stimulus_pair", "category_pair"}
_OF_STIMULI, _OF_RDMS = {"stimulus"}, {"layer", "instance"}


def columns(argument: str, descriptors: Any, length: int) -> dict[str, np.ndarray]:
    """Return descriptors as arrays of numbers or text, each of `length` values.

    `index`, by which rsatoolbox numbers RDMs and stimuli anew in every object, is left out.

    Raises:
        InputError: no mapping of names to values; values that are missing (numbers may be NaN), of
            several kinds, neither numbers nor text, or not one for each.
    """
    if not isinstance(descriptors, Mapping):
        raise InputError(
            f"{argument}: expected a mapping of names to values, got {shown(descriptors)}"
        )
    found = {}
    for name, values in descriptors.items():
        if not isinstance(name, str):
            raise InputError(f"{argument}: expected names that are text, got {shown(name)}")
        if name != RUNNING_NUMBER:
            found[name] = _column(f"{argument}[{name!r}]", values)
            if len(found[name]) != length:
                raise InputError(
                    f"{argument}[{name!r}]: expected {length} values, got {len(found[name])}"
                )
    return found


def _column(what: str, values: Any) -> np.ndarray:
    listed = plain_values(what, values, "one value each")
    if not all(is_number(value) for value in listed):
        check_none_missing(what, listed, "a value for each, or no such descriptor")
    column = as_column(what, listed)
    if column.dtype.kind not in "biufU":
        raise InputError(f"{what}: expected numbers or text, got {type(listed[0]).__name__}")
    return column


def free_names(
    of_rdms: Mapping[str, np.ndarray], of_stimuli: Mapping[str, np.ndarray]
) -> dict[str, tuple[str, np.ndarray]]:
    """Return the coordinates of a data set of RDMs, `(dimension, values)` by name.

    Names that the data set itself has, and those of RDM descriptors that pattern descriptors have
    too, get the prefix `rdm_` or `stimulus_`.

    Raises:
        InputError: two descriptors that would get the same name.
    """
    coordinates: dict[str, tuple[str, np.ndarray]] = {}
    for name, values in of_stimuli.items():
        new = f"stimulus_{name}" if name in _VARIABLES | _OF_RDMS else name
        _add(coordinates, "pattern_descriptors", name, new, ("stimulus", values))
    taken = coordinates.keys() | _VARIABLES | _OF_STIMULI
    for name, values in of_rdms.items():
        new = f"rdm_{name}" if name in taken else name
        _add(coordinates, "rdm_descriptors", name, new, ("rdm", values))
    return coordinates


def _add(
    coordinates: dict[str, Any], argument: str, name: str, new: str, value: tuple[str, np.ndarray]
) -> None:
    if new in coordinates:
        raise InputError(
            f"{argument}[{name!r}]: this descriptor is stored as {new!r}, which another has; "
            "rename one of them"
        )
    coordinates[new] = value
