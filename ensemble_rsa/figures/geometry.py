"""Embeddings of the stimuli in each layer, for a few instances, as in Fig. 2 of the paper.

Mehrer et al. 2020, doi:10.1038/s41467-020-19632-w.
"""

import math

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.gridspec import SubplotSpec

from ensemble_rsa.figures import style
from ensemble_rsa.figures.maps import category_handles
from ensemble_rsa.figures.style import INK
from ensemble_rsa.figures.target import Panels, several_panels
from ensemble_rsa.figures.wording import instance_name, surrogate_title

_MOST_MARKS = 5000  # drawn one by one in PDF and SVG; more are a picture
_GAP = 0.06  # height of the gap between blocks of layers, in panels


@style.paper_style()
def draw_geometry(results: xr.Dataset, figure: Panels | None = None) -> Panels:
    """Two-dimensional MDS of the stimuli: a column per layer, a row per instance, in blocks.

    Each block holds the same layers of all instances shown, one above the other. Every panel has
    its own scale, given by the bar in its corner (in units of the first-level distance).

    `results` needs `embedding (shown, layer, stimulus, component)` and `embedding_stress (shown,
    layer)`; categories are coloured where `stimulus` has a coordinate `category`. They
    are drawn on `figure` (or a sub-figure), which is returned, or on a new one.
    """
    n_shown, n_layers = results.sizes["shown"], results.sizes["layer"]
    n_columns = min(n_layers, 5 if n_layers <= 10 else 8)
    n_blocks = math.ceil(n_layers / n_columns)
    width = style.DOUBLE_COLUMN if n_columns > 2 else style.SINGLE_COLUMN
    panel = (width - 0.2) / max(n_columns, 2)
    names = style.layer_names(results, int(panel * 72 / 4.6))  # letters of 4.6 points
    between = "\n" if panel < 1.2 or max(map(len, names)) > 10 else ", "
    height = n_blocks * n_shown * (panel + (0.24 if between == "\n" else 0.14)) + 0.45
    figure = several_panels(figure, width, height, surrogate_title(results), pad=0.02)
    heights = ([1.0] * n_shown + [_GAP]) * n_blocks
    grid = figure.add_gridspec(len(heights) - 1, n_columns, height_ratios=heights[:-1])
    for layer in range(n_layers):
        block, column = divmod(layer, n_columns)
        for row in range(n_shown):
            axes = figure.add_subplot(grid[block * (n_shown + 1) + row, column])
            chosen = results.isel(shown=row, layer=layer)
            _draw_panel(axes, chosen)
            axes.set_title(
                f"{names[layer]}{between}stress {float(chosen.embedding_stress):.2f}", pad=2
            )
            if column == 0:
                axes.set_ylabel(instance_name(results, row, " " if panel >= 1.2 else "\n"))
    n_empty = n_columns * n_blocks - n_layers
    place = grid[-n_shown:, n_columns - n_empty :] if n_empty else None
    _name_categories(figure, place, _categories(results), most_in_column=6 * n_shown)
    return figure


def _categories(results: xr.Dataset) -> np.ndarray:
    if "category" not in results.coords:
        return np.full(results.sizes["stimulus"], "")
    return results.category.values.astype(str)


def _draw_panel(axes: Axes, panel: xr.Dataset) -> None:
    points = panel.embedding.transpose("stimulus", "component").values
    categories = _categories(panel)
    size = float(np.clip(3000 / len(points), 2.5, 14))
    for index, category in enumerate(np.unique(categories)):
        chosen = points[categories == category]
        axes.scatter(
            *chosen.T, s=size, linewidths=0, alpha=0.8, rasterized=len(points) > _MOST_MARKS,
            **style.category_style(index),
        )  # fmt: skip
    axes.set(xticks=[], yticks=[])
    axes.set_box_aspect(1)
    axes.spines[["top", "right"]].set_visible(True)
    for spine in axes.spines.values():
        spine.set(linewidth=0.4, color="#b5b5b5")
    _draw_scale(axes, points)


def _draw_scale(axes: Axes, points: np.ndarray) -> None:
    """Set square limits, and draw below the points a bar of 1, 2 or 5 times a power of ten."""
    low, high = points.min(axis=0), points.max(axis=0)
    side = float((high - low).max())
    if not side > 0:
        return
    x, y = (low + high) / 2
    axes.set_xlim(x - 0.6 * side, x + 0.6 * side)
    axes.set_ylim(y - 0.66 * side, y + 0.54 * side)
    power = 10 ** math.floor(math.log10(side / 4))
    length = max(step * power for step in (1, 2, 5) if step * power <= side / 4)
    left, bottom = x - 0.55 * side, y - 0.59 * side
    axes.plot(
        [left, left + length], [bottom, bottom], color=INK, linewidth=1.0, solid_capstyle="butt"
    )
    axes.text(left + length + 0.03 * side, bottom, f"{length:g}", fontsize=6, va="center")


def _name_categories(
    figure: Panels, place: SubplotSpec | None, categories: np.ndarray, most_in_column: int
) -> None:
    """The legend, in the unused cells of the last block if there are any, else below."""
    handles = category_handles(categories)
    if not handles:
        return
    if place is None:
        style.add_legend(figure, handles, min(len(handles), 5))
        return
    axes = figure.add_subplot(place)
    axes.set_axis_off()
    n_columns = math.ceil(len(handles) / most_in_column)
    axes.legend(handles=handles, loc="center", title="Category", title_fontsize=7, ncols=n_columns)
