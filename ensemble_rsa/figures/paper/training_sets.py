"""Fig. S3 of the paper: networks of other seeds, trained on other images or other categories."""

import xarray as xr
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ensemble_rsa.figures.lines import CONSISTENCY_LABEL, Look, draw_by_layer, interval_handles
from ensemble_rsa.figures.style import (
    BLUE,
    DOUBLE_COLUMN,
    ORANGE,
    PURPLE,
    add_legend,
    add_letter,
    layer_names,
    new_figure,
    paper_style,
)

_LOOKS = {
    "other_seed": Look(BLUE, "o", "other seed, same training data"),
    "other_data": Look(ORANGE, "s", "same seed, other training data"),
    "other_seed_and_data": Look(PURPLE, "^", "other seed and other training data"),
}
_TITLES = {"images": "Other images, same categories", "categories": "Other categories"}


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
    lines = [(result.sel(condition=name), look) for name, look in _LOOKS.items()]
    handles: list[Line2D] = []
    for axes, letter, (contrast, title) in zip(panels, "ab", _TITLES.items(), strict=True):
        width = DOUBLE_COLUMN / 2 - 0.4
        handles = draw_by_layer(axes, layer_names(result), lines, width, name=contrast)
        add_letter(axes, letter, title)
    panels[0].set_ylabel(CONSISTENCY_LABEL)
    add_legend(figure, [*handles, *interval_handles(result, ["instances"])], 2)
    return figure
