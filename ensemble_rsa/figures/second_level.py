"""Fig. 3 of the paper: the RDMs of all layers and instances compared with each other."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure

from ensemble_rsa.figures.style import (
    DOUBLE_COLUMN,
    GREY,
    layer_colours,
    layer_names,
    new_figure,
    paper_style,
    set_ticks,
)
from ensemble_rsa.figures.wording import as_ranges, surrogate_title

_MOST_LAYERS_NAMED = 24


@paper_style()
def draw_second_level(results: xr.Dataset) -> Figure:
    """Second-level distances between RDMs, as a matrix (a) and as a two-dimensional MDS of it (b).

    Rows and columns of the matrix go layer by layer, and through the instances within each layer.
    In the MDS one point is one layer of one instance; grey lines join the layers of an instance in
    order of depth.

    Args:
        results: needs `second_level_distance (layer, instance, layer_b, instance_b)`, which is 1 −
            r between two RDMs, `second_level_embedding (layer, instance, component)` and
            `second_level_stress ()`.

    Returns:
        A figure as wide as a page.
    """
    figure = new_figure(DOUBLE_COLUMN, 3.2, surrogate_title(results), gap=0.06)
    matrix_axes, plane_axes = figure.subplots(1, 2)
    _draw_matrix(figure, matrix_axes, results)
    _draw_plane(figure, plane_axes, results)
    for axes, letter in ((matrix_axes, "a"), (plane_axes, "b")):
        axes.set_title(letter, loc="left", fontweight="bold", fontsize=8)
    return figure


def _named_layers(results: xr.Dataset) -> tuple[np.ndarray, list[str]]:
    """Places and names of the layers to write out: every one, or evenly thinned."""
    names = layer_names(results, 12)
    step = max(1, int(np.ceil(len(names) / _MOST_LAYERS_NAMED)))
    places = np.arange(0, len(names), step)
    return places, [names[place] for place in places]


def _draw_matrix(figure: Figure, axes: Axes, results: xr.Dataset) -> None:
    n_layers, n_instances = results.sizes["layer"], results.sizes["instance"]
    n = n_layers * n_instances
    distances = results.second_level_distance.transpose(
        "layer", "instance", "layer_b", "instance_b"
    ).values
    picture = axes.imshow(
        distances.reshape(n, n), cmap="viridis", vmin=0.0, interpolation="nearest"
    )
    thickness = min(0.5, 8 / n_layers)
    for place in range(1, n_layers):
        axes.axhline(place * n_instances - 0.5, color="white", linewidth=thickness)
        axes.axvline(place * n_instances - 0.5, color="white", linewidth=thickness)
    set_ticks(axes)
    places, names = _named_layers(results)
    centres = places * n_instances + (n_instances - 1) / 2
    axes.set_xticks(centres, names, rotation=90)
    axes.set_yticks(centres, names)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    within = as_ranges(results.instance.values)
    axes.set_xlabel(f"Layer (within each layer: instances {within})")
    axes.set_ylabel("Layer")
    bar = figure.colorbar(picture, ax=axes, fraction=0.05, pad=0.02)
    bar.set_label("Second-level distance (1 − r)")
    bar.outline.set_visible(False)
    set_ticks(bar.ax)


def _draw_plane(figure: Figure, axes: Axes, results: xr.Dataset) -> None:
    points = results.second_level_embedding.transpose("layer", "instance", "component").values
    n_layers, n_instances = points.shape[:2]
    for instance in range(n_instances):
        axes.plot(*points[:, instance].T, color=GREY, linewidth=0.5, zorder=1)
    shades = layer_colours()(np.linspace(0.0, 1.0, n_layers))
    norm = BoundaryNorm(np.arange(n_layers + 1) - 0.5, n_layers) if n_layers > 1 else None
    for layer in range(n_layers):
        axes.scatter(
            *points[layer].T, s=14, color=shades[layer], edgecolors="white", linewidths=0.3,
            zorder=2, label=str(results.layer.values[layer]),
        )  # fmt: skip
    axes.set_box_aspect(1)
    axes.set_aspect("equal", adjustable="datalim")
    axes.margins(0.06)
    set_ticks(axes)
    axes.set_xlabel("MDS dimension 1 (units of 1 − r)")
    axes.set_ylabel("MDS dimension 2 (units of 1 − r)")
    axes.set_title(f"stress {float(results.second_level_stress):.2f}", loc="right")
    bar = figure.colorbar(
        ScalarMappable(norm, ListedColormap(shades)), ax=axes, fraction=0.05, pad=0.02
    )
    places, names = _named_layers(results)
    bar.set_ticks(places.tolist() if n_layers > 1 else [0.5], labels=names)
    bar.ax.invert_yaxis()
    bar.set_label("Layer")
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0, labelsize=6.5)
    bar.ax.minorticks_off()
