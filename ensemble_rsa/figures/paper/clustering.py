"""Fig. S4 of the paper: category clustering against consistency, a point for each layer."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm, ListedColormap, to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ensemble_rsa.figures.consistency import CONSISTENCY_LABEL
from ensemble_rsa.figures.courses import draw_broad, draw_thin, interval_handles
from ensemble_rsa.figures.style import (
    FLAGGED,
    GREY,
    INK,
    SINGLE_COLUMN,
    layer_colours,
    layer_names,
    new_figure,
    paper_style,
    set_ticks,
)
from ensemble_rsa.figures.wording import number

_HEIGHT = 3.3


@paper_style()
def draw_clustering_and_consistency(result: xr.Dataset) -> Figure:
    """Layers by their clustering index and their consistency, both with intervals.

    The line is the least-squares fit to the layers that the skipped correlation keeps; those that
    it leaves out are ringed.

    Args:
        result: needs `category_clustering_index_mean, …_low, …_high (layer)`, `consistency_mean
            (layer)`, `consistency_low, consistency_high (bootstrap, layer)`, `correlation
            (estimator)` and `outlier (estimator, layer)`.

    Returns:
        A figure one column wide.
    """
    figure = new_figure(SINGLE_COLUMN, _HEIGHT)
    axes = figure.subplots()
    x, y = result.category_clustering_index_mean.values, result.consistency_mean.values
    outlying = result.outlier.sel(estimator="skipped").values.astype(bool)
    _draw_fit(axes, x[~outlying], y[~outlying])
    shades = [to_hex(shade) for shade in layer_colours()(np.linspace(0, 1, len(x)))]
    for place, shade in enumerate(shades):
        _draw_bars(axes, result.isel(layer=[place]), shade)
    axes.scatter(x, y, s=16, c=shades, zorder=5, label="layers")
    axes.plot(
        x[outlying], y[outlying], linestyle="", marker="o", markersize=9, fillstyle="none",
        color=FLAGGED, zorder=5, label="outliers",
    )  # fmt: skip
    set_ticks(axes)
    axes.set_ylim(0.0, 1.02)
    axes.margins(x=0.1)
    axes.set_xlabel("Category clustering index (CCI)")
    axes.set_ylabel(CONSISTENCY_LABEL)
    skipped = number(float(result.correlation.sel(estimator="skipped")), 2)
    axes.set_title(f"skipped r = {skipped.replace('-', '−')}", loc="right")
    _name_layers(figure, axes, layer_names(result), shades)
    _explain(figure, result, bool(outlying.any()))
    return figure


def _draw_fit(axes: Axes, x: np.ndarray, y: np.ndarray) -> None:
    slope, height = np.polyfit(x, y, 1)
    ends = np.array([x.min(), x.max()])
    axes.plot(ends, height + slope * ends, color=GREY, linewidth=0.7, zorder=1, label="fit")


def _draw_bars(axes: Axes, layer: xr.Dataset, colour: str) -> None:
    """Intervals of one layer: both of its consistency, that over instances of its index."""
    for bootstrap, draw in (("pairs", draw_broad), ("instances", draw_thin)):
        low, high = (
            layer[f"consistency_{side}"].sel(bootstrap=bootstrap).values for side in ("low", "high")
        )
        draw(axes, layer.category_clustering_index_mean.values, low, high, colour)
    low, high = (layer[f"category_clustering_index_{side}"].values for side in ("low", "high"))
    axes.hlines(
        layer.consistency_mean.values, low, high,
        colors=colour, linewidths=0.7, zorder=3, label="index interval",
    )  # fmt: skip


def _name_layers(figure: Figure, axes: Axes, names: list[str], shades: list[str]) -> None:
    """A bar of the layers' colours: names beside the points would run into each other."""
    norm = BoundaryNorm(np.arange(len(names) + 1) - 0.5, len(names))
    bar = figure.colorbar(
        ScalarMappable(norm, ListedColormap(shades)), ax=axes, fraction=0.06, pad=0.03
    )
    bar.set_ticks(list(range(len(names))), labels=names)
    bar.ax.invert_yaxis()
    bar.ax.tick_params(length=0, labelsize=6.5)
    bar.ax.minorticks_off()
    bar.outline.set_visible(False)


def _explain(figure: Figure, result: xr.Dataset, outliers: bool) -> None:
    handles = interval_handles(result)
    if outliers:
        handles.append(
            Line2D(
                [],
                [],
                linestyle="",
                marker="o",
                markersize=7,
                fillstyle="none",
                color=FLAGGED,
                label="left out (skipped)",
            )  # fmt: skip
        )
    handles.append(Line2D([], [], color=INK, alpha=0.5, linewidth=0.7, label="least squares"))
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
