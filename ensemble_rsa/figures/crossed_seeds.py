"""Variance of RDMs that is due to two crossed seeds, by layer."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from ensemble_rsa.figures import style
from ensemble_rsa.figures.target import one_panel
from ensemble_rsa.figures.wording import surrogate_title

_COLOURS = (style.BLUE, style.GREEN, style.SKY_BLUE)


@style.paper_style()
def draw_crossed_seeds(results: xr.Dataset, ax: Axes | None = None) -> Axes:
    """Stacked bars by layer: variance of initial weights, of another seed, of their interaction.

    `results` needs `seed_variance (seed_component, layer)`. They are drawn on `ax`, which is
    returned, or on the axes of a new figure.
    """
    panel = one_panel(ax, style.SINGLE_COLUMN, 2.3, surrogate_title(results))
    axes = panel.axes
    places, below = np.arange(results.sizes["layer"]), np.zeros(results.sizes["layer"])
    handles = []
    for name, colour in zip(results.seed_component.values.tolist(), _COLOURS, strict=True):
        heights = results.seed_variance.sel(seed_component=name).values
        handles.append(axes.bar(places, heights, 0.7, below, color=colour, label=name))
        below = below + heights
    style.set_layer_axis(axes, style.layer_names(results), panel.width)
    axes.set_ylabel("Variance between\nnetworks (1 − r)")
    panel.add_legend(handles, 2)
    return axes
