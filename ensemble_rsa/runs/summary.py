"""The main numbers of an analysis as plain values, for `summary.json`."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from ensemble_rsa.analysis.outliers import outlying_instances
from ensemble_rsa.runs.set_aside import set_aside


def summarize(
    results: xr.Dataset, seconds: dict[str, float], findings: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """Return findings, accuracies, consistency, clustering, and instances that were set aside.

    `instance_ceiling` says how well the other instances predict one: r² with the mean RDM of the
    others (`lower`), and with that of all (`upper`).

    The intervals `low` and `high` are over instances, by the method under `interval`; those under
    `pairs` from resampled instance pairs, as in Mehrer et al. 2020
    (doi:10.1038/s41467-020-19632-w, Methods). Of one instance, consistency is None; bounds
    that do not exist are None.
    """
    values: dict[str, Any] = {
        "findings": list(findings),
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
        "interval": results.attrs.get("interval_over_instances", "bootstrap"),
        "consistency": None,
    }
    if "consistency" in results:
        kinds = results.kind.values
        values["consistency"] = {str(kind): _kind(results.sel(kind=kind)) for kind in kinds}
    if "instance_ceiling_lower" in results:
        values["instance_ceiling"] = {
            end: _plain(results[f"instance_ceiling_{end}"]) for end in ("lower", "upper")
        }
    name = "category_clustering_index"
    if name in results:
        values[name] = {part: _plain(results[f"{name}_{part}"]) for part in ("mean", "low", "high")}
    values["excluded_instances"] = [
        *set_aside(results, "excluded"), *set_aside(results, "replaced")
    ]  # fmt: skip
    values["flagged_instances"] = set_aside(results, "flagged")
    values["outlying_instances"] = outlying(results)
    values["seconds"] = {stage: round(time, 2) for stage, time in seconds.items()}
    return values


def outlying(results: xr.Dataset) -> list[dict[str, Any]]:
    """Return the instances that are unlike all others in exemplar consistency, and in which layers.

    Each has `instance`, `seed` (None where unknown) and `layers`; see
    `ensemble_rsa.analysis.outliers`.
    """
    if "consistency" not in results:
        return []
    values = results.consistency.sel(kind="exemplar").transpose("layer", "instance_pair").values
    found = outlying_instances(values)
    layers = results.layer.values.astype(str)
    seeds = results.seed.values if "seed" in results.coords else [None] * found.shape[-1]
    return [
        {
            "instance": results.instance.values[i].item(),
            "seed": None if seeds[i] is None else seeds[i].item(),
            "layers": layers[found[:, i]].tolist(),
        }
        for i in np.flatnonzero(found.any(0))
    ]


def _kind(results: xr.Dataset) -> dict[str, Any]:
    pairs, instances = (
        {end: _plain(results[f"consistency_{end}"].sel(bootstrap=over)) for end in ("low", "high")}
        for over in ("pairs", "instances")
    )
    return {"mean": _plain(results.consistency_mean), **instances, "pairs": pairs}


def _plain(values: xr.DataArray) -> list[float] | None:
    numbers = np.asarray(values, float)
    return None if np.isnan(numbers).all() else numbers.round(6).tolist()
