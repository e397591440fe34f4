"""Which figures a set of results allows, and writing them to files."""

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
from ensemble_rsa.figures.geometry import draw_geometry
from ensemble_rsa.figures.second_level import draw_second_level
from ensemble_rsa.figures.style import PNG_DPI, paper_style
from ensemble_rsa.figures.training import draw_training
from ensemble_rsa.figures.wording import surrogate_title
from ensemble_rsa.files import atomic_path

# In the order of the paper: the name, which is also the file's, the drawing and the variable that
# it cannot do without.
FIGURES: dict[str, tuple[Callable[[xr.Dataset], Figure], str]] = {
    "geometry": (draw_geometry, "embedding"),
    "second_level": (draw_second_level, "second_level_distance"),
    "consistency": (draw_consistency, "consistency"),
    "category_consistency": (draw_category_consistency, "consistency"),
    "clustering": (draw_clustering, "category_clustering_index"),
}


def save_figures(
    results: xr.Dataset,
    history: xr.Dataset | None,
    folder: Path,
    flagged: Sequence[Mapping[str, Any]] = (),
) -> list[Path]:
    """Draw every figure that the results allow and write each as PNG (300 dpi) and as PDF.

    Args:
        results: what `analyze` returns.
        history: what training recorded, `(epoch, instance)`; None for activations from elsewhere.
        folder: made where it is missing; a file appears under its name only when it is whole.
        flagged: instances to be set apart and named in the training curves, left out of their mean
            (`instance`, `seed`, `reason`); excluded ones that `history` holds belong here too.

    Returns:
        The paths of the PNG files, in the order of the paper.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    drawn = {
        name: draw(results)
        for name, (draw, needed) in FIGURES.items()
        if _allowed(results, name, needed)
    }
    if history is not None and history.sizes.get("epoch", 0):
        drawn["training"] = draw_training(history, flagged, surrogate_title(results))
    return [save_figure(figure, folder / f"{name}.png") for name, figure in drawn.items()]


def _allowed(results: xr.Dataset, name: str, needed: str) -> bool:
    # With exemplars alone, the figure of all kinds would repeat the one before it.
    return needed in results and (name != "category_consistency" or results.sizes["kind"] > 1)


def save_figure(figure: Figure, path: Path) -> Path:
    """Write a figure as PNG (300 dpi), and as PDF beside it; return the PNG's path."""
    # Without a date in it, the same results give the same file.
    for target, metadata in ((path, {}), (path.with_suffix(".pdf"), {"CreationDate": None})):
        with atomic_path(target) as partial, paper_style():
            figure.savefig(partial, format=target.suffix[1:], dpi=PNG_DPI, metadata=metadata)
        figure.set_layout_engine("none")  # what the first format has placed stays in place
    return path
