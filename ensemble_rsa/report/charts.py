"""What the charts of a page show: which columns of which table, under which names and colours.

A chart replaces the picture of the same figure where scripts run, and draws the same numbers in the
same colours.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.colors import to_rgb

from ensemble_rsa.figures.lines import KIND_LOOKS
from ensemble_rsa.figures.maps import layer_shades
from ensemble_rsa.figures.style import FLAGGED, INK
from ensemble_rsa.figures.training import ORDINARY, PANELS, is_steep
from ensemble_rsa.figures.wording import noted_instances, percent
from ensemble_rsa.report.tables import Table

_MARKERS = {"o": "circle", "s": "square", "^": "triangle"}
_STOPS = 32  # of a colour scale, between which colours are interpolated
Chart = dict[str, Any]


def figure_chart(
    name: str,
    results: xr.Dataset,
    history: xr.Dataset | None,
    noted: Sequence[Mapping[str, Any]],
    tables: Mapping[str, Table],
) -> Chart | None:
    """Return the chart of a figure of an analysis; None where it has only a picture.

    `name` is that of the figure's file, `noted` are instances with a `reason` to be named, and
    `tables` are those that the page has of this figure.
    """
    if name == "training" and history is not None and "training" in tables:
        return _training(history, noted)
    make = _CHARTS.get(name)
    chart = make(results, tables) if make and tables else None
    return chart and {**chart, "instances": results.instance.values.tolist()}


def _consistency(results: xr.Dataset, tables: Mapping[str, Table], every: bool) -> Chart:
    looks = {str(kind): KIND_LOOKS[str(kind)] for kind in results.kind.values}
    level = percent(results)
    chart = {
        "kind": "layers",
        "table": "consistency",
        "label": "Consistency (shared variance, r²)",
        "of": "mean r²",
        "unit": "r²",
        "ends": [0, 1],
        "series": [
            {"label": look.label, "colour": look.colour, "marker": _MARKERS[look.marker],
             "value": "mean_r2", "where": {"kind": kind}}
            for kind, look in looks.items()
        ],
        "intervals": [
            {"label": f"{level} % CI, {over}", "low": f"low_over_{over}",
             "high": f"high_over_{over}", "wide": over == "pairs"}
            for over in results.bootstrap.values.tolist() if results.sizes["instance_pair"] > 1
        ],
    }  # fmt: skip
    chart["shown"] = [
        *(look.label for kind, look in looks.items() if every or kind == "exemplar"),
        *(interval["label"] for interval in chart["intervals"]),
    ]
    if "pairs" in tables:
        chart["points"] = {
            "table": "pairs", "label": "pairs of instances", "value": "r2", "joined": False,
            "of": ["instance_a", "instance_b"],
        }  # fmt: skip
        chart["shown"] += [] if every else [chart["points"]["label"]]
    return chart


def _clustering(results: xr.Dataset, tables: Mapping[str, Table]) -> Chart:
    several = results.sizes["instance"] > 1
    interval = {"label": f"{percent(results)} % CI, instances", "low": "low", "high": "high"}
    chart: Chart = {
        "kind": "layers",
        "table": "clustering",
        "label": "Category clustering index",
        "of": "mean",
        "unit": "index",
        "ends": [0],
        "series": [{"label": "mean", "colour": INK, "marker": "circle", "value": "mean"}],
        "shown": ["mean", interval["label"], "instances"],
        "intervals": [interval] if several else [],
    }
    if "clustering_instances" in tables and several:
        chart["points"] = {
            "table": "clustering_instances", "label": "instances", "value": "cci",
            "joined": True, "of": ["instance"],
        }  # fmt: skip
    return chart


def _second_level(results: xr.Dataset, tables: Mapping[str, Table]) -> Chart | None:
    if {"distances", "layout"} - tables.keys():
        return None
    viridis = mpl.colormaps["viridis"](np.linspace(0, 1, _STOPS + 1))
    return {
        "kind": "second_level",
        "matrix": "distances",
        "layout": "layout",
        "stress": float(results.second_level_stress),
        "colours": [[round(255 * part) for part in to_rgb(colour)] for colour in viridis],
        "shades": layer_shades(results.sizes["layer"]),
    }


def _training(history: xr.Dataset, noted: Sequence[Mapping[str, Any]]) -> Chart:
    found = noted_instances(history, noted)
    return {
        "kind": "curves",
        "table": "training",
        "panels": [
            {"name": name, "label": label, "log": is_steep(history[name])}
            for name, label in PANELS
            if name in history
        ],
        "seeds": history.seed.values.tolist() if "seed" in history.coords else [],
        "noted": {str(number): entry.get("reason", "flagged") for number, entry in found.items()},
        "ends": {name: [1] for name, _ in PANELS if "accuracy" in name},
        "ordinary": ORDINARY,
        "flagged": FLAGGED,
    }


_CHARTS: dict[str, Callable[[xr.Dataset, Mapping[str, Table]], Chart | None]] = {
    "second_level": _second_level,
    "consistency": lambda results, tables: _consistency(results, tables, every=False),
    "category_consistency": lambda results, tables: _consistency(results, tables, every=True),
    "clustering": _clustering,
}
