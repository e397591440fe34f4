"""The numbers of a run in one small JSON file, for scripts that want no xarray."""

import json
from typing import Any

import numpy as np
import xarray as xr


def summarize(results: xr.Dataset, seconds: dict[str, float]) -> dict[str, Any]:
    """What `summary.json` holds: accuracies, consistency, clustering, and who was left out.

    Intervals named `low` and `high` come from resampled instance pairs, as in the paper; those
    under `instances` from resampled instances.

    Args:
        results: what `analyze` returned.
        seconds: per stage.
    """
    values: dict[str, Any] = {
        "model": results.attrs.get("model"),
        "dataset": results.attrs.get("dataset"),
        "instances": results.sizes["instance"],
        "distance": results.attrs["distance"],
        "accuracy": {
            part: _plain(results[f"{part}_accuracy"])
            for part in ("train", "test")
            if f"{part}_accuracy" in results
        },
        "layers": results.layer.values.tolist(),
        "consistency": {str(kind): _kind(results.sel(kind=kind)) for kind in results.kind.values},
    }
    name = "category_clustering_index"
    if name in results:
        values[name] = {part: _plain(results[f"{name}_{part}"]) for part in ("mean", "low", "high")}
    names = ("excluded_instances", "replaced_instances", "flagged_instances")
    excluded, replaced, flagged = (json.loads(results.attrs.get(name, "[]")) for name in names)
    values["excluded_instances"] = [*excluded, *replaced]
    values["flagged_instances"] = flagged
    values["seconds"] = {stage: round(time, 2) for stage, time in seconds.items()}
    return values


def _kind(results: xr.Dataset) -> dict[str, Any]:
    pairs, instances = results.sel(bootstrap="pairs"), results.sel(bootstrap="instances")
    return {
        "mean": _plain(results.consistency_mean),
        "low": _plain(pairs.consistency_low),
        "high": _plain(pairs.consistency_high),
        "instances": {
            "low": _plain(instances.consistency_low),
            "high": _plain(instances.consistency_high),
        },
    }


def _plain(values: xr.DataArray) -> list[float]:
    return np.asarray(values, float).round(6).tolist()
