"""Figs 4 and 7a of the paper: how consistent the layers are, and how clustered by category."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

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
from ensemble_rsa.figures.wording import KIND_NAMES, percent, surrogate_title

CONSISTENCY_LABEL = "Representational consistency\n(shared variance, r²)"
_HEIGHT = 2.9
_MOST_LAYERS_IN_A_COLUMN = 16
_BROAD, _THIN = (
    5.0,
    0.7,
)  # bars of the two intervals, points; the broad one is pale, so that the mean shows on it
_PALE = 0.35
_CAP = 5.0  # width of the cap of a thin bar, points


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
    _draw_course(axes, chosen, np.arange(n_layers), INK, "o", "exemplar")
    _finish(axes, results)
    dot = _dot(f"one of {n_pairs} instance pairs" if n_pairs > 1 else "the one pair of instances")
    _explain(figure, results, [dot, _mean(INK, "o", "mean over pairs")])
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
        _draw_course(axes, results.sel(kind=kind), places, colour, marker, kind)
        handles.append(_mean(colour, marker, KIND_NAMES[kind]))
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
    _draw_thin(axes, places[known], low[known], high[known], INK)
    axes.plot(
        places, mean, color=INK, linewidth=0.7, marker="o", markersize=2.4, zorder=4, label="mean"
    )
    axes.axhline(0.0, color=GREY, linewidth=0.5, zorder=0)
    set_layer_axis(axes, layer_names(results), _width(results) - 0.6)
    axes.set_ylabel("Category clustering\nindex (CCI)")
    bar = _bar(_THIN, 1.0, f"{percent(results)} % CI, instances")
    handles = [
        Line2D([], [], color=GREY, linewidth=0.5, label="one instance"),
        _mean(INK, "o", "mean"),
        bar,
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3)
    return figure


def _width(results: xr.Dataset) -> float:
    return SINGLE_COLUMN if results.sizes["layer"] <= _MOST_LAYERS_IN_A_COLUMN else DOUBLE_COLUMN


def _draw_course(
    axes: Axes, chosen: xr.Dataset, places: np.ndarray, colour: str, marker: str, label: str
) -> None:
    if chosen.sizes["instance_pair"] > 1:
        for bootstrap, draw in (("pairs", _draw_broad), ("instances", _draw_thin)):
            low, high = (
                chosen[f"consistency_{side}"].sel(bootstrap=bootstrap).values
                for side in ("low", "high")
            )
            # `errorbar` wants distances from the mean, but a bootstrap need not enclose the mean.
            known = np.isfinite(low) & np.isfinite(high)
            draw(axes, places[known], low[known], high[known], colour)
    means = chosen.consistency_mean.values
    axes.plot(
        places,
        means,
        color=colour,
        linewidth=0.7,
        marker=marker,
        markersize=2.4,
        zorder=4,
        label=label,
    )


def _draw_broad(
    axes: Axes, places: np.ndarray, low: np.ndarray, high: np.ndarray, colour: str
) -> None:
    axes.vlines(
        places,
        low,
        high,
        colors=colour,
        linewidths=_BROAD,
        alpha=_PALE,
        zorder=2,
        label="pairs interval",
    )


def _draw_thin(
    axes: Axes, places: np.ndarray, low: np.ndarray, high: np.ndarray, colour: str
) -> None:
    axes.vlines(
        places, low, high, colors=colour, linewidths=_THIN, zorder=3, label="instances interval"
    )
    for ends in (low, high):
        axes.plot(
            places,
            ends,
            linestyle="",
            marker="_",
            markersize=_CAP,
            markeredgewidth=_THIN,
            color=colour,
            zorder=3,
        )


def _finish(axes: Axes, results: xr.Dataset) -> None:
    set_layer_axis(axes, layer_names(results), _width(results) - 0.6)
    set_ticks(axes)
    axes.set_ylim(0.0, 1.02)
    axes.set_ylabel(CONSISTENCY_LABEL)


def _mean(colour: str, marker: str, label: str) -> Line2D:
    return Line2D([], [], color=colour, marker=marker, markersize=3, linewidth=0.7, label=label)


def _dot(label: str) -> Line2D:
    return Line2D([], [], color=GREY, marker="o", markersize=2, linestyle="", label=label)


def _bar(thickness: float, alpha: float, label: str) -> Line2D:
    return Line2D(
        [],
        [],
        color=INK,
        alpha=alpha,
        marker="|",
        markersize=7,
        markeredgewidth=thickness,
        linestyle="",
        label=label,
    )


def _explain(figure: Figure, results: xr.Dataset, handles: list[Line2D]) -> None:
    """The legend: kinds in its first row, intervals below (matplotlib fills it by columns)."""
    level = percent(results)
    bars = [
        _bar(_BROAD, _PALE, f"{level} % CI, pairs"),
        _bar(_THIN, 1.0, f"{level} % CI, instances"),
    ]
    n_columns = max(2, len(handles))
    if results.sizes["instance_pair"] > 1:
        handles = [handles[0], bars[0], *handles[1:2], bars[1], *handles[2:]]
    figure.legend(handles=handles, loc="outside lower center", ncols=n_columns, columnspacing=1.2)
