"""The result in a few sentences: how consistency changes from the first layer to the last."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from ensemble_rsa.report.rendering import render_text
from ensemble_rsa.report.values import Estimate, consistency_at, dataset_values, known_accuracies
from ensemble_rsa.runs.summary import outlying


def result_sentence(results: xr.Dataset, summary: Mapping[str, Any]) -> str:
    """Return one to three sentences, ready for a paper, on consistency from first to last layer.

    Consistency "fell" or "rose" if the intervals over instances of the two layers do not overlap;
    otherwise it "did not change clearly". Of one instance the sentence says that it has none.

    Args:
        results: what `analyze` returns: `consistency_mean (kind, layer)` and its intervals.
        summary: the run's summary; its `dataset`, `flagged_instances` and `excluded_instances` are
            used if present.
    """
    values = dataset_values(results)
    several = "consistency" in results
    ends = (0, results.sizes["layer"] - 1) if several else ()
    first, last = [consistency_at(results, "exemplar", place) for place in ends] or (None, None)
    excluded = list(summary.get("excluded_instances") or [])
    seeds = [entry["seed"] for entry in excluded if entry.get("seed") is not None]
    return render_text(
        "sentence",
        **values
        | {
            "dataset": values["dataset"] or summary.get("dataset") or "",
            "n_stimuli": values["n_stimuli"] or 0,
            "first": first,
            "last": last,
            **_course(results, first, last, values),
            "test_accuracy": known_accuracies(results, "test_accuracy"),
            "outlying": [
                one["seed" if values["seeds"] else "instance"] for one in outlying(results)
            ],
            "n_unconverged": len(summary.get("flagged_instances") or []),
            "n_excluded": len(excluded),
            "excluded_seeds": seeds if values["seeds"] else [],
        },
    )


def _course(
    results: xr.Dataset, first: Estimate | None, last: Estimate | None, values: dict[str, Any]
) -> dict[str, Any]:
    """What the template says of consistency, or that one instance has none."""
    if first is None or last is None:
        return {"trend": "one instance", "centroid": None}
    return {
        "trend": _trend(first, last, values["n_layers"], values["n_pairs"]),
        "undefined": next((e.layer for e in (first, last) if not np.isfinite(e.mean)), None),
        "turns": _turns(results, first, last),
        "centroid": _last_centroid(results),
    }


def _trend(first: Estimate, last: Estimate, n_layers: int, n_pairs: int) -> str:
    """Which clause of the template holds."""
    if not np.isfinite([first.mean, last.mean]).all():
        return "undefined"
    if n_layers == 1:
        return "one layer"
    if n_pairs == 1:
        return "one pair"
    if f"{first.mean:.2f}" != f"{last.mean:.2f}":
        (first_low, first_high), (last_low, last_high) = _widest(first), _widest(last)
        if last_high < first_low:
            return "fell"
        if last_low > first_high:
            return "rose"
    return "unclear"


def _widest(value: Estimate) -> tuple[float, float]:
    for limits in (value.instances, value.pairs):
        if np.isfinite(limits).all():
            return limits
    return value.mean, value.mean


def _turns(results: xr.Dataset, first: Estimate, last: Estimate) -> list[tuple[str, str, float]]:
    """Layers in between that lie below or above both ends."""
    means = results.consistency_mean.sel(kind="exemplar").values
    ends = [f"{first.mean:.2f}", f"{last.mean:.2f}"]
    if not np.isfinite(means).any():
        return []
    places = {"lowest": int(np.nanargmin(means)), "highest": int(np.nanargmax(means))}
    return [
        (word, str(results.layer.values[place]), float(means[place]))
        for word, place in places.items()
        if 0 < place < len(means) - 1 and f"{means[place]:.2f}" not in ends
    ]


def _last_centroid(results: xr.Dataset) -> Estimate | None:
    if "centroid" not in results.kind.values:
        return None
    value = consistency_at(results, "centroid", results.sizes["layer"] - 1)
    return value if np.isfinite(value.mean) else None
