"""Plain values of a data set of results, for the templates of captions, sentences and pages."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from ensemble_rsa.figures.wording import has_seeds, percent

_UNKNOWN = (float("nan"), float("nan"))


def dataset_values(results: xr.Dataset) -> dict[str, Any]:
    """Return sizes, names and settings of results; None, empty or False where unknown.

    Args:
        results: an analysis, or the result of an experiment.

    Returns:
        `n_instances, n_pairs, n_layers, n_stimuli, n_categories, n_resamples` · `level` (of
        confidence, in per cent) · `over_instances`, how intervals over instances were computed
        (`bootstrap` in earlier results) · `layers, kinds, shown, seeds` · `model, surrogate,
        distance, cocktail_blank, dataset, scale` · `undirected`: which `kind` of patterns has no
        direction, and the `distance` of one to any other · `n_landmarks` of embeddings, None for
        all · `stored`, whether RDMs are in a store · `stress, stress_1` (of the second level;
        NaN where unknown).
    """
    sizes, attrs = results.sizes, results.attrs

    def listed(name: str) -> list[Any]:
        return np.atleast_1d(results[name].values).tolist() if name in results.coords else []

    return {
        "n_instances": sizes.get("instance"),
        "n_pairs": sizes.get("instance_pair"),
        "n_layers": sizes.get("layer"),
        "n_stimuli": attrs.get("n_stimuli", sizes.get("stimulus")),
        "n_landmarks": _landmarks(results),
        "stored": "n_landmarks" in attrs,
        "n_categories": attrs.get("n_categories"),
        "n_resamples": attrs.get("n_resamples"),
        "level": percent(results),
        "over_instances": str(attrs.get("interval_over_instances", "bootstrap")),
        "layers": listed("layer"),
        "kinds": listed("kind"),
        "shown": listed("shown"),
        "seeds": listed("seed") if has_seeds(results) else [],
        "model": str(attrs.get("model", "")),
        "surrogate": bool(attrs.get("surrogate", False)),
        "distance": attrs.get("distance"),
        "undirected": {
            "kind": "constant" if attrs.get("distance") == "correlation" else "all-zero",
            "distance": "√2" if attrs.get("distance") == "unit_euclidean" else "1",
        },
        "cocktail_blank": bool(attrs.get("cocktail_blank", False)),
        "dataset": str(attrs.get("dataset", "")),
        "scale": str(attrs.get("scale", "")),
        "stress": float(results.get("second_level_stress", np.nan)),
        "stress_1": float(results.get("second_level_stress_1", np.nan)),
    }


def _landmarks(results: xr.Dataset) -> int | None:
    """How many stimuli are landmarks of embeddings; None where all are embedded alike."""
    n = results.attrs.get("n_landmarks")
    return int(n) if n is not None and n < results.sizes["stimulus"] else None


@dataclass(frozen=True)
class Estimate:
    """A mean at one layer with its intervals over instance pairs and over instances.

    An interval that is not defined is a pair of NaN.
    """

    layer: str
    mean: float
    pairs: tuple[float, float]
    instances: tuple[float, float]


def consistency_at(results: xr.Dataset, kind: str, layer: int) -> Estimate:
    """Return the consistency of one layer; a single instance pair has NaN for bounds."""
    chosen = results.sel(kind=kind).isel(layer=layer)
    limits = {}
    for over in ("pairs", "instances"):
        at = chosen.sel(bootstrap=over)
        limits[over] = (float(at.consistency_low), float(at.consistency_high))
    return Estimate(str(chosen.layer.values), float(chosen.consistency_mean), **limits)


def clustering_at(results: xr.Dataset, layer: int) -> Estimate | None:
    """Return the category clustering index of one layer; None without categories."""
    if "category_clustering_index_mean" not in results:
        return None
    chosen = results.isel(layer=layer)
    mean, low, high = (
        float(chosen[f"category_clustering_index_{part}"]) for part in ("mean", "low", "high")
    )
    return Estimate(str(chosen.layer.values), mean, _UNKNOWN, (low, high))


def ceiling_at(results: xr.Dataset, layer: int) -> tuple[float, float] | None:
    """Return the bounds of how well others predict an instance; None for results without them."""
    if "instance_ceiling_lower" not in results:
        return None
    lower, upper = (results[f"instance_ceiling_{end}"].values[layer] for end in ("lower", "upper"))
    return float(lower), float(upper)


def known_accuracies(results: xr.Dataset, name: str) -> list[float]:
    """Return the accuracies of the instances; empty for activations from elsewhere."""
    if name not in results or not np.isfinite(results[name].values).any():
        return []
    return results[name].values.tolist()
