"""Variance of RDMs that is due to two crossed seeds, by layer."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from ensemble_rsa.figures import style
from ensemble_rsa.figures.wording import surrogate_title

_COLOURS = (style.BLUE, style.GREEN, style.SKY_BLUE)


@style.paper_style()
def draw_crossed_seeds(results: xr.Dataset) -> Figure:
    """Stacked bars by layer: variance of first weights, of another seed, of their interaction.

    `results` needs `seed_variance (seed_component, layer)`.
    """
    figure = style.new_figure(style.SINGLE_COLUMN, 2.3, surrogate_title(results))
    axes = figure.subplots()
    places, below = np.arange(results.sizes["layer"]), np.zeros(results.sizes["layer"])
    handles = []
    for name, colour in zip(results.seed_component.values.tolist(), _COLOURS, strict=True):
        heights = results.seed_variance.sel(seed_component=name).values
        handles.append(axes.bar(places, heights, 0.7, below, color=colour, label=name))
        below = below + heights
    style.set_layer_axis(axes, style.layer_names(results), style.SINGLE_COLUMN - 0.6)
    axes.set_ylabel("Variance between\nnetworks (1 − r)")
    style.add_legend(figure, handles, 2)
    return figure
