"""Figs 4 to 6, S2, S3 and S7 of the paper: lines by layer in one panel or side by side."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import xarray as xr
from matplotlib.axes import Axes

from ensemble_rsa.figures import style
from ensemble_rsa.figures.lines import CONSISTENCY_LABEL, Look, draw_by_layer, interval_handles
from ensemble_rsa.figures.target import Panels, one_panel, several_panels
from ensemble_rsa.figures.wording import DISTANCE_NAMES, MODEL_NAMES, capitalize

# Colour and marker of each network, for the first and the second distance of a panel.
_NETWORKS = (
    {
        "all_cnn_c": (style.BLUE, "o"),
        "all_cnn_7": (style.VERMILION, "s"),
        "alexnet": (style.INK, "D"),
    },
    {"all_cnn_c": (style.SKY_BLUE, "^"), "all_cnn_7": (style.ORANGE, "v")},
)
_DISTANCES = (("cosine",), ("euclidean", "unit_euclidean"), ("norm_difference",))  # as in Fig. 5
_NORMALISATIONS = {
    "none": Look(style.BLUE, "o", "no normalisation"),
    "cocktail_blank": Look(style.VERMILION, "D", "mean over stimuli subtracted"),
}
_CONDITIONS = {
    "other_seed": Look(style.BLUE, "o", "other seed, same training data"),
    "other_data": Look(style.ORANGE, "s", "same seed, other training data"),
    "other_seed_and_data": Look(style.PURPLE, "^", "other seed and other training data"),
}
_SIMILARITIES = (
    Look(style.BLUE, "o", "two layers, same instance"),
    Look(style.VERMILION, "s", "two layers, different instances"),
    Look(style.GREEN, "^", "one layer, different instances"),
)


class _Lines(NamedTuple):
    """Lines of one variable, the names of their points, and the axis label."""

    lines: Sequence[tuple[xr.Dataset, Look]]
    names: Sequence[str]
    title: str = ""
    variable: str = "consistency"
    label: str = "Layer"


@style.paper_style()
def draw_depth(result: xr.Dataset, ax: Axes | None = None) -> Axes:
    """Consistency by layer, a line for each network, with both intervals (Figs 4 and 6).

    `result` needs `consistency (network, distance, layer, instance_pair)` of one distance, its
    `_mean`, `_low` and `_high`, with NaN where a network has no such layer, and `surrogate
    (network)`. They are drawn on `ax`, which is returned, or on the axes of a new figure.
    """
    lines = _networks(result, result.distance.values[:1].tolist())
    panel = one_panel(ax, style.SINGLE_COLUMN, 2.7, margin=0.4, gap=0.04)
    handles = draw_by_layer(panel.axes, style.layer_names(result), lines, panel.width, 0.2)
    panel.axes.set_ylabel(CONSISTENCY_LABEL)
    handles += interval_handles(result)
    panel.add_legend(handles, 2 if len(lines) == 2 else 3)
    return panel.axes


@style.paper_style()
def draw_distances(result: xr.Dataset, figure: Panels | None = None) -> Panels:
    """Consistency by layer for cosine (a), both Euclidean distances (b) and norms (c) (Fig. 5).

    `result` is as for `draw_depth`, of four distances.
    """
    titles = [*(capitalize(DISTANCE_NAMES[each[0]]) for each in _DISTANCES)]
    titles[1] = "Euclidean distances"
    panels = [
        _Lines(_networks(result, distances), style.layer_names(result), title)
        for distances, title in zip(_DISTANCES, titles, strict=True)
    ]
    return _draw(figure, result, panels, 2.9, n_columns=3, spacing=0.2)


@style.paper_style()
def draw_blank(result: xr.Dataset, figure: Panels | None = None) -> Panels:
    """Consistency with and without cocktail-blank normalisation, by distance (Fig. S7).

    `result` needs `consistency (normalisation, distance, layer, instance_pair)` with its mean and
    intervals.
    """
    panels = [
        _Lines(
            [
                (result.sel(distance=distance, normalisation=name), look)
                for name, look in _NORMALISATIONS.items()
            ],
            style.layer_names(result),
            capitalize(DISTANCE_NAMES[distance]),
        )
        for distance in result.distance.values.tolist()
    ]
    return _draw(figure, result, panels, 2.8, n_columns=4, spacing=0.24)


@style.paper_style()
def draw_training_sets(result: xr.Dataset, figure: Panels | None = None) -> Panels:
    """Consistency of networks trained on other images (a) or other categories (b) (Fig. S3).

    `result` needs `images_mean, _low, _high (condition, layer)` and `categories_mean, _low, _high
    (condition, layer_before_head)`.
    """
    lines = [(result.sel(condition=name), look) for name, look in _CONDITIONS.items()]
    panels = [
        _Lines(lines, style.layer_names(result), "Other images, same categories", "images"),
        _Lines(lines, style.layer_names(result), "Other categories", "categories"),
    ]
    return _draw(figure, result, panels, 2.7, over=["instances"])


@style.paper_style()
def draw_layer_similarity(result: xr.Dataset, figure: Panels | None = None) -> Panels:
    """Similarity by the distance between layers (a), and of neighbours by depth (b) (Fig. S2).

    `result` needs `similarity_by_distance_mean, _low, _high (origin, layer_distance)`, of one
    instance and of two, for distances from 1; and `similarity_of_neighbours_mean, _low, _high
    (course, layer_pair)`: next layer of the same instance, next layer of another, same layer of
    another.
    """
    distances = [str(apart + 1) for apart in range(result.sizes["layer_distance"])]
    pairs = [f"{one}–{other}" for one, other in pairwise(style.layer_names(result, 8))]
    by_distance, by_depth = (
        [(result.isel({dimension: row}), _SIMILARITIES[row]) for row in range(n)]
        for dimension, n in (("origin", 2), ("course", 3))
    )
    panels = [
        _Lines(by_distance, distances, "", "similarity_by_distance", "Layers apart"),
        _Lines(by_depth, pairs, "", "similarity_of_neighbours", "Neighbouring layers"),
    ]
    label = "Similarity of RDMs\n(shared variance, r²)"
    return _draw(figure, result, panels, 2.7, label, over=["instances"], spacing=0.08)


def _networks(result: xr.Dataset, distances: Sequence[str]) -> list[tuple[xr.Dataset, Look]]:
    """One line for each network and distance."""
    lines = []
    for place, distance in enumerate(distances):
        for network in result.network.values.tolist():
            chosen = result.sel(network=network, distance=distance)
            label = MODEL_NAMES[network] + (" surrogate" if chosen.surrogate else "")
            look = Look(*_NETWORKS[place][network], label + (", unit length" if place else ""))
            known = chosen.dropna("instance_pair", how="all", subset=["consistency"])
            lines.append((known, look))
    return lines


def _draw(
    figure: Panels | None,
    result: xr.Dataset,
    panels: Sequence[_Lines],
    height: float,
    label: str = CONSISTENCY_LABEL,
    over: Sequence[str] = ("pairs", "instances"),
    n_columns: int = 2,
    spacing: float = 0.1,
) -> Panels:
    """Panels side by side with one y axis, and a legend below."""
    width = style.DOUBLE_COLUMN
    figure = several_panels(figure, width, height, gap=0.04)
    row = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    handles = []
    for axes, letter, panel in zip(row, "abcdefgh", panels, strict=False):
        drawn = draw_by_layer(
            axes, panel.names, panel.lines, width / len(panels) - 0.4, spacing, panel.variable
        )
        handles = max(handles, drawn, key=len)
        axes.set_xlabel(panel.label)
        style.add_letter(axes, letter, panel.title)
    row[0].set_ylabel(label)
    style.add_legend(figure, [*handles, *interval_handles(result, over)], n_columns)
    return figure
