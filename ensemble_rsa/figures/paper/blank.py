"""Fig. S7 of the paper: consistency with and without cocktail-blank normalisation."""

import xarray as xr
from matplotlib.figure import Figure

from ensemble_rsa.figures.lines import CONSISTENCY_LABEL, Look, draw_by_layer, interval_handles
from ensemble_rsa.figures.style import (
    BLUE,
    DOUBLE_COLUMN,
    VERMILION,
    add_legend,
    add_letter,
    layer_names,
    new_figure,
    paper_style,
)
from ensemble_rsa.figures.wording import DISTANCE_NAMES, capitalize

_LOOKS = {
    "none": Look(BLUE, "o", "no normalisation"),
    "cocktail_blank": Look(VERMILION, "D", "mean over stimuli subtracted"),
}


@paper_style()
def draw_blank(result: xr.Dataset) -> Figure:
    """Consistency by layer, a panel for each distance and a line for each normalisation.

    Args:
        result: needs `consistency (normalisation, distance, layer, instance_pair)` with its mean
            and intervals.

    Returns:
        A figure as wide as a page.
    """
    figure = new_figure(DOUBLE_COLUMN, 2.8, gap=0.04)
    distances = result.distance.values.tolist()
    panels = figure.subplots(1, len(distances), sharey=True, squeeze=False)[0]
    handles = []
    for axes, distance, letter in zip(panels, distances, "abcde", strict=False):
        lines = [
            (result.sel(distance=distance, normalisation=name), look)
            for name, look in _LOOKS.items()
        ]
        handles = draw_by_layer(axes, layer_names(result), lines, 3.3, spacing=0.24)
        add_letter(axes, letter, capitalize(DISTANCE_NAMES[distance]))
    panels[0].set_ylabel(CONSISTENCY_LABEL)
    add_legend(figure, [*handles, *interval_handles(result)], 4)
    return figure
