"""Matrices with blocks, colour bars, and the legend of categories."""

import math
from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm, LinearSegmentedColormap, ListedColormap, to_hex
from matplotlib.figure import FigureBase
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D

from ensemble_rsa.figures.style import category_style, set_ticks, shorten

MOST_CATEGORIES_NAMED = 20
_MOST_BLOCKS_NAMED = 24


def draw_blocks(
    axes: Axes, values: np.ndarray, names: Sequence[str], highest: float | None = None
) -> AxesImage:
    """Draw a matrix `(block, instance, block, instance)` with a white line between blocks.

    Colours begin at 0 and end at `highest`, or at the largest value.
    """
    n_blocks, n_instances = values.shape[:2]
    n = n_blocks * n_instances
    image = axes.imshow(
        values.reshape(n, n), cmap="viridis", vmin=0.0, vmax=highest, interpolation="nearest"
    )
    for place in range(1, n_blocks):
        for draw in (axes.axhline, axes.axvline):
            draw(place * n_instances - 0.5, color="white", linewidth=min(0.5, 8 / n_blocks))
    set_ticks(axes)
    places = thinned(n_blocks)
    centres = np.array(places) * n_instances + (n_instances - 1) / 2
    shown = [names[place] for place in places]
    axes.set_xticks(centres, shown)
    axes.set_yticks(centres, shown)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return image


def thinned(n: int) -> range:
    """Positions of the blocks to name: all, or evenly spaced ones."""
    return range(0, n, math.ceil(n / _MOST_BLOCKS_NAMED))


def add_colour_bar(
    figure: FigureBase,
    mapped: ScalarMappable,
    axes: Axes | list[Axes],
    label: str,
    fraction: float = 0.05,
    aspect: float = 20.0,
) -> Axes:
    """Add a bar that gives the values of colours, and return its axes."""
    bar = figure.colorbar(mapped, ax=axes, fraction=fraction, pad=0.02, aspect=aspect)
    bar.set_label(label)
    bar.outline.set_visible(False)
    set_ticks(bar.ax)
    return bar.ax


def layer_shades(n_layers: int) -> list[str]:
    """One colour per layer, from dark to light with depth, without the palest colours."""
    shades = mpl.colormaps["plasma"](np.linspace(0.0, 0.88, 128))
    depth = LinearSegmentedColormap.from_list("depth", shades)
    return [to_hex(shade) for shade in depth(np.linspace(0.0, 1.0, n_layers))]


def add_layer_bar(figure: FigureBase, axes: Axes, names: Sequence[str]) -> None:
    """Add a bar that names the layer of each colour."""
    n = len(names)
    norm = BoundaryNorm(np.arange(n + 1) - 0.5, n) if n > 1 else None
    bar = add_colour_bar(
        figure, ScalarMappable(norm, ListedColormap(layer_shades(n))), axes, "Layer"
    )
    places = thinned(n)
    bar.set_yticks(list(places) if n > 1 else [0.5], [names[place] for place in places])
    bar.invert_yaxis()
    bar.tick_params(length=0)
    bar.minorticks_off()


def category_handles(categories: np.ndarray) -> list[Line2D]:
    """Entries for the legend of categories; none for a single one, or for more than 20."""
    names = np.unique(categories)
    if not 1 < len(names) <= MOST_CATEGORIES_NAMED:
        return []
    return [
        Line2D([], [], linestyle="", markersize=3.5, markeredgewidth=0, label=shorten(str(name)),
               **category_style(index))
        for index, name in enumerate(names)
    ]  # fmt: skip
