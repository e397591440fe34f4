"""S3 of the paper: networks of other seeds, trained on other images, or on other categories."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ensemble_rsa.figures.consistency import CONSISTENCY_LABEL
from ensemble_rsa.figures.courses import draw_thin, interval_handles, mean_handle
from ensemble_rsa.figures.style import (
    DOUBLE_COLUMN,
    layer_names,
    new_figure,
    paper_style,
    set_layer_axis,
)

# Blue for seeds and orange for other data, as the paper speaks of them; Okabe and Ito's, and their
# reddish purple for both.
_LOOKS = {
    "other_seed": ("#0072b2", "o", "other seed, same training data"),
    "other_data": ("#e69f00", "s", "same seed, other training data"),
    "other_seed_and_data": ("#cc79a7", "^", "other seed and other training data"),
}
_PANELS = {"images": "Other images, same categories", "categories": "Other categories"}


@paper_style()
def draw_training_sets(result: xr.Dataset) -> Figure:
    """Consistency by layer in three conditions, for other images (a) and other categories (b).

    Args:
        result: needs `images_mean, _low, _high (condition, layer)` and `categories_mean, _low,
            _high (condition, layer_before_head)`.

    Returns:
        A figure as wide as a page.
    """
    figure = new_figure(DOUBLE_COLUMN, 2.7, gap=0.05)
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    for axes, letter, (contrast, title) in zip(panels, "ab", _PANELS.items(), strict=True):
        _draw_panel(axes, result, contrast)
        set_layer_axis(axes, layer_names(result), DOUBLE_COLUMN / 2 - 0.4)
        axes.set_title(letter, loc="left", fontweight="bold", fontsize=8)
        axes.set_title(title)
    panels[0].set_ylabel(CONSISTENCY_LABEL)
    panels[0].set_ylim(0.0, 1.02)
    handles = [mean_handle(*look) for look in _LOOKS.values()]
    figure.legend(
        handles=[*handles, interval_handles(result)[1]], loc="outside lower center", ncols=2
    )
    return figure


def _draw_panel(axes: Axes, result: xr.Dataset, contrast: str) -> None:
    shifts = np.linspace(-0.1, 0.1, len(_LOOKS))
    for (condition, (colour, marker, label)), shift in zip(_LOOKS.items(), shifts, strict=True):
        mean, low, high = (
            result[f"{contrast}_{part}"].sel(condition=condition).values
            for part in ("mean", "low", "high")
        )
        places = np.arange(len(mean)) + shift
        draw_thin(axes, places, low, high, colour)
        axes.plot(
            places, mean, color=colour, marker=marker, markersize=2.8, linewidth=0.7, zorder=4,
            label=label,
        )  # fmt: skip
