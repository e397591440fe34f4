"""The page of a comparison of two runs: what was found, and which question each test answers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from ensemble_rsa.figures.wording import percent, similarity_name
from ensemble_rsa.report.captions import render
from ensemble_rsa.report.figure_tables import layer_table
from ensemble_rsa.report.methods import comparison_methods
from ensemble_rsa.report.page import PageFigure, write_page
from ensemble_rsa.report.rendering import render_text

SIGNIFICANT = 0.05
BY_RANKS = ("spearman", "rho_a", "tau_a")  # noise alone does not leave their ratio at 1
TESTS = ("within_minus_between", "between_over_within", "a_minus_b")


def comparison_values(comparison: xr.Dataset) -> dict[str, Any]:
    """Return the values that sentence, caption and page of a comparison need.

    `comparison` is from `ensemble_rsa.pipeline.compare.comparison_dataset`.
    """
    layers = [str(layer) for layer in comparison.layer.values]
    found = {
        test: [
            layer
            for layer, p in zip(layers, comparison[f"{test}_p_adjusted"].values, strict=True)
            if p <= SIGNIFICANT
        ]
        for test in TESTS
    }
    ratio = comparison.between_over_within.values
    below = ratio < 1
    first_less = comparison.a_minus_b.values < 0
    place = {layer: i for i, layer in enumerate(layers)}
    attributes = comparison.attrs
    return {
        "layers": layers,
        "apart": found["within_minus_between"],
        "of_geometry": [layer for layer in found["between_over_within"] if below[place[layer]]],
        "undefined": [layer for layer in layers if np.isnan(ratio[place[layer]])],
        "less_consistent": {
            attributes["name_a"]: [x for x in found["a_minus_b"] if first_less[place[x]]],
            attributes["name_b"]: [x for x in found["a_minus_b"] if not first_less[place[x]]],
        },
        "level": percent(comparison),
        "significant": SIGNIFICANT,
        "distance": attributes["distance"],
        "blanked": bool(attributes.get("cocktail_blank", 0)),
        "by_ranks": attributes.get("comparison", "").removesuffix("_squared") in BY_RANKS,
        "similarity": similarity_name(comparison),
        **{name: attributes[name] for name in ("name_a", "name_b", "n_a", "n_b", "paired",
                                               "n_relabellings", "exact", "least_p")},
    }  # fmt: skip


def comparison_sentence(comparison: xr.Dataset) -> str:
    """Return which layers differ, in which of them the geometry does, and which group is noisier.

    An effect is reported where its p, adjusted over layers, is at most 0.05.
    """
    return render_text("comparison", **comparison_values(comparison))


def write_comparison(
    path: Path, comparison: xr.Dataset, figure: Path, manifest: Mapping[str, Any]
) -> Path:
    """Write `comparison.html`, and return its path; `figure` is a PNG of the comparison."""
    values = comparison_values(comparison)
    rows = [
        {"layer": layer}
        | {str(name): float(column.values[i]) for name, column in comparison.items()}
        for i, layer in enumerate(values["layers"])
    ]
    unit = "instances of one seed matched" if values["paired"] else "instances not matched"
    return write_page(
        path,
        "comparison",
        figures=[
            PageFigure(
                figure,
                "Figure 1",
                render("captions/comparison", **values),
                tables={"comparison": layer_table("layers", comparison, _by_layer(comparison))},
            )
        ],
        details={"Numbers": {**comparison.attrs, "layers": _plain(rows)}, "Versions": manifest},
        title=f"{values['name_a']} and {values['name_b']} compared",
        setting=f"{values['n_a']} and {values['n_b']} instances, {unit}.",
        created=str(manifest.get("created", "")),
        sentence=comparison_sentence(comparison),
        methods=comparison_methods(values, manifest),
        rows=rows,
        **{name: values[name] for name in ("name_a", "name_b", "level", "significant", "least_p",
                                           "n_relabellings", "exact", "similarity", "paired",
                                           "by_ranks")},
    )  # fmt: skip


def _by_layer(comparison: xr.Dataset) -> list[str]:
    return [str(name) for name, column in comparison.items() if column.dims == ("layer",)]


def _plain(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows for JSON, which lacks NaN and infinity."""
    known = lambda value: value if isinstance(value, str) or np.isfinite(value) else None
    return [{name: known(value) for name, value in row.items()} for row in rows]
