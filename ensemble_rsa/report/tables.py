"""The numbers that figures draw, as long tables: for charts on a page, and for files of values.

One row is one observation. Columns of names are stored as levels and codes, as a categorical of
pandas is, and numbers are rounded to six significant digits.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

MOST_ROWS = 50_000  # in a page; of more, there are the files that the page was made from
CURVES = ("train_loss", "train_accuracy", "test_accuracy")


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


def _consistency(results: xr.Dataset) -> dict[str, Table]:
    dims = {"kind": _listed(results, "kind"), "layer": _listed(results, "layer")}
    over = {
        f"{end}_over_{name}": results[f"consistency_{end}"].sel(bootstrap=name)
        for name in _listed(results, "bootstrap")
        for end in ("low", "high")
    }
    means = {"mean_r2": results.consistency_mean, **over}
    values = results.consistency.transpose("kind", "layer", "instance_pair").values
    kind, layer, pair = np.indices(values.shape).reshape(3, -1)
    place = {name: at for at, name in enumerate(_listed(results, "instance"))}
    members = {
        f"instance_{letter}": Names(
            list(place), np.array([place[name] for name in _listed(results, f"pair_{end}")])[pair]
        )
        for letter, end in (("a", "first"), ("b", "second"))
    }
    names = {"kind": Names(dims["kind"], kind), "layer": Names(dims["layer"], layer)}
    return {
        "consistency": long_table("means and intervals", dims, _transposed(means, dims)),
        "pairs": Table("pairs of instances", {**names, **members, "r2": values.ravel()}),
    }


def _clustering(results: xr.Dataset) -> dict[str, Table]:
    name = "category_clustering_index"
    dims = _layers_and_instances(results)
    layers = {"layer": dims["layer"]}
    means = {part: results[f"{name}_{part}"] for part in ("mean", "low", "high")}
    return {
        "clustering": long_table("means and intervals", layers, _transposed(means, layers)),
        "clustering_instances": long_table(
            "instances", dims, _transposed({"cci": results[name]}, dims)
        ),
    }


def _second_level(results: xr.Dataset) -> dict[str, Table]:
    dims = _layers_and_instances(results)
    order = ("layer", "instance", "layer_b", "instance_b")
    n = len(dims["layer"]) * len(dims["instance"])
    square = results.second_level_distance.transpose(*order).values.reshape(n, n)
    first, second = np.triu_indices(n, 1)
    columns: dict[str, Names | np.ndarray] = {}
    for letter, place in (("a", first), ("b", second)):
        layer, instance = np.divmod(place, len(dims["instance"]))
        columns[f"layer_{letter}"] = Names(dims["layer"], layer)
        columns[f"instance_{letter}"] = Names(dims["instance"], instance)
    points = results.second_level_embedding.transpose("layer", "instance", "component").values
    plane = {axis: points[..., i] for i, axis in enumerate("xy")}
    return {
        "distances": Table("matrix", columns | {"distance": square[first, second]}),
        "layout": long_table("layout", dims, plane),
    }


def _geometry(results: xr.Dataset) -> dict[str, Table]:
    dims = {
        "instance": _listed(results, "shown"),
        "layer": _listed(results, "layer"),
        "stimulus": _listed(results, "stimulus")
        if "stimulus" in results.coords
        else list(range(results.sizes["stimulus"])),
    }
    points = results.embedding.transpose("shown", "layer", "stimulus", "component").values
    table = long_table("layout", dims, {axis: points[..., i] for i, axis in enumerate("xy")})
    if "category" in results.coords:
        names, codes = np.unique(results.category.values.astype(str), return_inverse=True)
        shown = table.columns["stimulus"]
        assert isinstance(shown, Names)
        category = {"category": Names(names.tolist(), codes[shown.codes])}
        table = Table(table.title, {**category, **table.columns})
    return {"geometry": table}


def _crossed_seeds(results: xr.Dataset) -> dict[str, Table]:
    dims = {name: _listed(results, name) for name in ("seed_component", "layer")}
    names = ("seed_variance", "seed_variance_share")
    values = {name: results[name] for name in names if name in results}
    return {"crossed_seeds": long_table("components", dims, _transposed(values, dims))}


_TABLES: dict[str, Callable[[xr.Dataset], dict[str, Table]]] = {
    "geometry": _geometry,
    "second_level": _second_level,
    "consistency": _consistency,
    "category_consistency": _consistency,
    "clustering": _clustering,
    "crossed_seeds": _crossed_seeds,
}


def figure_tables(name: str, results: xr.Dataset, history: xr.Dataset | None) -> dict[str, Table]:
    """Return the tables of a figure of an analysis by their ids; none for an unknown figure.

    `name` is that of the figure's file. Tables of more than `MOST_ROWS` are left out.
    """
    if name == "training":
        found = {"training": training_table(history)} if history is not None else {}
    else:
        found = _TABLES[name](results) if name in _TABLES else {}
    return {key: table for key, table in found.items() if table.n_rows <= MOST_ROWS}


def training_table(history: xr.Dataset) -> Table:
    """Return loss and accuracies of every epoch and instance."""
    dims = {"epoch": _listed(history, "epoch"), "instance": _listed(history, "instance")}
    curves = [name for name in CURVES if name in history]
    return long_table("curves", dims, _transposed({name: history[name] for name in curves}, dims))


def layer_table(title: str, dataset: xr.Dataset, names: Sequence[str]) -> Table:
    """Return variables that have a value for each layer."""
    dims = {"layer": _listed(dataset, "layer")}
    return long_table(title, dims, _transposed({name: dataset[name] for name in names}, dims))


def _transposed(
    values: Mapping[str, xr.DataArray], dims: Mapping[str, Sequence[Any]]
) -> dict[str, np.ndarray]:
    return {name: value.transpose(*dims).values for name, value in values.items()}


def _listed(dataset: xr.Dataset, name: str) -> list[Any]:
    return np.atleast_1d(dataset[name].values).tolist()


def _layers_and_instances(results: xr.Dataset) -> dict[str, list[Any]]:
    return {name: _listed(results, name) for name in ("layer", "instance")}
