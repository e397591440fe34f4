"""Fig. S1 of the paper: stress of each stimulus in the embeddings of Fig. 2."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from ensemble_rsa.figures import style
from ensemble_rsa.figures.maps import category_handles
from ensemble_rsa.figures.style import INK
from ensemble_rsa.figures.target import Panels, several_panels
from ensemble_rsa.figures.wording import instance_name

_SLOT = 0.84  # width of a layer's dots, in layers


@style.paper_style()
def draw_pointwise_stress(result: xr.Dataset, figure: Panels | None = None) -> Panels:
    """Stress of every stimulus in every layer, one row of panels for each instance shown.

    `result` needs `embedding_pointwise_stress (layer, shown, stimulus)`, `embedding_stress (layer,
    shown)`, coordinates `category (stimulus)` and `seed (instance)`.

    They are drawn on `figure` (or a sub-figure), which is returned, or on a new one.
    """
    n_shown = result.sizes["shown"]
    figure = several_panels(figure, style.DOUBLE_COLUMN, 1.5 * n_shown + 0.7)
    rows = np.atleast_1d(figure.subplots(n_shown, 1, sharex=True, sharey=True))
    for row, axes in enumerate(rows):
        _draw_row(axes, result.isel(shown=row))
        axes.set_title(instance_name(result, row), loc="left")
        axes.set_ylabel("Stress of a stimulus")
    style.set_layer_axis(rows[-1], style.layer_names(result), style.DOUBLE_COLUMN - 0.6)
    for axes in rows[:-1]:
        axes.tick_params(labelbottom=False)
    rows[0].set_ylim(0.0, 1.05 * float(result.embedding_pointwise_stress.max()))
    panel = Line2D([], [], color=INK, linewidth=1.0, label="whole panel")
    handles = [panel, *category_handles(result.category.values.astype(str))]
    style.add_legend(figure, handles, min(len(handles), 6))
    return figure


def _draw_row(axes: Axes, result: xr.Dataset) -> None:
    categories = result.category.values.astype(str)
    order = np.argsort(categories, kind="stable")
    across = np.empty(len(order))
    across[order] = np.linspace(-_SLOT / 2, _SLOT / 2, len(order))
    stress = result.embedding_pointwise_stress.transpose("layer", "stimulus").values
    size = float(np.clip(1500 / len(order), 1.5, 9))
    for index, category in enumerate(np.unique(categories)):
        chosen = categories == category
        places = np.arange(len(stress))[:, None] + across[chosen]
        look = style.category_style(index)
        axes.scatter(places, stress[:, chosen], s=size, linewidths=0, alpha=0.8, **look)
    whole = result.embedding_stress.values
    places = np.arange(len(whole))
    axes.hlines(
        whole, places - _SLOT / 2, places + _SLOT / 2, colors=INK, linewidths=1.0, label="panel"
    )
