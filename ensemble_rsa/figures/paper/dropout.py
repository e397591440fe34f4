"""Fig. 8 of the paper: accuracy, consistency and clustering by the rate of dropout."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ensemble_rsa.figures.courses import draw_thin
from ensemble_rsa.figures.style import (
    DOUBLE_COLUMN,
    INK,
    KIND_COLOURS,
    new_figure,
    paper_style,
    set_ticks,
)
from ensemble_rsa.figures.wording import number

# The paper's blue, orange and red, in Okabe and Ito's shades.
_BLUE, _ORANGE, _RED, _GREEN = "#0072b2", "#e69f00", "#d55e00", "#009e73"
_GAP = 0.3  # of a cell, before the column without dropout at test
_PANELS = "aabbbb;ccddee"


@paper_style()
def draw_dropout(result: xr.Dataset) -> Figure:
    """Accuracies (a), consistency by samples (b), clustering (c), consistency by rate (d, e).

    Args:
        result: needs, each with its mean and interval, `train_accuracy, test_accuracy,
            dropout_accuracy (dropout, instance)`, `consistency, unshared_consistency,
            centroid_consistency (dropout, instance_pair)`, `sampled_consistency (dropout, sample,
            instance_pair)` and `clustering_index (layer, dropout, instance)`.

    Returns:
        A figure as wide as a page. (a), (b) and (c) are the paper's panels of these names.
    """
    figure = new_figure(DOUBLE_COLUMN, 4.9, pad=0.05, gap=0.03)
    panels = figure.subplot_mosaic(_PANELS, height_ratios=[1.15, 1])
    _draw_accuracies(panels["a"], result)
    _draw_samples(figure, panels["b"], result)
    _draw_clustering(panels["c"], result)
    _draw_consistencies(panels["d"], result)
    _draw_course(panels["e"], result, "centroid_consistency", KIND_COLOURS["centroid"], "s", "mean")
    panels["e"].set_ylabel("Centroid consistency (r²)")
    for letter, axes in panels.items():
        axes.set_title(letter, loc="left", fontweight="bold", fontsize=8)
        if letter != "b":
            axes.set_xlabel("Dropout probability")
            axes.set_ylim(*((None, None) if letter == "c" else (0.0, 1.02)))
            set_ticks(axes)
    return figure


def _draw_accuracies(axes: Axes, result: xr.Dataset) -> None:
    lines = [
        _draw_course(axes, result, *course)
        for course in (
            ("train_accuracy", _BLUE, "o", "training images"),
            ("test_accuracy", _ORANGE, "s", "test images"),
            ("dropout_accuracy", _RED, "^", "test images, dropout at test"),
        )
    ]
    axes.set_ylabel("Accuracy")
    axes.legend(handles=lines, loc="best")


def _draw_samples(figure: Figure, axes: Axes, result: xr.Dataset) -> None:
    """A heat map with its numbers; the column without dropout at test stands apart."""
    sampled = result.sampled_consistency_mean.transpose("dropout", "sample").values
    n_rates, n_samples = sampled.shape
    values = np.hstack([sampled, result.consistency_mean.values[:, None]])
    left = np.arange(n_samples + 1) + _GAP * (np.arange(n_samples + 1) == n_samples)
    # the gap is a column of its own, without values
    edges = np.append(np.arange(n_samples + 1), [n_samples + _GAP, n_samples + _GAP + 1])
    shown = np.insert(values, n_samples, np.nan, axis=1)
    picture = axes.pcolormesh(edges, np.arange(n_rates + 1), shown, cmap="viridis")
    middle = np.mean(picture.get_clim())
    for row, column in np.ndindex(values.shape):
        value = float(values[row, column])
        axes.text(
            left[column] + 0.5, row + 0.5, number(value, 2), ha="center", va="center",
            fontsize=5.5, color="white" if value < middle else INK,
        )  # fmt: skip
    axes.invert_yaxis()
    set_ticks(axes)
    axes.set_xticks(left + 0.5, [*(str(k) for k in result.sample.values), "none"])
    axes.set_yticks(np.arange(n_rates) + 0.5, [f"{rate:g}" for rate in result.dropout.values])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("Samples of dropout at test (none: no dropout at test)")
    axes.set_ylabel("Dropout probability")
    bar = figure.colorbar(picture, ax=axes, fraction=0.04, pad=0.02)
    bar.set_label("Consistency (r²)")
    bar.outline.set_visible(False)
    set_ticks(bar.ax)


def _draw_clustering(axes: Axes, result: xr.Dataset) -> None:
    looks = ((_ORANGE, "s"), (_BLUE, "o"))
    lines = [
        _draw_course(axes, result.sel(layer=layer), "clustering_index", *look, str(layer))
        for layer, look in zip(result.layer.values, looks, strict=True)
    ]
    axes.set_ylabel("Category clustering index")
    axes.legend(handles=lines, loc="best")


def _draw_consistencies(axes: Axes, result: xr.Dataset) -> None:
    first, every = (result.isel(sample=sample) for sample in (0, -1))
    lines = [
        _draw_course(axes, first, "sampled_consistency", _ORANGE, "s", "1 sample"),
        _draw_course(
            axes, every, "sampled_consistency", _RED, "^", f"{result.sizes['sample']} samples"
        ),
        _draw_course(
            axes, result, "unshared_consistency", _GREEN, "v", "1 sample, masks not shared"
        ),
        _draw_course(axes, result, "consistency", _BLUE, "o", "no dropout at test"),
    ]
    axes.set_ylabel("Exemplar consistency (r²)")
    axes.legend(handles=lines, loc="best")


def _draw_course(
    axes: Axes, result: xr.Dataset, name: str, colour: str, marker: str, label: str
) -> Line2D:
    """Means by rate and their intervals over instances, where they are known."""
    mean, low, high = (result[f"{name}_{end}"].values for end in ("mean", "low", "high"))
    rates, known = result.dropout.values, np.isfinite(mean)
    draw_thin(axes, rates[known], low[known], high[known], colour)
    (line,) = axes.plot(
        rates, mean, color=colour, marker=marker, markersize=2.8, linewidth=0.8, zorder=4,
        label=label,
    )  # fmt: skip
    return line
