"""Two ensembles compared: similarity of networks within and between groups."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from ensemble_rsa.figures import style
from ensemble_rsa.figures.lines import Look, draw_intervals, interval_handles
from ensemble_rsa.figures.style import GREY, INK
from ensemble_rsa.figures.target import Panels, several_panels
from ensemble_rsa.figures.wording import similarity_name

SIGNIFICANT = 0.05


@style.paper_style()
def draw_groups(comparison: xr.Dataset, figure: Panels | None = None) -> Panels:
    """Similarities within and between two groups by layer, and whether they differ in two ways.

    `comparison` is from `compare_runs`. It is drawn on `figure` (or a sub-figure), which is
    returned, or on a new one. The middle panel has the difference of the means
    within and between with its lower bound, the lowest their ratio with its interval. Filled points
    are layers with an adjusted p of at most 0.05.
    """
    figure = several_panels(figure, style.SINGLE_COLUMN, 4.9)
    above, middle, below = figure.subplots(3, 1, sharex=True, height_ratios=(3, 2, 2))
    places = np.arange(comparison.sizes["layer"])
    a, b = (style.shorten(str(comparison.attrs[name]), 24) for name in ("name_a", "name_b"))
    for name, look in (
        ("within_a", Look(style.BLUE, "o", f"within {a}")),
        ("within_b", Look(style.VERMILION, "s", f"within {b}")),
        ("between", Look(INK, "D", "between the two")),
    ):
        above.plot(
            places, comparison[name], color=look.colour, marker=look.marker, markersize=3.5,
            label=look.label,
        )  # fmt: skip
    above.set_ylim(min(0, above.get_ylim()[0]), 1.02)
    above.set_ylabel(f"Similarity of RDMs\n({similarity_name(comparison)})")
    above.legend(loc="best")
    style.set_ticks(above)
    difference = comparison.within_minus_between.values
    _draw_contrast(middle, places, comparison, "within_minus_between", 0.0, difference)
    middle.set_ylabel("Within − between")
    high = comparison.between_over_within_high.values
    handles = _draw_contrast(below, places, comparison, "between_over_within", 1.0, high)
    below.set_ylabel("Between / within")
    bars = interval_handles(comparison, ["instances"])
    style.add_legend(figure, [*bars, *handles], 3)
    style.set_layer_axis(below, style.layer_names(comparison), style.SINGLE_COLUMN)
    return figure


def _draw_contrast(
    axes: Axes, places: np.ndarray, comparison: xr.Dataset, name: str, none: float, high: np.ndarray
) -> list[Line2D]:
    """Draw a contrast by layer with bars from its lower end to `high`; return legend entries.

    `none` is the value of no effect.
    """
    value, low, p = (comparison[f"{name}{part}"].values for part in ("", "_low", "_p_adjusted"))
    axes.axhline(none, color=GREY, linewidth=0.6)
    draw_intervals(axes, places, low, high, INK)
    axes.plot(places, value, color=INK, linewidth=0.8)
    handles = []
    for clear, face, label in (
        (p <= SIGNIFICANT, INK, "adjusted p ≤ 0.05"),
        (~(p <= SIGNIFICANT), "white", "adjusted p > 0.05"),
    ):
        handles += axes.plot(
            places[clear], value[clear], linestyle="none", marker="o", markersize=4, color=INK,
            markerfacecolor=face, label=label,
        )  # fmt: skip
    return handles
