"""Figures of results; the only package that imports matplotlib.

A function with one panel takes axes (`ax`) and returns them; one with several panels takes a figure
or a sub-figure (`figure`) and returns it. Without, they make a new figure of the width of a
journal's column or page. `save_figure` writes either.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["paper"],
    submod_attrs={
        "consistency": ["draw_category_consistency", "draw_clustering", "draw_consistency"],
        "crossed_seeds": ["draw_crossed_seeds"],
        "evaluation": ["draw_evaluation"],
        "geometry": ["draw_geometry"],
        "groups": ["draw_groups"],
        "planning": ["draw_plan"],
        "save": ["save_figure", "save_figures"],
        "second_level": ["draw_second_level"],
        "training": ["draw_training"],
    },
)
