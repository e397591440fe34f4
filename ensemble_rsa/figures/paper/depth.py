"""Figs 4 to 6 of the paper: consistency by layer, of several networks and by several distances."""

from collections.abc import Sequence

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ensemble_rsa.figures.lines import CONSISTENCY_LABEL, Look, draw_by_layer, interval_handles
from ensemble_rsa.figures.style import (
    BLUE,
    DOUBLE_COLUMN,
    INK,
    ORANGE,
    SINGLE_COLUMN,
    SKY_BLUE,
    VERMILION,
    add_legend,
    add_letter,
    layer_names,
    new_figure,
    paper_style,
)
from ensemble_rsa.figures.wording import DISTANCE_NAMES, MODEL_NAMES, capitalize

# Colour and marker of each network, for the first and the second distance of a panel.
_LOOKS = (
    {"all_cnn_c": (BLUE, "o"), "all_cnn_7": (VERMILION, "s"), "alexnet": (INK, "D")},
    {"all_cnn_c": (SKY_BLUE, "^"), "all_cnn_7": (ORANGE, "v")},
)
_PANELS = (("cosine",), ("euclidean", "unit_euclidean"), ("norm_difference",))  # as in the paper


@paper_style()
def draw_depth(result: xr.Dataset) -> Figure:
    """Consistency by layer, a line for each network, with both intervals.

    Args:
        result: needs `consistency (network, distance, layer, instance_pair)` of one distance, its
            `_mean`, `_low` and `_high`, with NaN where a network has no such layer, and
            `surrogate (network)`.

    Returns:
        A figure one column wide.
    """
    figure = new_figure(SINGLE_COLUMN, 2.7)
    axes = figure.subplots()
    handles = _draw_panel(axes, result, result.distance.values[:1].tolist(), SINGLE_COLUMN - 0.6)
    axes.set_ylabel(CONSISTENCY_LABEL)
    add_legend(figure, [*handles, *interval_handles(result)], 2 if len(handles) == 2 else 3)
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
        handles = max(handles, _draw_panel(axes, result, distances, 2.0), key=len)
        name = DISTANCE_NAMES[distances[0]] if len(distances) == 1 else "Euclidean distances"
        add_letter(axes, letter, capitalize(name))
    panels[0].set_ylabel(CONSISTENCY_LABEL)
    add_legend(figure, [*handles, *interval_handles(result)], 3)
    return figure


def _draw_panel(
    axes: Axes, result: xr.Dataset, distances: Sequence[str], width: float
) -> list[Line2D]:
    """One line for each network and distance; returns their entries in the legend."""
    lines = []
    for distance, looks in zip(distances, _LOOKS, strict=False):
        for network in result.network.values.tolist():
            chosen = result.sel(network=network, distance=distance)
            label = MODEL_NAMES[network] + (" surrogate" if chosen.surrogate else "")
            if looks is not _LOOKS[0]:
                label += ", unit length"
            known = chosen.dropna("instance_pair", how="all", subset=["consistency"])
            lines.append((known, Look(*looks[network], label)))
    return draw_by_layer(axes, layer_names(result), lines, width, spacing=0.2)
