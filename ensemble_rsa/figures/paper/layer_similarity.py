"""Fig. S2 of the paper: similarity of layers within an instance and between instances."""

from itertools import pairwise

import xarray as xr
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ensemble_rsa.figures.lines import Look, draw_by_layer, interval_handles
from ensemble_rsa.figures.style import (
    BLUE,
    DOUBLE_COLUMN,
    GREEN,
    VERMILION,
    add_legend,
    add_letter,
    layer_names,
    new_figure,
    paper_style,
)

_LOOKS = (
    Look(BLUE, "o", "two layers, same instance"),
    Look(VERMILION, "s", "two layers, different instances"),
    Look(GREEN, "^", "one layer, different instances"),
)


@paper_style()
def draw_layer_similarity(result: xr.Dataset) -> Figure:
    """Similarity by the distance between layers (a), and of neighbouring layers by depth (b).

    Args:
        result: needs `similarity_by_distance_mean, _low, _high (origin, layer_distance)`, of one
            instance and of two, for distances from 1; and `similarity_of_neighbours_mean, _low,
            _high (course, layer_pair)`: next layer of the same instance, next layer of another,
            same layer of another.

    Returns:
        A figure as wide as a page.
    """
    figure = new_figure(DOUBLE_COLUMN, 2.7, gap=0.05)
    panels = figure.subplots(1, 2, sharey=True)
    distances = [str(apart + 1) for apart in range(result.sizes["layer_distance"])]
    pairs = [f"{first}–{second}" for first, second in pairwise(layer_names(result, 8))]
    handles: list[Line2D] = []
    for axes, letter, name, dimension, ticks, label in (
        (panels[0], "a", "similarity_by_distance", "origin", distances, "Layers apart"),
        (panels[1], "b", "similarity_of_neighbours", "course", pairs, "Neighbouring layers"),
    ):
        lines = [
            (result.isel({dimension: row}), look)
            for row, look in enumerate(_LOOKS[: result.sizes[dimension]])
        ]
        width = DOUBLE_COLUMN / 2 - 0.4
        handles = draw_by_layer(axes, ticks, lines, width, spacing=0.08, name=name)
        axes.set_xlabel(label)
        add_letter(axes, letter)
    panels[0].set_ylabel("Similarity of RDMs\n(shared variance, r²)")
    add_legend(figure, [*handles, *interval_handles(result, ["instances"])], 2)
    return figure
