"""S2 of the paper: similarity of layers within an instance and between instances."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ensemble_rsa.figures.courses import draw_thin, interval_handles, mean_handle
from ensemble_rsa.figures.style import (
    DOUBLE_COLUMN,
    layer_names,
    new_figure,
    paper_style,
    set_layer_axis,
    set_ticks,
)

_BLUE, _ORANGE, _GREEN = "#0072b2", "#d55e00", "#009e73"  # Okabe and Ito's
_COURSES = (
    (_BLUE, "o", "two layers, same instance"),
    (_ORANGE, "s", "two layers, different instances"),
    (_GREEN, "^", "one layer, different instances"),
)


@paper_style()
def draw_layer_similarity(result: xr.Dataset) -> Figure:
    """Similarity by how far layers are apart (a), and of neighbouring layers by depth (b).

    Args:
        result: needs `similarity_by_distance_mean, _low, _high (origin, layer_distance)`, of one
            instance and of two, for distances from 1; and `similarity_of_neighbours_mean, _low,
            _high (course, layer_pair)`: next layer of the same instance, next layer of another,
            same layer of another.

    Returns:
        A figure as wide as a page.
    """
    figure = new_figure(DOUBLE_COLUMN, 2.7, gap=0.05)
    by_distance, by_depth = figure.subplots(1, 2, sharey=True)
    _draw(by_distance, result, "similarity_by_distance", 1)
    n_distances = result.sizes["layer_distance"]
    set_ticks(by_distance)
    by_distance.set_xticks(range(1, n_distances + 1))
    by_distance.set_xlim(0.4, n_distances + 0.6)
    by_distance.set_xlabel("Layers apart")
    by_distance.set_ylabel("Similarity of RDMs\n(shared variance, r²)")
    by_distance.set_ylim(0.0, 1.02)
    _draw(by_depth, result, "similarity_of_neighbours", 0)
    names = layer_names(result, 8)
    pairs = [f"{first}–{second}" for first, second in zip(names, names[1:], strict=False)]
    set_layer_axis(by_depth, pairs, DOUBLE_COLUMN / 2 - 0.4)
    by_depth.set_xlabel("Neighbouring layers")
    for axes, letter in ((by_distance, "a"), (by_depth, "b")):
        axes.set_title(letter, loc="left", fontweight="bold", fontsize=8)
    handles = [mean_handle(*course) for course in _COURSES]
    figure.legend(
        handles=[*handles, interval_handles(result)[1]], loc="outside lower center", ncols=2
    )
    return figure


def _draw(axes: Axes, result: xr.Dataset, name: str, start: int) -> None:
    mean, low, high = (result[f"{name}_{part}"].values for part in ("mean", "low", "high"))
    n_courses = len(mean)
    for row, (colour, marker, label) in enumerate(_COURSES[:n_courses]):
        shift = 0.08 * (row - (n_courses - 1) / 2)
        places = start + np.arange(mean.shape[1]) + shift
        draw_thin(axes, places, low[row], high[row], colour)
        axes.plot(
            places, mean[row], color=colour, marker=marker, markersize=2.8, linewidth=0.7,
            zorder=4, label=label,
        )  # fmt: skip
