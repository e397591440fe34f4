"""Consistency and category clustering by layer, as in Figs 4 and 7a of the paper.

Mehrer et al. 2020, doi:10.1038/s41467-020-19632-w.
"""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from ensemble_rsa.figures import style
from ensemble_rsa.figures.lines import (
    CONSISTENCY_LABEL,
    KIND_LOOKS,
    Look,
    draw_by_layer,
    draw_line,
    interval_handles,
)
from ensemble_rsa.figures.style import GREY, INK
from ensemble_rsa.figures.target import Panel, one_panel
from ensemble_rsa.figures.wording import surrogate_title

_HEIGHT = 2.9
_MOST_LAYERS_IN_A_COLUMN = 16


@style.paper_style()
def draw_consistency(results: xr.Dataset, ax: Axes | None = None) -> Axes:
    """Exemplar-based consistency of every layer: mean, both intervals, and each pair as a dot.

    `results` needs `consistency (kind, layer, instance_pair)`, `consistency_mean (kind, layer)` and
    `consistency_low, consistency_high (bootstrap, kind, layer)`, all squared correlations.
    They are drawn on `ax`, which is returned, or on the axes of a new figure.
    """
    panel = _panel(results, ax, _HEIGHT)
    axes = panel.axes
    chosen = results.sel(kind="exemplar")
    pairs = chosen.consistency.transpose("layer", "instance_pair").values
    n_layers, n_pairs = pairs.shape
    # Dots are spread evenly in the order of the pairs; random jitter would not be reproducible.
    spread = np.linspace(-0.28, 0.28, n_pairs) if n_pairs > 1 else np.zeros(1)
    axes.scatter(
        np.arange(n_layers)[:, None] + spread, pairs, s=3, color=GREY, alpha=0.45, linewidths=0,
        zorder=1, label="pairs",
    )  # fmt: skip
    mean = draw_by_layer(
        axes,
        style.layer_names(results),
        [(chosen, Look(INK, "o", "mean over pairs"))],
        panel.width,
    )
    axes.set_ylabel(CONSISTENCY_LABEL)
    label = f"one of {n_pairs} instance pairs" if n_pairs > 1 else "the only pair of instances"
    dot = Line2D([], [], color=GREY, marker="o", markersize=2, linestyle="", label=label)
    _add_legend(panel, results, [dot, *mean])
    return axes


@style.paper_style()
def draw_category_consistency(results: xr.Dataset, ax: Axes | None = None) -> Axes:
    """Consistency of exemplars, category centroids and within-category distances in one panel.

    `results` and `ax` are as for `draw_consistency`; every kind that results hold is drawn.
    """
    panel = _panel(results, ax, _HEIGHT)
    axes = panel.axes
    lines = [(results.sel(kind=kind), KIND_LOOKS[kind]) for kind in results.kind.values.tolist()]
    handles = draw_by_layer(axes, style.layer_names(results), lines, panel.width, spacing=0.14)
    axes.set_ylabel(CONSISTENCY_LABEL)
    _add_legend(panel, results, handles)
    return axes


@style.paper_style()
def draw_clustering(results: xr.Dataset, ax: Axes | None = None) -> Axes:
    """Category clustering index by layer: a thin line per instance, their mean and its interval.

    `results` needs `category_clustering_index (layer, instance)` and its `_mean, _low, _high
    (layer)`, bounds over instances. `ax` is as for `draw_consistency`.
    """
    panel = _panel(results, ax, 2.1)
    axes = panel.axes
    name = "category_clustering_index"
    places = np.arange(results.sizes["layer"])
    axes.plot(
        places, results[name].transpose("layer", "instance").values, color=GREY, linewidth=0.5,
        alpha=0.6, marker=".", markersize=2, label="instance",
    )  # fmt: skip
    look = Look(INK, "o", "mean")
    draw_line(axes, places, results, name, look)
    axes.axhline(0.0, color=GREY, linewidth=0.5, zorder=0)
    style.set_layer_axis(axes, style.layer_names(results), panel.width)
    axes.set_ylabel("Category clustering\nindex (CCI)")
    if results.sizes["instance"] == 1:
        return axes  # the mean of one needs no legend
    one = Line2D([], [], color=GREY, linewidth=0.5, label="one instance")
    bars = interval_handles(results.drop_dims("instance_pair", errors="ignore"), ["instances"])
    panel.add_legend([one, look.handle(), *bars], 3)
    return axes


def _panel(results: xr.Dataset, ax: Axes | None, height: float) -> Panel:
    """The axes, or those of a new figure, which is wide where there are many layers."""
    few = results.sizes["layer"] <= _MOST_LAYERS_IN_A_COLUMN
    width = style.SINGLE_COLUMN if few else style.DOUBLE_COLUMN
    return one_panel(ax, width, height, surrogate_title(results))


def _add_legend(panel: Panel, results: xr.Dataset, handles: list[Line2D]) -> None:
    """The legend: kinds in the first row, intervals below (matplotlib fills it by columns)."""
    n_columns = max(2, len(handles))
    if bars := interval_handles(results):
        handles = [handles[0], bars[0], *handles[1:2], bars[1], *handles[2:]]
    panel.add_legend(handles, n_columns)
