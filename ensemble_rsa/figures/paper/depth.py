"""Figs 4 to 6 of the paper: consistency by layer, of several networks and by several distances."""

from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ensemble_rsa.figures.consistency import CONSISTENCY_LABEL
from ensemble_rsa.figures.courses import draw_course, interval_handles, mean_handle
from ensemble_rsa.figures.style import (
    DOUBLE_COLUMN,
    INK,
    SINGLE_COLUMN,
    layer_names,
    new_figure,
    paper_style,
    set_layer_axis,
)
from ensemble_rsa.figures.wording import DISTANCE_NAMES, MODEL_NAMES

# Okabe and Ito's blue and vermilion; for a second distance in a panel their sky blue and orange.
_LOOKS = {"all_cnn_c": ("#0072b2", "o"), "all_cnn_7": ("#d55e00", "s"), "alexnet": (INK, "D")}
_SECOND_LOOKS = {"all_cnn_c": ("#56b4e9", "^"), "all_cnn_7": ("#e69f00", "v")}
_PANELS = (("cosine",), ("euclidean", "unit_euclidean"), ("norm_difference",))  # as in the paper
_STEP = 0.2  # between the points of one layer, in layers


@paper_style()
def draw_depth(result: xr.Dataset) -> Figure:
    """Consistency by layer, a line for each network, with both intervals.

    Args:
        result: needs `consistency (network, distance, layer, instance_pair)`, its `_mean`, `_low`
            and `_high`, with NaN where a network has no such layer, `surrogate (network)`, and one
            distance.

    Returns:
        A figure one column wide.
    """
    figure = new_figure(SINGLE_COLUMN, 2.7)
    axes = figure.subplots()
    handles = _draw_panel(axes, result, [str(result.distance.values[0])], SINGLE_COLUMN - 0.6)
    axes.set_ylabel(CONSISTENCY_LABEL)
    _explain(figure, result, handles)
    return figure


@paper_style()
def draw_distances(result: xr.Dataset) -> Figure:
    """Consistency by layer for four distances: cosine (a), both Euclidean (b), norms (c).

    Args:
        result: as for `draw_depth`, of four distances.

    Returns:
        A figure as wide as a page.
    """
    figure = new_figure(DOUBLE_COLUMN, 2.9)
    panels = figure.subplots(1, len(_PANELS), sharey=True)
    handles: list[Line2D] = []
    for axes, distances, letter in zip(panels, _PANELS, "abc", strict=True):
        found = _draw_panel(axes, result, distances, 2.0)
        handles = found if len(found) > len(handles) else handles
        what = DISTANCE_NAMES[distances[0]] if len(distances) == 1 else "Euclidean distances"
        axes.set_title(letter, loc="left", fontweight="bold", fontsize=8)
        axes.set_title(what[:1].upper() + what[1:])
    panels[0].set_ylabel(CONSISTENCY_LABEL)
    _explain(figure, result, handles)
    return figure


def _draw_panel(
    axes: Axes, result: xr.Dataset, distances: Sequence[str], width: float
) -> list[Line2D]:
    """One line for each network and distance; returns the legend's entries for them."""
    networks = [str(name) for name in result.network.values]
    n_lines = len(networks) * len(distances)
    shifts = iter(_STEP * (np.arange(n_lines) - (n_lines - 1) / 2))
    handles = []
    for distance, looks in zip(distances, (_LOOKS, _SECOND_LOOKS), strict=False):
        for network in networks:
            chosen = result.sel(network=network, distance=distance)
            chosen = chosen.dropna("instance_pair", how="all", subset=["consistency"])
            colour, marker = looks[network]
            label = _name(result, network)
            if len(distances) > 1 and distance == distances[1]:
                label += ", unit length"
            places = np.arange(result.sizes["layer"]) + next(shifts)
            draw_course(axes, chosen, places, colour, marker, label)
            handles.append(mean_handle(colour, marker, label))
    set_layer_axis(axes, layer_names(result), width)
    axes.set_ylim(0.0, 1.02)
    return handles


def _name(result: xr.Dataset, network: str) -> str:
    surrogate = bool(result.surrogate.sel(network=network))
    return f"{MODEL_NAMES[network]}{' surrogate' if surrogate else ''}"


def _explain(figure: Figure, result: xr.Dataset, handles: list[Line2D]) -> None:
    bars = interval_handles(result) if result.sizes["instance_pair"] > 1 else []
    n_columns = 2 if len(handles) == 2 else 3
    figure.legend(handles=[*handles, *bars], loc="outside lower center", ncols=n_columns)
