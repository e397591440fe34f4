"""Two ensembles side by side: how similar their networks are within and between groups."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from ensemble_rsa.figures.style import (
    GREY,
    INK,
    SINGLE_COLUMN,
    layer_names,
    new_figure,
    paper_style,
    set_layer_axis,
    set_ticks,
    shorten,
)
from ensemble_rsa.figures.wording import percent

# Okabe and Ito's colours for the two groups; between groups is drawn in ink
_COURSES = {
    "within_a": ("#0072b2", "o", "within {a}"),
    "within_b": ("#d55e00", "s", "within {b}"),
    "between": (INK, "D", "between the two"),
}
SIGNIFICANT = 0.05


@paper_style()
def draw_groups(comparison: xr.Dataset) -> Figure:
    """Similarities within and between two groups by layer, and their difference with its interval.

    Args:
        comparison: what `comparison_dataset` makes.

    Returns:
        A figure one column wide, of two panels; filled points are layers whose difference has an
        adjusted p below 0.05.
    """
    figure = new_figure(SINGLE_COLUMN, 3.9)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    places = np.arange(comparison.sizes["layer"])
    a, b = (shorten(str(comparison.attrs[name]), 24) for name in ("name_a", "name_b"))
    for name, (colour, marker, label) in _COURSES.items():
        above.plot(
            places,
            comparison[name],
            color=colour,
            marker=marker,
            markersize=3.5,
            label=label.format(a=a, b=b),
        )
    above.set_ylim(0, 1.02)
    above.set_ylabel("Similarity of RDMs\n(shared variance, r²)")
    above.legend(loc="best")
    set_ticks(above)
    value, low, high, p = (
        comparison[f"within_minus_between{part}"].values
        for part in ("", "_low", "_high", "_p_adjusted")
    )
    below.axhline(0, color=GREY, linewidth=0.6)
    below.vlines(places, low, high, color=INK, linewidth=0.9)
    below.plot(places, value, color=INK, linewidth=0.8)
    for clear, face, label in (
        (p < SIGNIFICANT, INK, "adjusted p < 0.05"),
        (~(p < SIGNIFICANT), "white", "adjusted p ≥ 0.05"),
    ):
        below.plot(
            places[clear],
            value[clear],
            linestyle="none",
            marker="o",
            markersize=4,
            color=INK,
            markerfacecolor=face,
            label=label,
        )
    below.set_ylabel("Within − between\n(r²)")
    kind = f"{percent(comparison)} % intervals over instances"
    handles, labels = below.get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower center", ncols=2, title=kind, title_fontsize=6.5
    )
    set_layer_axis(below, layer_names(comparison), SINGLE_COLUMN)
    return figure
