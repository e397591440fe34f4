"""Fig. 4: consistency falls with depth, in All-CNN-C and in All-CNN-7."""

from math import comb

import numpy as np
import xarray as xr

from ensemble_rsa.figures.paper.depth import draw_depth
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
    runs = [networks(work, name) for name in NETWORKS]
    return measure_profiles(work, NETWORKS, ["correlation"], settings).assign(
        test_accuracy=(("network", "instance"), np.stack([run.accuracy["test"] for run in runs])),
        unconverged=("network", [len(run.flagged) for run in runs]),
        replaced=("network", [len(run.replaced) for run in runs]),
    )


def findings(result: xr.Dataset) -> list[Finding]:
    """Counts, accuracies as ranges, the last layer's consistency, and the fall to it."""
    found = _counts(result)
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


def _counts(result: xr.Dataset) -> list[Finding]:
    """How much of everything there was, and how many instances did not converge."""
    n_instances = int(result.n_compared.sel(network=NETWORKS[0]))
    n_stimuli = int(result.attrs["n_stimuli"])
    found = [
        Finding("fig4", quantity, float(count))
        for quantity, count in (
            ("instances", n_instances),
            ("pairs of instances", comb(n_instances, 2)),
            ("stimuli", n_stimuli),
            ("distances in an RDM", comb(n_stimuli, 2)),
        )
    ]
    for name in NETWORKS:
        of = result.sel(network=name)
        found += [
            Finding("fig4", f"{what}, {MODEL_NAMES[name]}", float(count), note=note)
            for what, count, note in (
                ("instances kept though they did not converge", of.unconverged, ""),
                ("instances replaced since they did not converge", of.replaced,
                 "the paper does not say whether it met any"),
            )
        ]  # fmt: skip
    return found


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
    {"fig4": Picture("Consistency by depth", draw_depth, caption)},
    revision=2,
)
