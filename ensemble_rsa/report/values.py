"""Plain values of a data set of results, for templates."""

from typing import Any

import numpy as np
import xarray as xr

from ensemble_rsa.figures.wording import percent


def dataset_values(results: xr.Dataset) -> dict[str, Any]:
    """Return sizes, names and settings of results as plain values; None or empty where unknown.

    Args:
        results: an analysis or the result of an experiment.

    Returns:
        `n_instances, n_pairs, n_layers, n_stimuli, n_categories, n_resamples` · `level` (of
        confidence, in per cent) · `layers, kinds, shown, seeds` · `model, surrogate, distance,
        cocktail_blank, dataset, scale`.
    """
    sizes, attrs = results.sizes, results.attrs

    def listed(name: str) -> list[Any]:
        return np.atleast_1d(results[name].values).tolist() if name in results.coords else []

    def count(name: str, dimension: str) -> int | None:
        found = attrs.get(name, sizes.get(dimension))
        return None if found is None else int(found)

    model = str(attrs.get("model", ""))
    return {
        "n_instances": sizes.get("instance"),
        "n_pairs": sizes.get("instance_pair"),
        "n_layers": sizes.get("layer"),
        "n_stimuli": count("n_stimuli", "stimulus"),
        "n_categories": count("n_categories", "category"),
        "n_resamples": count("n_resamples", "resample"),
        "level": percent(results),
        "layers": listed("layer"),
        "kinds": listed("kind"),
        "shown": listed("shown"),
        "seeds": listed("seed") if model else [],
        "model": model,
        "surrogate": bool(attrs.get("surrogate", False)),
        "distance": attrs.get("distance"),
        "cocktail_blank": bool(attrs.get("cocktail_blank", False)),
        "dataset": str(attrs.get("dataset", "")),
        "scale": str(attrs.get("scale", "")),
    }
