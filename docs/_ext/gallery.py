"""Settings of the gallery: figures are found in the variables, since pyplot does not know them."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sphinx_gallery.scrapers import figure_rst

from ensemble_rsa.figures.style import paper_style
from ensemble_rsa.figures.target import root_of

_DPI = 200


class FigureScraper:
    """Saves the figures that a block of an example has made."""

    def __repr__(self) -> str:
        """Return the name; the same in every build, so that nothing is taken for changed."""
        return "FigureScraper"

    def __call__(self, block: tuple, block_vars: dict[str, Any], gallery_conf: dict) -> str:
        """Return the text that shows the figures that are new in an example's variables."""
        seen = block_vars.setdefault("seen_figures", set())
        values = list(block_vars["example_globals"].values())
        figures = [root_of(value) for value in values if isinstance(value, Axes | Figure)]
        paths = []
        for figure in figures:
            if id(figure) not in seen:
                seen.add(id(figure))
                path = next(block_vars["image_path_iterator"])
                with paper_style():
                    figure.savefig(path, dpi=_DPI)
                paths.append(path)
        return figure_rst(paths, gallery_conf["src_dir"])


SETTINGS = {
    "examples_dirs": "gallery",
    "gallery_dirs": "auto_gallery",
    "filename_pattern": r"/\w+\.py$",
    "image_scrapers": (FigureScraper(),),
    "capture_repr": (),
    "reset_modules": ("matplotlib",),
    "within_subsection_order": "FileNameSortKey",
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "min_reported_time": 1e9,
    "remove_config_comments": True,
    "plot_gallery": "True",
    "abort_on_example_error": True,
    "backreferences_dir": None,
    "copyfile_regex": r".*\.nc$",
}
