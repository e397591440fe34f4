"""Fig. S7 of the paper: consistency with and without cocktail-blank normalisation."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from ensemble_rsa.figures.consistency import CONSISTENCY_LABEL
from ensemble_rsa.figures.courses import draw_course, interval_handles, mean_handle
from ensemble_rsa.figures.style import (
    DOUBLE_COLUMN,
    layer_names,
    new_figure,
    paper_style,
    set_layer_axis,
)
from ensemble_rsa.figures.wording import DISTANCE_NAMES, capitalize

# Okabe and Ito's blue and vermilion; marker and name.
_LOOKS = {
    "none": ("#0072b2", "o", "activations as they are"),
    "cocktail_blank": ("#d55e00", "D", "mean over stimuli subtracted"),
}
_SHIFT = 0.12
_HEIGHT = 2.8


@paper_style()
def draw_blank(result: xr.Dataset) -> Figure:
    """Consistency by layer, a panel for each distance and a line for each normalisation.

    Args:
        result: needs `consistency (normalisation, distance, layer, instance_pair)` and what
            `draw_course` asks for beside it.

    Returns:
        A figure as wide as a page.
    """
    figure = new_figure(DOUBLE_COLUMN, _HEIGHT, gap=0.04)
    distances = result.distance.values.tolist()
    panels = figure.subplots(1, len(distances), sharey=True, squeeze=False)[0]
    places = np.arange(result.sizes["layer"])
    for axes, distance, letter in zip(panels, distances, "abcde", strict=False):
        chosen = result.sel(distance=distance)
        for side, normalisation in zip((-1, 1), _LOOKS, strict=True):
            colour, marker, _ = _LOOKS[normalisation]
            course = chosen.sel(normalisation=normalisation)
            draw_course(axes, course, places + side * _SHIFT, colour, marker, normalisation)
        set_layer_axis(axes, layer_names(result), 3.3)
        axes.set_ylim(0.0, 1.02)
        axes.set_title(letter, loc="left", fontweight="bold", fontsize=8)
        axes.set_title(capitalize(DISTANCE_NAMES[distance]))
    panels[0].set_ylabel(CONSISTENCY_LABEL)
    handles = [mean_handle(*look) for look in _LOOKS.values()]
    if result.sizes["instance_pair"] > 1:
        handles += interval_handles(result)
    figure.legend(handles=handles, loc="outside lower center", ncols=4, columnspacing=1.4)
    return figure
