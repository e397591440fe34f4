"""Fig. 8 of the paper: accuracy, consistency and clustering by dropout probability."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from ensemble_rsa.figures import style
from ensemble_rsa.figures.lines import Look, draw_line, interval_handles
from ensemble_rsa.figures.maps import add_colour_bar
from ensemble_rsa.figures.style import BLUE, GREEN, INK, ORANGE, VERMILION
from ensemble_rsa.figures.target import Panels, several_panels
from ensemble_rsa.figures.wording import number

_GAP = 0.3  # of a cell, before the column without dropout at test


@style.paper_style()
def draw_dropout(result: xr.Dataset, figure: Panels | None = None) -> Panels:
    """Accuracies (a), consistency by samples (b), clustering (c), consistency by rate (d, e).

    `result` needs, each with its mean and interval, `train_accuracy, test_accuracy,
    dropout_accuracy (dropout, instance)`, `consistency, unshared_consistency, centroid_consistency
    (dropout, instance_pair)`, `sampled_consistency (dropout, sample, instance_pair)` and
    `clustering_index (layer, dropout, instance)`. (a), (b) and (c) are the paper's panels.

    They are drawn on `figure` (or a sub-figure), which is returned, or on a new one.
    """
    figure = several_panels(figure, style.DOUBLE_COLUMN, 5.1, pad=0.05, gap=0.03)
    panels = figure.subplot_mosaic("aabbbb;ccddee", height_ratios=[1.15, 1])
    _draw_samples(figure, panels["b"], result)
    layers = [(result.sel(layer=name), str(name)) for name in result.layer.values]
    first, every = (result.isel(sample=sample) for sample in (0, -1))
    sampled, n_samples = "sampled_consistency", result.sizes["sample"]
    for letter, label, lines in (
        ("a", "Accuracy", [
            (result, "train_accuracy", Look(BLUE, "o", "training images")),
            (result, "test_accuracy", Look(ORANGE, "s", "test images")),
            (result, "dropout_accuracy", Look(VERMILION, "^", "test images, dropout at test")),
        ]),
        ("c", "Category clustering index", [
            (layer, "clustering_index", Look(*look, name))
            for (layer, name), look in zip(layers, ((ORANGE, "s"), (BLUE, "o")), strict=True)
        ]),
        ("d", "Exemplar consistency (r²)", [
            (first, sampled, Look(ORANGE, "s", "1 sample")),
            (every, sampled, Look(VERMILION, "^", f"{n_samples} samples")),
            (result, "unshared_consistency", Look(GREEN, "v", "1 sample, masks not shared")),
            (result, "consistency", Look(BLUE, "o", "no dropout at test")),
        ]),
        ("e", "Centroid consistency (r²)", [
            (result, "centroid_consistency", Look(GREEN, "s", "no dropout at test")),
        ]),
    ):  # fmt: skip
        axes = panels[letter]
        for data, name, look in lines:
            draw_line(axes, result.dropout.values, data, name, look)
        place = "upper left" if letter == "d" else "best"
        axes.legend(handles=[look.handle() for _, _, look in lines], loc=place)
        axes.set_ylabel(label)
        axes.set_xlabel("Dropout probability")
        if letter != "c":
            axes.set_ylim(0.0, 1.5 if letter == "d" else 1.02)  # room for four lines of a legend
            axes.set_yticks(np.linspace(0, 1, 6))
        style.set_ticks(axes)
    for letter, axes in panels.items():
        style.add_letter(axes, letter)
    style.add_legend(figure, interval_handles(result, ["instances"]), 1)
    return figure


def _draw_samples(figure: Panels, axes: Axes, result: xr.Dataset) -> None:
    """A heat map with its numbers; the column without dropout at test is set apart by a gap."""
    sampled = result.sampled_consistency_mean.transpose("dropout", "sample").values
    n_rates, n_samples = sampled.shape
    values = np.hstack([sampled, result.consistency_mean.values[:, None]])
    left = np.append(np.arange(n_samples), n_samples + _GAP)
    # the gap is a column of its own, without values
    edges = np.append(np.arange(n_samples + 1), [n_samples + _GAP, n_samples + _GAP + 1])
    shown = np.insert(values, n_samples, np.nan, axis=1)
    image = axes.pcolormesh(edges, np.arange(n_rates + 1), shown, cmap="viridis")
    middle = np.mean(image.get_clim())
    for (row, column), value in np.ndenumerate(values):
        axes.text(
            float(left[column]) + 0.5, row + 0.5, number(float(value), 2), ha="center", va="center",
            fontsize=5.5, color="white" if value < middle else INK,
        )  # fmt: skip
    axes.invert_yaxis()
    style.set_ticks(axes)
    axes.set_xticks(left + 0.5, [*(str(k) for k in result.sample.values), "none"])
    axes.set_yticks(np.arange(n_rates) + 0.5, [f"{rate:g}" for rate in result.dropout.values])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("Samples of dropout at test (none: no dropout at test)")
    axes.set_ylabel("Dropout probability")
    add_colour_bar(figure, image, axes, "Consistency (r²)", fraction=0.04)
