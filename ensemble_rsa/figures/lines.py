"""Lines of means with their intervals, by layer or by any other quantity.

Wide pale bars are intervals of the bootstrap over instance pairs, which the captions of the paper
suggest (Mehrer et al. 2020, doi:10.1038/s41467-020-19632-w); thin capped bars are the wider
intervals over instances.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from ensemble_rsa.figures.style import BLUE, GREEN, INK, VERMILION, set_layer_axis, set_ticks
from ensemble_rsa.figures.wording import KIND_NAMES, percent

CONSISTENCY_LABEL = "Representational consistency\n(shared variance, r²)"
_THICKNESS = {"pairs": 5.0, "instances": 0.7}  # of the bars, points
_ALPHA = {"pairs": 0.35, "instances": 1.0}  # the mean shows on a pale bar
_CAP = 5.0  # width of the caps, points


class Look(NamedTuple):
    """Colour, marker and label of a line."""

    colour: str
    marker: str
    label: str

    def handle(self) -> Line2D:
        """The line's entry in a legend."""
        return Line2D(
            [], [], color=self.colour, marker=self.marker, markersize=3, linewidth=0.7,
            label=self.label,
        )  # fmt: skip


KIND_LOOKS = {
    "exemplar": Look(BLUE, "o", KIND_NAMES["exemplar"]),
    "centroid": Look(GREEN, "s", KIND_NAMES["centroid"]),
    "within_category": Look(VERMILION, "^", KIND_NAMES["within_category"]),
}


def draw_line(axes: Axes, x: np.ndarray, results: xr.Dataset, name: str, look: Look) -> None:
    """Draw the means of a variable as a line, and its intervals as bars.

    `results` needs `{name}_mean` of one dimension, and `{name}_low, {name}_high` of the same
    dimension or also of `bootstrap`: then both are drawn. Bounds that are NaN are left out.
    """
    low, high = results[f"{name}_low"], results[f"{name}_high"]
    if "bootstrap" not in low.dims:
        draw_intervals(axes, x, low.values, high.values, look.colour)
    else:
        for over in ("pairs", "instances"):
            limits = [side.sel(bootstrap=over).values for side in (low, high)]
            draw_intervals(axes, x, limits[0], limits[1], look.colour, over)
    axes.plot(
        x, results[f"{name}_mean"].values, color=look.colour, linewidth=0.7, marker=look.marker,
        markersize=2.6, zorder=4, label=look.label,
    )  # fmt: skip


def draw_intervals(
    axes: Axes,
    x: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    colour: str,
    over: str = "instances",
) -> None:
    """Draw vertical bars where both ends are defined: wide and pale, or thin with caps.

    `over` is `pairs` or `instances`.
    """
    known = np.isfinite(low) & np.isfinite(high)
    x, low, high = x[known], low[known], high[known]
    axes.vlines(
        x, low, high, colors=colour, linewidths=_THICKNESS[over], alpha=_ALPHA[over],
        zorder=2 if over == "pairs" else 3, label=f"{over} interval",
    )  # fmt: skip
    if over == "instances":
        for ends in (low, high):
            axes.plot(
                x, ends, linestyle="", marker="_", markersize=_CAP, markeredgewidth=0.7,
                color=colour, zorder=3,
            )  # fmt: skip


def draw_by_layer(
    axes: Axes,
    names: Sequence[str],
    lines: Sequence[tuple[xr.Dataset, Look]],
    width: float,
    spacing: float = 0.1,
    name: str = "consistency",
) -> list[Line2D]:
    """Draw one line per data set on axes from 0 to 1; return their entries for the legend.

    `names` are those of the layers, `width` is that of the axes in inches, and `spacing` is the
    distance between the points of one layer, in layers.
    """
    for place, (results, look) in enumerate(lines):
        shift = spacing * (place - (len(lines) - 1) / 2)
        draw_line(axes, np.arange(results[f"{name}_mean"].size) + shift, results, name, look)
    set_layer_axis(axes, names, width)
    set_ticks(axes)
    axes.set_ylim(0.0, 1.02)
    return [look.handle() for _, look in lines]


def interval_handles(
    results: xr.Dataset, over: Sequence[str] = ("pairs", "instances")
) -> list[Line2D]:
    """Entries for the legend that name the bars; none if there is only one pair of instances."""
    if results.sizes.get("instance_pair", 2) < 2:
        return []
    return [
        Line2D(
            [], [], color=INK, alpha=_ALPHA[each], marker="|", markersize=7, linestyle="",
            markeredgewidth=_THICKNESS[each], label=f"{percent(results)} % CI, {each}",
        )
        for each in over
    ]  # fmt: skip
