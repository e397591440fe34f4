"""A course over layers (or anything else): a line of means with the intervals of both bootstraps.

The broad, pale bar is the bootstrap over pairs, which the paper's captions suggest; the thin one
with caps is the wider bootstrap over instances.
"""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from ensemble_rsa.figures.style import INK
from ensemble_rsa.figures.wording import percent

_BROAD, _THIN = 5.0, 0.7  # bars of the two intervals, points
_PALE = 0.35  # of the broad bar, so that the mean shows on it
_CAP = 5.0  # width of the cap of a thin bar, points


def draw_course(
    axes: Axes, chosen: xr.Dataset, places: np.ndarray, colour: str, marker: str, label: str
) -> None:
    """Draw one line of means, and the intervals of both bootstraps at each of its points.

    Args:
        axes: where.
        chosen: needs `consistency (layer, instance_pair)`, `consistency_mean (layer)` and
            `consistency_low, consistency_high (bootstrap, layer)`; any dimension in place of
            `layer`.
        places: where its points are on the x axis.
        colour: of line and bars.
        marker: of the points.
        label: of the line.
    """
    if chosen.sizes["instance_pair"] > 1:
        for bootstrap, draw in (("pairs", draw_broad), ("instances", draw_thin)):
            low, high = (
                chosen[f"consistency_{side}"].sel(bootstrap=bootstrap).values
                for side in ("low", "high")
            )
            # `errorbar` wants distances from the mean, but a bootstrap need not enclose the mean.
            known = np.isfinite(low) & np.isfinite(high)
            draw(axes, places[known], low[known], high[known], colour)
    axes.plot(
        places,
        chosen.consistency_mean.values,
        color=colour,
        linewidth=0.7,
        marker=marker,
        markersize=2.4,
        zorder=4,
        label=label,
    )


def draw_broad(
    axes: Axes, places: np.ndarray, low: np.ndarray, high: np.ndarray, colour: str
) -> None:
    """Broad, pale bars from `low` to `high`: intervals over pairs."""
    axes.vlines(
        places,
        low,
        high,
        colors=colour,
        linewidths=_BROAD,
        alpha=_PALE,
        zorder=2,
        label="pairs interval",
    )


def draw_thin(
    axes: Axes, places: np.ndarray, low: np.ndarray, high: np.ndarray, colour: str
) -> None:
    """Thin bars with caps from `low` to `high`: intervals over instances."""
    axes.vlines(
        places, low, high, colors=colour, linewidths=_THIN, zorder=3, label="instances interval"
    )
    for ends in (low, high):
        axes.plot(
            places,
            ends,
            linestyle="",
            marker="_",
            markersize=_CAP,
            markeredgewidth=_THIN,
            color=colour,
            zorder=3,
        )


def mean_handle(colour: str, marker: str, label: str) -> Line2D:
    """A legend's entry for a line of means."""
    return Line2D([], [], color=colour, marker=marker, markersize=3, linewidth=0.7, label=label)


def interval_handles(results: xr.Dataset) -> list[Line2D]:
    """A legend's entries for both kinds of bars: over pairs, over instances."""
    level = percent(results)
    return [
        _bar(_BROAD, _PALE, f"{level} % CI, pairs"),
        _bar(_THIN, 1.0, f"{level} % CI, instances"),
    ]


def _bar(thickness: float, alpha: float, label: str) -> Line2D:
    return Line2D(
        [],
        [],
        color=INK,
        alpha=alpha,
        marker="|",
        markersize=7,
        markeredgewidth=thickness,
        linestyle="",
        label=label,
    )
