"""How every figure looks: column widths, colour-blind-safe colours, legends and layer axes.

Figures use matplotlib's object interface only: no window, no `pyplot` state, and the user's
matplotlib settings are neither used nor changed.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from os.path import commonprefix
from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure, FigureBase
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import NullFormatter

from ensemble_rsa.arrays import readable

SINGLE_COLUMN = 3.5
"""Width of one journal column, inches."""
DOUBLE_COLUMN = 7.2
"""Width of a journal page, inches."""
PNG_DPI = 300

INK = "#222222"
GREY = "#9a9a9a"
# Colours of Okabe and Ito, which stay apart under colour-vision deficiency.
BLUE, SKY_BLUE, GREEN = "#0072b2", "#56b4e9", "#009e73"
ORANGE, VERMILION, PURPLE = "#e69f00", "#d55e00", "#cc79a7"
FLAGGED = VERMILION

# Ten colour-blind-safe hues by M. Petroff (arXiv 2107.02270); beyond ten categories (and in print
# without colour) the marker distinguishes them.
CATEGORY_COLOURS = (
    "#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6",
    "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd",
)  # fmt: skip
CATEGORY_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", "p", ">")

_SETTINGS: dict[Any, Any] = {
    "text.parse_math": False,  # names may hold dollar signs
    "axes.formatter.use_mathtext": False,
    "font.size": 7,
    "axes.titlesize": 7,
    "axes.labelsize": 7,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "legend.fontsize": 6.5,
    "figure.titlesize": 7.5,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "text.color": INK,
    "lines.linewidth": 1.0,
    "legend.frameon": False,
    "legend.handlelength": 1.6,
    "pdf.fonttype": 42,  # TrueType, as journals require, instead of outlines
    "svg.hashsalt": "ensemble_rsa",  # the ids in a drawing are the same each time
}


@contextmanager
def paper_style() -> Iterator[None]:
    """Use our settings of matplotlib only, as a context manager or as a decorator.

    >>> with paper_style():
    ...     mpl.rcParams["font.size"]
    7.0
    """
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_SETTINGS)
        yield


def new_figure(
    width: float, height: float, title: str | None = None, pad: float = 0.04, gap: float = 0.02
) -> Figure:
    """An empty figure of `width` × `height` inches, with a layout that avoids overlaps.

    There are `pad` inches around each panel, and between panels a `gap` that is a share of a panel.

    >>> new_figure(SINGLE_COLUMN, 2.5).get_size_inches().tolist()
    [3.5, 2.5]
    """
    layout = ConstrainedLayoutEngine(w_pad=pad, h_pad=pad, wspace=gap, hspace=gap)
    figure = Figure(figsize=(width, height), layout=layout)
    FigureCanvasAgg(figure)
    if title:
        figure.suptitle(title)
    return figure


def add_legend(figure: FigureBase, handles: Sequence[Any], n_columns: int, **options: Any) -> None:
    """Put a legend below all panels."""
    figure.legend(
        handles=handles, loc="outside lower center", ncols=n_columns, columnspacing=1.4, **options
    )


def add_letter(axes: Axes, letter: str, title: str = "") -> None:
    """Put the panel's bold letter above its left edge, and a title above its centre."""
    axes.set_title(letter, loc="left", fontweight="bold", fontsize=8)
    axes.set_title(title)


def category_style(index: int) -> dict[str, Any]:
    """Colour and marker of the category at this place in sorted order: a hundred different pairs.

    >>> category_style(0), category_style(10)
    ({'color': '#3f90da', 'marker': 'o'}, {'color': '#3f90da', 'marker': 's'})
    """
    n = len(CATEGORY_COLOURS)
    return {
        "color": CATEGORY_COLOURS[index % n],
        "marker": CATEGORY_MARKERS[(index + index // n) % n],
    }


def shorten(name: str, longest: int = 16) -> str:
    """The name, or its beginning and end if it is longer than `longest` letters.

    More is kept of the end, which is the informative part of a dotted path.

    >>> shorten("conv1"), shorten("features.denseblock4.denselayer16.conv2")
    ('conv1', 'featu…er16.conv2')
    """
    name = readable(name)
    if len(name) <= longest:
        return name
    end = 2 * longest // 3
    return f"{name[: longest - end - 1]}…{name[-end:]}"


def layer_names(results: xr.Dataset, longest: int = 16) -> list[str]:
    """The layers' names, short enough to print.

    If they are long, the dotted parts that all of them begin or end with are removed first.

    >>> layer_names(xr.Dataset(coords={"layer": ["conv1", "conv2"]}))
    ['conv1', 'conv2']
    >>> long = ["features.block1.unit1.conv2", "features.block1.unit2.conv2"]
    >>> layer_names(xr.Dataset(coords={"layer": long}))
    ['unit1', 'unit2']
    """
    names = [str(name) for name in results.layer.values]
    if len(names) > 1 and max(map(len, names)) > longest:
        parts = [name.split(".") for name in names]
        start = len(commonprefix(parts))
        end = len(commonprefix([part[start:][::-1] for part in parts]))
        bare = [".".join(part[start : len(part) - end]) for part in parts]
        names = bare if all(bare) else names
    return [shorten(name, longest) for name in names]


def set_ticks(axes: Axes) -> None:
    """Set tick and label sizes on the axes: ticks are made after `paper_style` has ended."""
    axes.tick_params(width=0.6, length=2.5, labelsize=6.5)


def set_log_scale(axes: Axes) -> None:
    """Make the vertical axis logarithmic, with plain numbers: powers would need mathtext."""
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())


def set_layer_axis(axes: Axes, names: Sequence[str], width: float) -> None:
    """Name the layers at x = 0, 1, … on an axis of about `width` inches.

    Names are rotated if they are too wide, and thinned if they would overlap.
    """
    set_ticks(axes)
    step = max(1, int(np.ceil(len(names) * 9 / (width * 72))))  # a rotated label needs 9 points
    places = range(0, len(names), step)
    axes.set_xticks(list(places), [names[place] for place in places])
    if sum(len(names[place]) * 4 + 6 for place in places) > width * 72:
        axes.tick_params(axis="x", labelrotation=45)
        for label in axes.get_xticklabels():
            label.set(ha="right", rotation_mode="anchor")
    axes.set_xlim(-0.6, len(names) - 0.4)
    axes.set_xlabel("Layer")
