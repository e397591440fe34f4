"""The numbers that figures draw, as long tables: for charts on a page, and for files of values.

One row is one observation. Columns of names are stored as levels and codes, as a categorical of
pandas is, and numbers are rounded to six significant digits.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

MOST_ROWS = 50_000  # in a page; of more, there are the files that the page was made from


class Names(NamedTuple):
    """A column of names: `levels[codes[i]]` is that of row i."""

    levels: list[Any]
    codes: np.ndarray


class Table(NamedTuple):
    """A title for the button that saves it, and columns of equal length by name."""

    title: str
    columns: Mapping[str, Names | np.ndarray]

    @property
    def n_rows(self) -> int:
        """The number of rows."""
        first = next(iter(self.columns.values()))
        return len(first.codes if isinstance(first, Names) else first)

    def as_data(self) -> dict[str, Any]:
        """The table as plain values for the scripts of a page."""
        columns = [
            {"name": name, "levels": column.levels, "codes": column.codes}
            if isinstance(column, Names)
            else {"name": name, "values": _rounded(column)}
            for name, column in self.columns.items()
        ]
        return {"title": self.title, "columns": columns}


def long_table(
    title: str, names: Mapping[str, Sequence[Any]], values: Mapping[str, np.ndarray]
) -> Table:
    """Return a table with a row for each element of arrays whose axes have these names.

    >>> table = long_table("r", {"layer": ["a", "b"]}, {"r2": np.array([0.5, 0.25])})
    >>> table.as_data()["columns"][1]
    {'name': 'r2', 'values': [0.5, 0.25]}
    """
    places = np.indices([len(levels) for levels in names.values()]).reshape(len(names), -1)
    columns: dict[str, Names | np.ndarray] = {
        name: Names(list(levels), place)
        for (name, levels), place in zip(names.items(), places, strict=True)
    }
    return Table(title, columns | {name: np.ravel(value) for name, value in values.items()})


def _rounded(values: np.ndarray) -> list[Any]:
    if values.dtype.kind != "f":
        return values.tolist()
    return [float(f"{value:.6g}") for value in values.tolist()]


def result_table(results: xr.Dataset) -> Table:
    """Return every number of a data set: its variable, its place along each dimension, its value.

    Dimensions that a variable does not have are empty. The largest variables are left out if there
    are more than `MOST_ROWS` numbers.

    >>> found = xr.Dataset({"a": 1.0, "b": ("layer", [2.0, 3.0])}, {"layer": ["x", "y"]})
    >>> result_table(found).columns["layer"]
    Names(levels=['', 'x', 'y'], codes=array([0, 1, 2]))
    """
    kept, n_rows = {}, 0
    for name, column in sorted(results.items(), key=lambda item: item[1].size):
        if column.dtype.kind in "fiub" and n_rows + column.size <= MOST_ROWS:
            kept[str(name)] = column
            n_rows += column.size
    dims = list(dict.fromkeys(str(dim) for column in kept.values() for dim in column.dims))
    places: dict[str, list[np.ndarray]] = {dim: [] for dim in dims}
    for column in kept.values():
        indices = np.indices(column.shape).reshape(column.ndim, column.size)
        at = dict(zip(column.dims, indices, strict=True))
        for dim in dims:
            places[dim].append(at[dim] + 1 if dim in at else np.zeros(column.size, int))
    sizes = [column.size for column in kept.values()]
    columns: dict[str, Names | np.ndarray] = {
        "variable": Names(list(kept), np.repeat(np.arange(len(kept)), sizes)),
        **{dim: Names(["", *_levels(results, dim)], np.concatenate(places[dim])) for dim in dims},
        "value": np.concatenate([np.zeros(0), *(np.ravel(each.values) for each in kept.values())]),
    }
    return Table("results", columns)


def _levels(results: xr.Dataset, dim: str) -> list[Any]:
    """Names of the places along a dimension: its coordinate, or all coordinates along it."""
    if dim in results.coords:
        return listed(results, dim)
    along = [values.values.tolist() for values in results.coords.values() if values.dims == (dim,)]
    if not along:
        return list(range(results.sizes[dim]))
    return [" / ".join(map(str, row)) for row in zip(*along, strict=True)]


def transposed(
    values: Mapping[str, xr.DataArray], dims: Mapping[str, Sequence[Any]]
) -> dict[str, np.ndarray]:
    """Return values with their axes in the order of `dims`."""
    return {name: value.transpose(*dims).values for name, value in values.items()}


def listed(dataset: xr.Dataset, name: str) -> list[Any]:
    """Return a coordinate as a list."""
    return np.atleast_1d(dataset[name].values).tolist()
