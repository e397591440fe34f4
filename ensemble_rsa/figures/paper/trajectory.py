"""Figs 9 and S8 of the paper: consistency and accuracy during training."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator, NullLocator

from ensemble_rsa.figures import style
from ensemble_rsa.figures.lines import KIND_LOOKS, Look, draw_line, interval_handles
from ensemble_rsa.figures.maps import add_colour_bar, draw_blocks, layer_shades
from ensemble_rsa.figures.style import GREY, INK
from ensemble_rsa.figures.target import Panels, several_panels
from ensemble_rsa.figures.wording import signed

EARLY = 10  # the paper's early epochs end here
_NAMED = (0, 1, 3, 10, 30, 100, 350)  # epochs named on a logarithmic axis
_LONG = 20  # the axis is logarithmic for more epochs than this
_EARLIER = Look(GREY, "D", "before 50,000 images (ours)")


@style.paper_style()
def draw_trajectory(result: xr.Dataset, kind: str, figure: Panels | None = None) -> Panels:
    """Consistency between epochs and instances (a), by epoch (b), accuracy (c), one on the other.

    `kind` is exemplar or centroid. `result` needs `similarity (kind, epoch, instance, epoch_b,
    instance_b)`, `consistency (kind, epoch, instance_pair)`, and `test_accuracy (epoch, instance)`,
    with means and intervals, `compared (epoch)`, `correlation (kind, estimator)` and `outlier
    (kind, estimator, epoch)`. Epochs past the tenth have a matrix of their own, with the first.

    They are drawn on `figure` (or a sub-figure), which is returned, or on a new one.
    """
    chosen = result.sel(kind=kind)
    epochs = [int(epoch) for epoch in result.epoch.values if epoch > 0]
    early = [epoch for epoch in epochs if epoch <= EARLY]
    later = [epoch for epoch in epochs if epoch > EARLY]
    figure = several_panels(figure, style.DOUBLE_COLUMN, 5.6 if later else 3.7, pad=0.05, gap=0.04)
    # t: all of training, l: the legend
    mosaic, heights = ("aaattt;bbccdd", [3, 2]) if later else ("aabc;aadl", [1, 1])
    panels = figure.subplot_mosaic(mosaic, height_ratios=heights)
    parts = {"a": early, "t": [epochs[0], *later]} if later else {"a": early}
    images = [_draw_matrix(panels[name], chosen, shown) for name, shown in parts.items()]
    matrices = [panels[name] for name in parts]
    add_colour_bar(figure, images[0], matrices, "Consistency (r²)", fraction=0.04, aspect=30.0)
    mean = KIND_LOOKS[kind]._replace(label="mean")
    _draw_consistency(panels["b"], chosen, mean)
    panels["b"].set_ylabel(f"{kind.capitalize()} consistency (r²)")
    _draw_accuracy(panels["c"], chosen)
    _draw_relation(panels["d"], chosen)
    for letter in "abcd":
        style.add_letter(panels[letter], letter)
    earlier = [_EARLIER.handle()] if (result.compared.values == 0).any() else []
    handles = [mean.handle(), *earlier, *interval_handles(result)]
    if later:
        style.add_legend(figure, handles, 4)
    else:
        panels["l"].axis("off")
        panels["l"].legend(handles=handles, loc="center left", borderaxespad=0)
    return figure


def _draw_matrix(axes: Axes, chosen: xr.Dataset, epochs: list[int]) -> AxesImage:
    values = chosen.similarity.sel(epoch=epochs, epoch_b=epochs).transpose(
        "epoch", "instance", "epoch_b", "instance_b"
    )
    axes.set(xlabel="Epoch (within each: instances)", ylabel="Epoch (within each: instances)")
    return draw_blocks(axes, values.values, [str(epoch) for epoch in epochs], highest=1.0)


def _draw_consistency(axes: Axes, chosen: xr.Dataset, mean: Look) -> None:
    epochs, compared = chosen.epoch.values, chosen.compared.values == 1
    for part, look in ((compared, mean), (~compared, _EARLIER)):
        shown = chosen.isel(epoch=part)
        if shown.sizes["epoch"]:
            draw_line(axes, _places(shown.epoch.values, epochs), shown, "consistency", look)
    _set_epochs(axes, epochs)


def _draw_accuracy(axes: Axes, chosen: xr.Dataset) -> None:
    known = chosen.isel(epoch=np.isfinite(chosen.test_accuracy_mean.values))
    places = _places(known.epoch.values, chosen.epoch.values)
    draw_line(axes, places, known, "test_accuracy", Look(INK, "o", "mean"))
    axes.set_ylabel("Test accuracy")
    _set_epochs(axes, known.epoch.values)


def _draw_relation(axes: Axes, chosen: xr.Dataset) -> None:
    """One point per epoch, from dark to light; the first and the last are named.

    Epochs before the paper's first checkpoint are grey.
    """
    shown = chosen.isel(
        epoch=(chosen.epoch.values > 0) & np.isfinite(chosen.test_accuracy_mean.values)
    )
    compared = shown.compared.values == 1
    accuracy, consistency = shown.test_accuracy_mean.values, shown.consistency_mean.values
    bars = shown.sel(bootstrap="instances")
    axes.hlines(
        consistency, shown.test_accuracy_low, shown.test_accuracy_high, colors=GREY, linewidths=0.6
    )
    axes.vlines(accuracy, bars.consistency_low, bars.consistency_high, colors=GREY, linewidths=0.6)
    colours = np.full(len(accuracy), GREY)
    colours[compared] = layer_shades(int(compared.sum()))
    out = shown.outlier.sel(estimator="skipped").values.astype(bool)
    parts = ((compared & ~out, "epochs"), (out, "outliers"), (~compared, "earlier"))
    for where, label in parts:
        axes.scatter(
            accuracy[where], consistency[where], s=8 if label == "earlier" else 14,
            edgecolors=colours[where].tolist(), linewidths=0.8, zorder=3, label=label,
            c="white" if label == "outliers" else colours[where],
        )  # fmt: skip
    away = 9 if consistency[-1] >= consistency[0] else -9  # points lie between first and last
    for place, shift in ((0, -away), (-1, away)):
        axes.annotate(
            f"epoch {int(shown.epoch[place])}", (accuracy[place], consistency[place]),
            xytext=(0, shift), textcoords="offset points", ha="center", va="center", fontsize=6,
            path_effects=[withStroke(linewidth=1.5, foreground="white")], zorder=4,
        )  # fmt: skip
    axes.margins(0.15)
    style.set_ticks(axes)
    axes.set_xlabel("Test accuracy")
    axes.set_ylabel("Consistency (r²)")
    r = float(chosen.correlation.sel(estimator="skipped"))
    if np.isfinite(r):
        axes.set_title(f"skipped r = {signed(r)}", loc="right")


def _places(epochs: np.ndarray, of_all: np.ndarray) -> np.ndarray:
    """Positions of epochs; on a logarithmic axis the initial weights are at 0.5."""
    return np.where(epochs == 0, 0.5 if of_all.max() > _LONG else 0.0, epochs)


def _set_epochs(axes: Axes, epochs: np.ndarray) -> None:
    style.set_ticks(axes)
    axes.set(xlabel="Epoch", ylim=(0.0, 1.02))
    if epochs.max() <= _LONG:
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        return
    axes.set_xscale("log")
    named = [epoch for epoch in _NAMED if epoch <= epochs.max() and (epoch > 0 or 0 in epochs)]
    axes.set_xticks(_places(np.array(named), epochs).tolist(), [str(epoch) for epoch in named])
    axes.xaxis.set_minor_locator(NullLocator())
