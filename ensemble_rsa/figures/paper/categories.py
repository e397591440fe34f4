"""Fig. 7 of the paper: centroids and members of categories, and the control for centroids."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ensemble_rsa.figures.consistency import CONSISTENCY_LABEL
from ensemble_rsa.figures.courses import draw_course, interval_handles, mean_handle
from ensemble_rsa.figures.style import (
    DOUBLE_COLUMN,
    GREY,
    INK,
    KIND_COLOURS,
    KIND_MARKERS,
    layer_names,
    new_figure,
    paper_style,
    set_layer_axis,
    set_ticks,
)
from ensemble_rsa.figures.wording import KIND_NAMES

# Okabe and Ito's reddish purple: within-category too, categories put together in another way.
_EACH = {"within_category_each": "#cc79a7"}
_COLOURS = KIND_COLOURS | _EACH
_MARKERS = KIND_MARKERS | {"within_category_each": "v"}
_NAMES = KIND_NAMES | {
    "within_category": "within-category, pooled",
    "within_category_each": "within-category, mean of categories",
}
_BINS = [place / 50 for place in range(51)]
_EVERY, _MEANS = "random draws, each pair", "random draws, mean of pairs"
_LOOKS: dict[str, dict[str, Any]] = {
    _EVERY: {"color": GREY, "alpha": 0.6, "histtype": "bar"},
    _MEANS: {"color": INK, "linewidth": 0.8, "histtype": "step"},
}
_BANDS = {_EVERY: 0.18, _MEANS: 0.35}  # how dark
_PERCENTILES = (2.5, 97.5)
_HEIGHT = 3.0


@paper_style()
def draw_categories(result: xr.Dataset) -> Figure:
    """Consistency by layer of four kinds (a); random categories in the last layer (b).

    Args:
        result: needs `consistency (kind, layer, instance_pair)` and what `draw_course` asks for,
            and `random_consistency (draw, instance_pair)`.

    Returns:
        A figure as wide as a page.
    """
    figure = new_figure(DOUBLE_COLUMN, _HEIGHT, gap=0.05)
    by_layer, control = figure.subplots(1, 2, width_ratios=[1.35, 1])
    handles = _draw_layers(by_layer, result)
    _draw_control(control, result)
    for axes, letter in ((by_layer, "a"), (control, "b")):
        axes.set_title(letter, loc="left", fontweight="bold", fontsize=8)
    bars = interval_handles(result) if result.sizes["instance_pair"] > 1 else []
    drawn = [Patch(label=label, **_patch(label)) for label in _LOOKS]
    figure.legend(
        handles=[*handles, *bars, *drawn], loc="outside lower center", ncols=4, columnspacing=1.4
    )
    return figure


def _draw_layers(axes: Axes, result: xr.Dataset) -> list[Line2D]:
    kinds = [str(kind) for kind in result.kind.values]
    shifts = np.linspace(-0.24, 0.24, len(kinds)) if len(kinds) > 1 else np.zeros(1)
    handles = []
    for kind, shift in zip(kinds, shifts, strict=True):
        places = np.arange(result.sizes["layer"]) + shift
        draw_course(axes, result.sel(kind=kind), places, _COLOURS[kind], _MARKERS[kind], kind)
        handles.append(mean_handle(_COLOURS[kind], _MARKERS[kind], _NAMES[kind]))
    set_layer_axis(axes, layer_names(result), 3.4)
    axes.set_ylim(0.0, 1.02)
    axes.set_ylabel(CONSISTENCY_LABEL)
    return handles


def _patch(label: str) -> dict[str, Any]:
    """A legend's patch in the look of a histogram."""
    look = {name: value for name, value in _LOOKS[label].items() if name != "histtype"}
    return look | {"fill": _LOOKS[label]["histtype"] == "bar"}


def _draw_control(axes: Axes, result: xr.Dataset) -> None:
    """Shares of the random values in each bin, their bands, and the true categories as lines."""
    every = result.random_consistency.values
    for values, label in ((every.ravel(), _EVERY), (every.mean(axis=1), _MEANS)):
        shares = np.full(values.size, 1 / values.size)
        axes.hist(values, _BINS, weights=shares, label=label, **_LOOKS[label])
        low, high = np.percentile(values, _PERCENTILES)
        axes.axvspan(low, high, color=GREY, alpha=_BANDS[label], linewidth=0, zorder=0, label=label)
    last = result.consistency_mean.isel(layer=-1)
    for kind, end in (("exemplar", 0.5), ("centroid", 1.0)):
        value = float(last.sel(kind=kind))
        axes.axvline(value, color=_COLOURS[kind], linewidth=1.2, label=kind)
        axes.text(
            end, 1.02, f"{kind} {value:.2f}", color=_COLOURS[kind], fontsize=6.5,
            ha="right", va="bottom", transform=axes.transAxes,
        )  # fmt: skip
    axes.set_xlim(0.0, 1.0)
    set_ticks(axes)
    axes.set_xlabel(f"Consistency in {layer_names(result)[-1]} (r²)")
    axes.set_ylabel("Share of random draws")
