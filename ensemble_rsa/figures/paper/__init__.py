"""The paper's other figures, from the results that `ensemble-rsa reproduce` keeps.

Mehrer et al. 2020, doi:10.1038/s41467-020-19632-w.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "categories": ["draw_categories"],
        "clustering": ["draw_clustering_and_consistency"],
        "dropout": ["draw_dropout"],
        "pointwise_stress": ["draw_pointwise_stress"],
        "profiles": [
            "draw_blank",
            "draw_depth",
            "draw_distances",
            "draw_layer_similarity",
            "draw_training_sets",
        ],
        "rotations": ["draw_rotations"],
        "trajectory": ["draw_trajectory"],
    },
)
