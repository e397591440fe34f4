"""Which figures a set of results allows, and writing them to files."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import xarray as xr
from matplotlib.figure import Figure

from ensemble_rsa.figures.consistency import (
    draw_category_consistency,
    draw_clustering,
    draw_consistency,
)
from ensemble_rsa.figures.crossed_seeds import draw_crossed_seeds
from ensemble_rsa.figures.fonts import use_installed_fonts, without_glyph_warnings
from ensemble_rsa.figures.geometry import draw_geometry
from ensemble_rsa.figures.second_level import draw_second_level
from ensemble_rsa.figures.style import PNG_DPI, paper_style
from ensemble_rsa.figures.target import Drawn, root_of
from ensemble_rsa.figures.training import draw_training
from ensemble_rsa.figures.wording import surrogate_title
from ensemble_rsa.files import atomic_path

# In the order of the paper: name, which is also the file's, drawing, and the variable it needs.
FIGURES: dict[str, tuple[Callable[[xr.Dataset], Drawn], str]] = {
    "geometry": (draw_geometry, "embedding"),
    "second_level": (draw_second_level, "second_level_embedding"),
    "consistency": (draw_consistency, "consistency"),
    "category_consistency": (draw_category_consistency, "consistency"),
    "clustering": (draw_clustering, "category_clustering_index"),
    "crossed_seeds": (draw_crossed_seeds, "seed_variance"),
}

_TRAINING = "training"
# Without a date in them, the same results give the same files. PNG comes first: it is the picture
# of reports, whose layout the others keep.
FORMATS: dict[str, Mapping[str, None]] = {
    ".png": {},
    ".pdf": {"CreationDate": None},
    ".svg": {"Date": None},
}
_LONG = re.compile(r"scale\([^)]*\)|\d+\.\d{3,}")


def figure_names(results: xr.Dataset, history: xr.Dataset | None) -> list[str]:
    """Return the names of the figures that results and history allow, in the order of the paper."""
    allowed = [name for name, (_, needed) in FIGURES.items() if needed in results]
    if results.sizes.get("kind") == 1 and "category_consistency" in allowed:
        allowed.remove("category_consistency")  # it would repeat the figure of exemplars
    is_trained = history is not None and bool(history.sizes.get("epoch", 0))
    return [*allowed, *([_TRAINING] if is_trained else [])]


def draw_figures(
    results: xr.Dataset, history: xr.Dataset | None, flagged: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Figure]:
    """Draw every figure that the results of `analyze` allow, by name, in the order of the paper.

    `history` is what training recorded. Instances that are `flagged` (`instance`, `seed`, `reason`)
    are named in its curves and excluded from their mean; those excluded from the analysis that
    `history` holds belong here too.
    """
    names = figure_names(results, history)
    figures = {name: root_of(FIGURES[name][0](results)) for name in names if name != _TRAINING}
    if history is not None and _TRAINING in names:
        title = surrogate_title(results)
        figures[_TRAINING] = root_of(draw_training(history, flagged, title))
    return figures


def save_figures(
    results: xr.Dataset,
    history: xr.Dataset | None,
    folder: Path,
    flagged: Sequence[Mapping[str, Any]] = (),
) -> list[Path]:
    """Write the figures of `draw_figures` to a folder, and return the paths of the PNG files."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    figures = draw_figures(results, history, flagged)
    return [save_figure(figure, folder / f"{name}.png") for name, figure in figures.items()]


def save_figure(drawn: Drawn, path: Path) -> Path:
    """Write a figure as PNG (300 dpi), and as PDF and SVG beside it; return the PNG's path.

    `drawn` is what a function that draws has returned: a figure, or its axes.
    """
    figure, path = root_of(drawn), Path(path)
    use_installed_fonts(figure)
    for ending, metadata in FORMATS.items():
        target = path.with_suffix(ending)
        with atomic_path(target) as partial, paper_style(), without_glyph_warnings():
            figure.savefig(partial, format=ending[1:], dpi=PNG_DPI, metadata={**metadata})
            if ending == ".svg":
                drawing = partial.read_text(encoding="utf-8")
                partial.write_text(_LONG.sub(_shortened, drawing), encoding="utf-8")
        figure.set_layout_engine("none")
    return path


def _shortened(number: re.Match[str]) -> str:
    """A number of an SVG with two decimals, a hundredth of a point; factors stay as they are."""
    return number[0] if number[0].startswith("scale") else f"{float(number[0]):.2f}"
