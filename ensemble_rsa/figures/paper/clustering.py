"""Fig. S4 of the paper: category clustering against consistency, a point for each layer."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from ensemble_rsa.figures import style
from ensemble_rsa.figures.lines import CONSISTENCY_LABEL, draw_intervals, interval_handles
from ensemble_rsa.figures.maps import add_layer_bar, layer_shades
from ensemble_rsa.figures.style import FLAGGED, GREY
from ensemble_rsa.figures.target import one_panel
from ensemble_rsa.figures.wording import signed


@style.paper_style()
def draw_clustering_and_consistency(result: xr.Dataset, ax: Axes | None = None) -> Axes:
    """Layers by their clustering index and their consistency, both with intervals.

    The line is the least-squares fit to the layers that the skipped correlation keeps; those that
    it excludes are ringed.

    `result` needs `category_clustering_index_mean, …_low, …_high (layer)`, `consistency_mean
    (layer)`, `consistency_low, consistency_high (bootstrap, layer)`, `correlation (estimator)` and
    `outlier (estimator, layer)`. They are drawn on `ax`, which is returned, or on the axes of a new
    figure.
    """
    panel = one_panel(ax, style.SINGLE_COLUMN, 3.3)
    axes = panel.axes
    x, y = result.category_clustering_index_mean.values, result.consistency_mean.values
    excluded = result.outlier.sel(estimator="skipped").values.astype(bool)
    slope, height = np.polyfit(x[~excluded], y[~excluded], 1)
    ends = np.array([x[~excluded].min(), x[~excluded].max()])
    (fit,) = axes.plot(
        ends, height + slope * ends, color=GREY, linewidth=0.7, zorder=1, label="least squares"
    )
    shades = layer_shades(len(x))
    _draw_bars(axes, result, shades)
    axes.scatter(x, y, s=16, c=shades, zorder=5, label="layers")
    ring = Line2D(
        x[excluded], y[excluded], linestyle="", marker="o", markersize=9, fillstyle="none",
        color=FLAGGED, zorder=5, label="excluded (skipped r)",
    )  # fmt: skip
    axes.add_line(ring)
    style.set_ticks(axes)
    axes.set_ylim(0.0, 1.02)
    axes.margins(x=0.1)
    axes.set_xlabel("Category clustering index (CCI)")
    axes.set_ylabel(CONSISTENCY_LABEL)
    skipped = float(result.correlation.sel(estimator="skipped"))
    axes.set_title(f"skipped r = {signed(skipped)}", loc="right")
    add_layer_bar(axes.figure, axes, style.layer_names(result))
    handles = [*interval_handles(result), fit, *([ring] if excluded.any() else [])]
    panel.add_legend(handles, 2)
    return axes


def _draw_bars(axes: Axes, result: xr.Dataset, shades: list[str]) -> None:
    """Intervals of each layer: both of its consistency, and over instances of its index."""
    for place, shade in enumerate(shades):
        layer = result.isel(layer=[place])
        mean, low, high = (
            layer[f"category_clustering_index_{part}"].values for part in ("mean", "low", "high")
        )
        for over in ("pairs", "instances"):
            at = layer.sel(bootstrap=over)
            limits = at.consistency_low.values, at.consistency_high.values
            draw_intervals(axes, mean, *limits, shade, over)
        axes.hlines(
            layer.consistency_mean, low, high, colors=shade, linewidths=0.7, zorder=3,
            label="index interval",
        )  # fmt: skip
