"""The numbers that each figure of an analysis, a comparison or an evaluation draws, as tables."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import xarray as xr

from ensemble_rsa.report.tables import MOST_ROWS, Names, Table, listed, long_table, transposed

CURVES = ("train_loss", "train_accuracy", "test_accuracy")


def _consistency(results: xr.Dataset) -> dict[str, Table]:
    dims = {"kind": listed(results, "kind"), "layer": listed(results, "layer")}
    over = {
        f"{end}_over_{name}": results[f"consistency_{end}"].sel(bootstrap=name)
        for name in listed(results, "bootstrap")
        for end in ("low", "high")
    }
    means = {"mean_r2": results.consistency_mean, **over}
    values = results.consistency.transpose("kind", "layer", "instance_pair").values
    kind, layer, pair = np.indices(values.shape).reshape(3, -1)
    place = {name: at for at, name in enumerate(listed(results, "instance"))}
    members = {
        f"instance_{letter}": Names(
            list(place), np.array([place[name] for name in listed(results, f"pair_{end}")])[pair]
        )
        for letter, end in (("a", "first"), ("b", "second"))
    }
    names = {"kind": Names(dims["kind"], kind), "layer": Names(dims["layer"], layer)}
    return {
        "consistency": long_table("means and intervals", dims, transposed(means, dims)),
        "pairs": Table("pairs of instances", {**names, **members, "r2": values.ravel()}),
    }


def _clustering(results: xr.Dataset) -> dict[str, Table]:
    name = "category_clustering_index"
    dims = _layers_and_instances(results)
    layers = {"layer": dims["layer"]}
    means = {part: results[f"{name}_{part}"] for part in ("mean", "low", "high")}
    return {
        "clustering": long_table("means and intervals", layers, transposed(means, layers)),
        "clustering_instances": long_table(
            "instances", dims, transposed({"cci": results[name]}, dims)
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
        "instance": listed(results, "shown"),
        "layer": listed(results, "layer"),
        "stimulus": listed(results, "stimulus")
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
    dims = {name: listed(results, name) for name in ("seed_component", "layer")}
    names = ("seed_variance", "seed_variance_share")
    values = {name: results[name] for name in names if name in results}
    return {"crossed_seeds": long_table("components", dims, transposed(values, dims))}


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
    dims = {"epoch": listed(history, "epoch"), "instance": listed(history, "instance")}
    curves = [name for name in CURVES if name in history]
    return long_table("curves", dims, transposed({name: history[name] for name in curves}, dims))


def layer_table(title: str, dataset: xr.Dataset, names: Sequence[str]) -> Table:
    """Return variables that have a value for each layer."""
    dims = {"layer": listed(dataset, "layer")}
    return long_table(title, dims, transposed({name: dataset[name] for name in names}, dims))


def evaluation_tables(evaluation: xr.Dataset) -> dict[str, Table]:
    """Return what the figure of an evaluation draws, and what it is made of."""
    by_layer = [name for name, column in evaluation.items() if column.dims == ("layer",)]
    shares = {name: evaluation[f"component_{name}"] for name in ("share", "variance")}
    of_component = {name: listed(evaluation, name) for name in ("component", "layer")}
    each = {  # subjects may have no names, and instances have none in earlier evaluations
        name: listed(evaluation, name) if name in evaluation.coords else list(range(n))
        for name, n in evaluation.similarity.sizes.items()
    }
    single = transposed({"similarity": evaluation.similarity}, each)
    return {
        "similarity": layer_table("layers", evaluation, list(map(str, by_layer))),
        "components": long_table("variance", of_component, transposed(shares, of_component)),
        "single": long_table("networks and subjects", each, single),
    }


def _layers_and_instances(results: xr.Dataset) -> dict[str, list[Any]]:
    return {name: listed(results, name) for name in ("layer", "instance")}
