"""Fig. 6: consistency of AlexNet's layers, for large images of ten categories."""

import xarray as xr

from ensemble_rsa.figures.paper.depth import draw_depth
from ensemble_rsa.reproduce.depth_profiles import (
    caption_of_courses,
    layer_consistency,
    layers_apart,
    measure_profiles,
)
from ensemble_rsa.reproduce.experiment import Experiment, Finding, Picture
from ensemble_rsa.reproduce.workspace import Workspace

ENSEMBLE = "alexnet"


def measure(work: Workspace) -> xr.Dataset:
    """Consistency of conv1–conv5, fc6, fc7 and fc8 by correlation distance."""
    return measure_profiles(work, [ENSEMBLE], ["correlation"], work.scale.large_images)


def findings(result: xr.Dataset) -> list[Finding]:
    """The least consistent layer of the paper, fc6, and its rise again to the penultimate one."""
    return [
        layer_consistency("fig6", "fc6 consistency, AlexNet", result, ENSEMBLE, "fc6"),
        layer_consistency(
            "fig6", "penultimate-layer consistency, AlexNet", result, ENSEMBLE, "fc7"
        ),
        layers_apart("fig6", "conv1 minus fc6 consistency", result, ENSEMBLE, "conv1", "fc6"),
        layers_apart("fig6", "fc7 minus fc6 consistency", result, ENSEMBLE, "fc7", "fc6"),
    ]


def caption(result: xr.Dataset) -> str:
    """What Fig. 6 shows."""
    return (
        "Shared variance (r²) between the RDMs of two instances of AlexNet, by layer (fc6 to fc8 "
        "are the classifier, after the ReLU except fc8); correlation distance between patterns "
        f"for {result.attrs['n_stimuli']:,} large images of {result.attrs['n_categories']} "
        f"categories. {caption_of_courses(result)}"
    )


EXPERIMENT = Experiment(
    "alexnet",
    (ENSEMBLE,),
    measure,
    findings,
    {"fig6": Picture("Consistency of AlexNet by layer", draw_depth, caption)},
)
