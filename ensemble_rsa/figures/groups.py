"""Two ensembles compared: similarity of networks within and between groups."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from ensemble_rsa.figures import style
from ensemble_rsa.figures.lines import Look, draw_intervals, interval_handles
from ensemble_rsa.figures.style import GREY, INK

SIGNIFICANT = 0.05


@style.paper_style()
def draw_groups(comparison: xr.Dataset) -> Figure:
    """Similarities within and between two groups by layer, and their difference with its interval.

    `comparison` is from `comparison_dataset`. Filled points are layers whose difference has an
    adjusted p below 0.05.
    """
    figure = style.new_figure(style.SINGLE_COLUMN, 3.9)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
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
    above.set_ylim(0, 1.02)
    above.set_ylabel("Similarity of RDMs\n(shared variance, r²)")
    above.legend(loc="best")
    style.set_ticks(above)
    value, low, high, p = (
        comparison[f"within_minus_between{part}"].values
        for part in ("", "_low", "_high", "_p_adjusted")
    )
    below.axhline(0, color=GREY, linewidth=0.6)
    draw_intervals(below, places, low, high, INK)
    below.plot(places, value, color=INK, linewidth=0.8)
    handles = interval_handles(comparison, ["instances"])
    for clear, face, label in (
        (p < SIGNIFICANT, INK, "adjusted p < 0.05"),
        (~(p < SIGNIFICANT), "white", "adjusted p ≥ 0.05"),
    ):
        handles += below.plot(
            places[clear], value[clear], linestyle="none", marker="o", markersize=4, color=INK,
            markerfacecolor=face, label=label,
        )  # fmt: skip
    below.set_ylabel("Within − between\n(r²)")
    style.add_legend(figure, handles, 3)
    style.set_layer_axis(below, style.layer_names(comparison), style.SINGLE_COLUMN)
    return figure
