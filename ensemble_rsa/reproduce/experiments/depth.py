"""Fig. 4: consistency falls with depth, in All-CNN-C and in All-CNN-7."""

import numpy as np
import xarray as xr

from ensemble_rsa.figures.depth import draw_depth
from ensemble_rsa.figures.wording import MODEL_NAMES
from ensemble_rsa.reproduce.depth_profiles import (
    caption_of_courses,
    falls_with_depth,
    last_layer,
    layer_consistency,
    measure_profiles,
)
from ensemble_rsa.reproduce.experiment import Experiment, Finding, Picture
from ensemble_rsa.reproduce.workspace import Workspace, networks

NETWORKS = ("all_cnn_c", "all_cnn_7")


def measure(work: Workspace) -> xr.Dataset:
    """Consistency of every layer by correlation distance, and every network's test accuracy."""
    settings = work.scale.analysis
    accuracies = [networks(work, name).accuracy["test"] for name in NETWORKS]
    return measure_profiles(work, NETWORKS, ["correlation"], settings).assign(
        test_accuracy=(("network", "instance"), np.stack(accuracies))
    )


def findings(result: xr.Dataset) -> list[Finding]:
    """Accuracies as ranges, the last layer's consistency, and the fall to it."""
    found = []
    for name in NETWORKS:
        accuracy = result.test_accuracy.sel(network=name).values
        found.append(
            Finding(
                "fig4",
                f"test accuracy, {MODEL_NAMES[name]}",
                float(accuracy.mean()),
                float(accuracy.min()),
                float(accuracy.max()),
                note=f"ours: mean and range of {accuracy.size} instances",
            )
        )
    for name in NETWORKS:
        quantity = f"last-layer consistency, {MODEL_NAMES[name]}"
        found.append(layer_consistency("fig4", quantity, result, name, last_layer(result, name)))
    return [*found, *(falls_with_depth("fig4", result, name, "correlation") for name in NETWORKS)]


def caption(result: xr.Dataset) -> str:
    """What Fig. 4 shows."""
    return (
        "Shared variance (r²) between the RDMs of two instances, by layer; correlation distance. "
        f"{caption_of_courses(result)}"
    )


EXPERIMENT = Experiment(
    "depth",
    NETWORKS,
    measure,
    findings,
    {"fig4": Picture("Consistency decreases with depth", draw_depth, caption)},
)
