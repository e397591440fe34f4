"""Figs 9 and S8 of the paper: consistency and accuracy in the course of training."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator, NullLocator

from ensemble_rsa.figures.courses import draw_course, draw_thin, interval_handles, mean_handle
from ensemble_rsa.figures.style import (
    DOUBLE_COLUMN,
    GREY,
    INK,
    KIND_COLOURS,
    KIND_MARKERS,
    layer_colours,
    new_figure,
    paper_style,
    set_ticks,
)

EARLY = 10  # epochs up to this are the paper's early ones
_AXIS = (1, 3, 10, 30, 100, 350)  # epochs named where the axis is logarithmic
_LONG = 20  # epochs from which the axis is logarithmic
_ONE_MATRIX = "aabc;aadl"  # l: the legend
_TWO_MATRICES = "aaattt;bbccdd"  # t: throughout training


@paper_style()
def draw_trajectory(result: xr.Dataset, kind: str) -> Figure:
    """Consistency between epochs and instances (a), by epoch (b), accuracy (c), one on the other.

    Args:
        result: needs `similarity (kind, epoch, instance, epoch_b, instance_b)`, `consistency (kind,
            epoch, instance_pair)`, and `test_accuracy (epoch, instance)`, with means and intervals,
            `correlation (kind, estimator)` and `outlier (kind, estimator, epoch)`.
        kind: exemplar or centroid.

    Returns:
        A figure as wide as a page. Epochs past the tenth have a matrix of their own, with the
        first.
    """
    chosen = result.sel(kind=kind)
    epochs = [int(epoch) for epoch in result.epoch.values if epoch > 0]
    early = [epoch for epoch in epochs if epoch <= EARLY]
    later = [epoch for epoch in epochs if epoch > EARLY]
    figure = new_figure(DOUBLE_COLUMN, 5.6 if later else 3.7, pad=0.05, gap=0.04)
    panels = figure.subplot_mosaic(_TWO_MATRICES if later else _ONE_MATRIX,
                                   height_ratios=[3, 2] if later else [1, 1])  # fmt: skip
    picture = _draw_matrix(panels["a"], chosen, early)
    matrices = [panels["a"]]
    if later:
        _draw_matrix(panels["t"], chosen, [epochs[0], *later])
        matrices.append(panels["t"])
    bar = figure.colorbar(picture, ax=matrices, fraction=0.04, pad=0.02, aspect=30)
    bar.set_label("Consistency (r²)")
    bar.outline.set_visible(False)
    set_ticks(bar.ax)
    _draw_consistency(panels["b"], chosen, kind)
    _draw_accuracy(panels["c"], chosen)
    _draw_relation(panels["d"], chosen)
    for letter in "abcd":
        panels[letter].set_title(letter, loc="left", fontweight="bold", fontsize=8)
    handles = [
        mean_handle(KIND_COLOURS[kind], KIND_MARKERS[kind], "mean"), *interval_handles(result)
    ]  # fmt: skip
    if 0 in result.epoch.values:
        handles.insert(1, mean_handle(GREY, "D", "first weights (ours)"))
    if later:
        figure.legend(handles=handles, loc="outside lower center", ncols=4)
    else:
        panels["l"].axis("off")
        panels["l"].legend(handles=handles, loc="center left", borderaxespad=0)
    return figure


def _draw_matrix(axes: Axes, chosen: xr.Dataset, epochs: list[int]) -> Any:
    n_instances = chosen.sizes["instance"]
    n = len(epochs) * n_instances
    values = chosen.similarity.sel(epoch=epochs, epoch_b=epochs).transpose(
        "epoch", "instance", "epoch_b", "instance_b"
    )
    picture = axes.imshow(
        values.values.reshape(n, n), cmap="viridis", vmin=0, vmax=1, interpolation="nearest"
    )
    for place in range(1, len(epochs)):
        axes.axhline(place * n_instances - 0.5, color="white", linewidth=0.4)
        axes.axvline(place * n_instances - 0.5, color="white", linewidth=0.4)
    set_ticks(axes)
    centres = np.arange(len(epochs)) * n_instances + (n_instances - 1) / 2
    axes.set_xticks(centres, [str(epoch) for epoch in epochs])
    axes.set_yticks(centres, [str(epoch) for epoch in epochs])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("Epoch (within each: instances)")
    axes.set_ylabel("Epoch (within each: instances)")
    return picture


def _draw_consistency(axes: Axes, chosen: xr.Dataset, kind: str) -> None:
    epochs = chosen.epoch.values
    for part, colour, marker, label in (
        (epochs > 0, KIND_COLOURS[kind], KIND_MARKERS[kind], "trained"),
        (epochs == 0, GREY, "D", "first weights"),
    ):
        shown = chosen.isel(epoch=part)
        if shown.sizes["epoch"]:
            draw_course(axes, shown, _places(shown.epoch.values, epochs), colour, marker, label)
    axes.set_ylim(0.0, 1.02)
    axes.set_ylabel(f"{kind.capitalize()} consistency (r²)")
    _set_epochs(axes, epochs)


def _draw_accuracy(axes: Axes, chosen: xr.Dataset) -> None:
    known = chosen.isel(epoch=np.isfinite(chosen.test_accuracy_mean.values))
    places = _places(known.epoch.values, chosen.epoch.values)
    low, high = known.test_accuracy_low.values, known.test_accuracy_high.values
    draw_thin(axes, places, low, high, INK)
    mean = known.test_accuracy_mean.values
    axes.plot(places, mean, color=INK, marker="o", markersize=2.4, linewidth=0.7, label="mean")
    axes.set_ylim(0.0, 1.02)
    axes.set_ylabel("Test accuracy")
    _set_epochs(axes, known.epoch.values)


def _draw_relation(axes: Axes, chosen: xr.Dataset) -> None:
    """One point per epoch, from dark to light, the first and the last of them named."""
    shown = chosen.isel(
        epoch=(chosen.epoch.values > 0) & np.isfinite(chosen.test_accuracy_mean.values)
    )
    accuracy, consistency = shown.test_accuracy_mean.values, shown.consistency_mean.values
    bars = shown.sel(bootstrap="instances")
    axes.hlines(
        consistency, shown.test_accuracy_low, shown.test_accuracy_high, colors=GREY, linewidths=0.6
    )
    axes.vlines(accuracy, bars.consistency_low, bars.consistency_high, colors=GREY, linewidths=0.6)
    colours = layer_colours()(np.linspace(0.0, 1.0, len(accuracy)))
    out = shown.outlier.sel(estimator="skipped").values.astype(bool)
    for where, faces in ((~out, colours), (out, np.ones_like(colours))):
        axes.scatter(
            accuracy[where], consistency[where], s=14, c=faces[where],
            edgecolors=[*map(tuple, colours[where])], linewidths=0.8, zorder=3,
            label="outliers" if where is out else "epochs",
        )  # fmt: skip
    away = 9 if consistency[-1] >= consistency[0] else -9  # points lie between first and last
    for place, shift in ((0, -away), (-1, away)):
        axes.annotate(
            f"epoch {int(shown.epoch[place])}",
            (accuracy[place], consistency[place]),
            xytext=(0, shift),
            textcoords="offset points",
            horizontalalignment="center",
            verticalalignment="center",
            fontsize=6,
            path_effects=[withStroke(linewidth=1.5, foreground="white")],
            zorder=4,
        )
    r = float(shown.correlation.sel(estimator="skipped"))
    if np.isfinite(r):
        axes.set_title(f"skipped r = {r:.2f}".replace("-", "−"), loc="right")
    axes.margins(0.15)
    set_ticks(axes)
    axes.set_xlabel("Test accuracy")
    axes.set_ylabel("Consistency (r²)")


def _places(epochs: np.ndarray, of_all: np.ndarray) -> np.ndarray:
    """Where epochs are on the axis: the first weights keep off the others on a logarithmic one."""
    return np.where(epochs == 0, 0.5 if of_all.max() > _LONG else 0.0, epochs)


def _set_epochs(axes: Axes, epochs: np.ndarray) -> None:
    set_ticks(axes)
    axes.set_xlabel("Epoch")
    if epochs.max() <= _LONG:
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        return
    axes.set_xscale("log")
    named = [epoch for epoch in _AXIS if epoch <= epochs.max()]
    places, names = [float(epoch) for epoch in named], [str(epoch) for epoch in named]
    if 0 in epochs:
        places, names = [0.5, *places], ["0", *names]
    axes.set_xticks(places, names)
    axes.xaxis.set_minor_locator(NullLocator())
