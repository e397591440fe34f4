"""Statistics of RDMs as pure functions of arrays from any source, brain data included."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "alignment",
        "bootstrap",
        "calibration",
        "categories",
        "consistency",
        "crossed",
        "groups",
        "identification",
        "inference",
        "layouts",
        "mds",
        "measures",
        "outliers",
        "planning",
        "random_categories",
        "robust_correlation",
        "stimulus_consistency",
    ],
)
