"""Figs 4 and 7a of the paper: how consistent the layers are, and how clustered by category."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ensemble_rsa.figures.courses import draw_course, draw_thin, interval_handles, mean_handle
from ensemble_rsa.figures.style import (
    DOUBLE_COLUMN,
    GREY,
    INK,
    KIND_COLOURS,
    KIND_MARKERS,
    SINGLE_COLUMN,
    layer_names,
    new_figure,
    paper_style,
    set_layer_axis,
    set_ticks,
)
from ensemble_rsa.figures.wording import KIND_NAMES, surrogate_title

CONSISTENCY_LABEL = "Representational consistency\n(shared variance, r²)"
_HEIGHT = 2.9
_MOST_LAYERS_IN_A_COLUMN = 16


@paper_style()
def draw_consistency(results: xr.Dataset) -> Figure:
    """Exemplar-based consistency of every layer: mean, both intervals, and each pair as a dot.

    The broad, pale bar is the bootstrap over pairs, which the paper's captions suggest; the thin
    one with caps is the wider bootstrap over instances.

    Args:
        results: needs `consistency (kind, layer, instance_pair)`, `consistency_mean (kind, layer)`
            and `consistency_low, consistency_high (bootstrap, kind, layer)`, all squared
            correlations.

    Returns:
        A figure one column wide; two columns beyond 16 layers.
    """
    figure = new_figure(_width(results), _HEIGHT, surrogate_title(results))
    axes = figure.subplots()
    chosen = results.sel(kind="exemplar")
    pairs = chosen.consistency.transpose("layer", "instance_pair").values
    n_layers, n_pairs = pairs.shape
    # Dots spread evenly, in the order of the pairs: random jitter would differ between drawings.
    spread = np.linspace(-0.28, 0.28, n_pairs) if n_pairs > 1 else np.zeros(1)
    across = np.arange(n_layers)[:, None] + spread
    axes.scatter(across, pairs, s=3, color=GREY, alpha=0.45, linewidths=0, zorder=1, label="pairs")
    draw_course(axes, chosen, np.arange(n_layers), INK, "o", "exemplar")
    _finish(axes, results)
    dot = _dot(f"one of {n_pairs} instance pairs" if n_pairs > 1 else "the one pair of instances")
    _explain(figure, results, [dot, mean_handle(INK, "o", "mean over pairs")])
    return figure


@paper_style()
def draw_category_consistency(results: xr.Dataset) -> Figure:
    """Consistency of exemplars, category centroids and within-category distances in one panel.

    Args:
        results: as for `draw_consistency`; every kind it holds is drawn.

    Returns:
        A figure one column wide; two columns beyond 16 layers.
    """
    figure = new_figure(_width(results), _HEIGHT, surrogate_title(results))
    axes = figure.subplots()
    kinds = [str(kind) for kind in results.kind.values]
    shifts = np.linspace(-0.14, 0.14, len(kinds)) if len(kinds) > 1 else np.zeros(1)
    handles = []
    for kind, shift in zip(kinds, shifts, strict=True):
        places = np.arange(results.sizes["layer"]) + shift
        colour, marker = KIND_COLOURS[kind], KIND_MARKERS[kind]
        draw_course(axes, results.sel(kind=kind), places, colour, marker, kind)
        handles.append(mean_handle(colour, marker, KIND_NAMES[kind]))
    _finish(axes, results)
    _explain(figure, results, handles)
    return figure


@paper_style()
def draw_clustering(results: xr.Dataset) -> Figure:
    """Category clustering index by layer: a thin line per instance, their mean and its interval.

    Args:
        results: needs `category_clustering_index (layer, instance)` and its `_mean, _low, _high
            (layer)`, bounds from a bootstrap over instances.

    Returns:
        A figure one column wide; two columns beyond 16 layers.
    """
    figure = new_figure(_width(results), 2.1, surrogate_title(results))
    axes = figure.subplots()
    places = np.arange(results.sizes["layer"])
    single = results.category_clustering_index.transpose("layer", "instance").values
    axes.plot(
        places,
        single,
        color=GREY,
        linewidth=0.5,
        alpha=0.6,
        marker=".",
        markersize=2,
        label="instance",
    )
    mean, low, high = (
        results[f"category_clustering_index_{part}"].values for part in ("mean", "low", "high")
    )
    known = np.isfinite(low) & np.isfinite(high)
    draw_thin(axes, places[known], low[known], high[known], INK)
    axes.plot(
        places, mean, color=INK, linewidth=0.7, marker="o", markersize=2.4, zorder=4, label="mean"
    )
    axes.axhline(0.0, color=GREY, linewidth=0.5, zorder=0)
    set_layer_axis(axes, layer_names(results), _width(results) - 0.6)
    axes.set_ylabel("Category clustering\nindex (CCI)")
    bar = interval_handles(results)[1]
    handles = [
        Line2D([], [], color=GREY, linewidth=0.5, label="one instance"),
        mean_handle(INK, "o", "mean"),
        bar,
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3)
    return figure


def _width(results: xr.Dataset) -> float:
    return SINGLE_COLUMN if results.sizes["layer"] <= _MOST_LAYERS_IN_A_COLUMN else DOUBLE_COLUMN


def _finish(axes: Axes, results: xr.Dataset) -> None:
    set_layer_axis(axes, layer_names(results), _width(results) - 0.6)
    set_ticks(axes)
    axes.set_ylim(0.0, 1.02)
    axes.set_ylabel(CONSISTENCY_LABEL)


def _dot(label: str) -> Line2D:
    return Line2D([], [], color=GREY, marker="o", markersize=2, linestyle="", label=label)


def _explain(figure: Figure, results: xr.Dataset, handles: list[Line2D]) -> None:
    """The legend: kinds in its first row, intervals below (matplotlib fills it by columns)."""
    bars = interval_handles(results)
    n_columns = max(2, len(handles))
    if results.sizes["instance_pair"] > 1:
        handles = [handles[0], bars[0], *handles[1:2], bars[1], *handles[2:]]
    figure.legend(handles=handles, loc="outside lower center", ncols=n_columns, columnspacing=1.2)
