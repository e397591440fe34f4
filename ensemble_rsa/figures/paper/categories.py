"""Fig. 7 of the paper: centroids and members of categories, and the control for centroids."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from ensemble_rsa.figures import style
from ensemble_rsa.figures.lines import (
    CONSISTENCY_LABEL,
    KIND_LOOKS,
    Look,
    draw_by_layer,
    interval_handles,
)
from ensemble_rsa.figures.style import GREY, INK
from ensemble_rsa.figures.target import Panels, several_panels

_LOOKS = KIND_LOOKS | {
    "within_category": KIND_LOOKS["within_category"]._replace(label="within-category, pooled"),
    "within_category_each": Look(style.PURPLE, "v", "within-category, mean of categories"),
}
# Of the histograms: label, look of the bars, opacity of the band between the percentiles.
_EACH = ("random draws, each pair", {"color": GREY, "alpha": 0.6, "fill": True}, 0.18)
_MEANS = ("random draws, mean of pairs", {"color": INK, "linewidth": 0.8, "fill": False}, 0.35)
_PERCENTILES = (2.5, 97.5)


@style.paper_style()
def draw_categories(result: xr.Dataset, figure: Panels | None = None) -> Panels:
    """Consistency by layer of four kinds (a); random categories in the last layer (b).

    `result` needs `consistency (kind, layer, instance_pair)` with its mean and intervals, and
    `random_consistency (draw, instance_pair)`.

    They are drawn on `figure` (or a sub-figure), which is returned, or on a new one.
    """
    figure = several_panels(figure, style.DOUBLE_COLUMN, 3.0, gap=0.05)
    by_layer, control = figure.subplots(1, 2, width_ratios=[1.35, 1])
    lines = [(result.sel(kind=kind), _LOOKS[kind]) for kind in result.kind.values.tolist()]
    names = style.layer_names(result)
    handles: list[Any] = draw_by_layer(by_layer, names, lines, 3.4, spacing=0.16)
    by_layer.set_ylabel(CONSISTENCY_LABEL)
    _draw_control(control, result)
    style.add_letter(by_layer, "a")
    style.add_letter(control, "b")
    handles += interval_handles(result)
    handles += [Patch(label=label, **look) for label, look, _ in (_EACH, _MEANS)]
    style.add_legend(figure, handles, 4)
    return figure


def _draw_control(axes: Axes, result: xr.Dataset) -> None:
    """Shares of the random values in each bin, their bands, and the true categories as lines."""
    random = result.random_consistency.values
    for values, (label, look, alpha) in ((random.ravel(), _EACH), (random.mean(axis=1), _MEANS)):
        axes.hist(
            values, np.linspace(0, 1, 51).tolist(), weights=np.full(values.size, 1 / values.size),
            histtype="bar" if look["fill"] else "step", label=label, **look,
        )  # fmt: skip
        low, high = np.percentile(values, _PERCENTILES)
        axes.axvspan(low, high, color=GREY, alpha=alpha, linewidth=0, zorder=0, label=label)
    last = result.consistency_mean.isel(layer=-1)
    for kind, end in (("exemplar", 0.5), ("centroid", 1.0)):
        value = float(last.sel(kind=kind))
        axes.axvline(value, color=_LOOKS[kind].colour, linewidth=1.2, label=kind)
        axes.text(
            end, 1.02, f"{kind} {value:.2f}", color=_LOOKS[kind].colour, fontsize=6.5,
            ha="right", va="bottom", transform=axes.transAxes,
        )  # fmt: skip
    axes.set_xlim(0.0, 1.0)
    style.set_ticks(axes)
    axes.set_xlabel(f"Consistency in {style.layer_names(result)[-1]} (r²)")
    axes.set_ylabel("Share of random draws")
