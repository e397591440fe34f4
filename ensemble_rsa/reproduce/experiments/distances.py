"""Fig. 5: consistency falls with depth whatever the distance between patterns."""

import xarray as xr

from ensemble_rsa.figures.paper.depth import draw_distances
from ensemble_rsa.reproduce.depth_profiles import (
    caption_of_courses,
    falls_with_depth,
    last_layer,
    layer_consistency,
    measure_profiles,
)
from ensemble_rsa.reproduce.experiment import Experiment, Finding, Picture
from ensemble_rsa.reproduce.workspace import Workspace

NETWORKS = ("all_cnn_c", "all_cnn_7")
DISTANCES = ("cosine", "euclidean", "unit_euclidean", "norm_difference")


def measure(work: Workspace) -> xr.Dataset:
    """Consistency of every layer by four distances."""
    return measure_profiles(work, NETWORKS, DISTANCES, work.scale.analysis)


def findings(result: xr.Dataset) -> list[Finding]:
    """The last layer's consistency by Euclidean distance, and the fall by each distance."""
    last = last_layer(result, "all_cnn_c")
    quantity = "last-layer Euclidean consistency, All-CNN-C"
    return [
        layer_consistency("fig5", quantity, result, "all_cnn_c", last, "euclidean"),
        *(
            falls_with_depth("fig5", result, name, distance)
            for distance in DISTANCES
            for name in NETWORKS
        ),
    ]


def caption(result: xr.Dataset) -> str:
    """What Fig. 5 shows."""
    return (
        "Shared variance (r²) between the RDMs of two instances, by layer, for cosine distance "
        "(a), Euclidean distance of patterns as they are and scaled to unit length (b), and the "
        f"absolute difference of two patterns' norms (c). {caption_of_courses(result)}"
    )


EXPERIMENT = Experiment(
    "distances",
    NETWORKS,
    measure,
    findings,
    {
        "fig5": Picture(
            "Consistency decreases with depth by every distance", draw_distances, caption
        )
    },
)
