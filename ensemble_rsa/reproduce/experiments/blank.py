"""Fig. S7: consistency when the mean pattern over stimuli is taken away (cocktail blank)."""

import numpy as np
import xarray as xr

from ensemble_rsa.analysis.consistency import consistency
from ensemble_rsa.figures.paper.blank import draw_blank
from ensemble_rsa.figures.wording import DISTANCE_NAMES
from ensemble_rsa.report import captions
from ensemble_rsa.report.values import dataset_values
from ensemble_rsa.reproduce.experiment import Experiment, Finding, Picture, over_instances
from ensemble_rsa.reproduce.measures import (
    attributes,
    same_instances,
    settings_of,
    with_intervals,
)
from ensemble_rsa.reproduce.workspace import Workspace, rdms

BLANKED = ("correlation", "cosine")  # the distances that the blank touches
NORMALISATIONS = {"none": False, "cocktail_blank": True}


def measure(work: Workspace) -> xr.Dataset:
    """Consistency by layer, with and without the blank, by correlation and cosine distance."""
    settings = work.scale.analysis.statistics
    stacks = {
        (normalisation, distance): rdms(
            work, "all_cnn_c", distance=distance, cocktail_blank=blanked
        )
        for normalisation, blanked in NORMALISATIONS.items()
        for distance in BLANKED
    }
    return (
        compare_normalisations(stacks)
        .pipe(with_intervals, settings)
        .assign_attrs(attributes(same_instances(list(stacks.values()))[0], settings))
    )


def compare_normalisations(stacks: dict[tuple[str, str], xr.Dataset]) -> xr.DataArray:
    """Consistency of the instances that can be compared in every stack, so that pairs match.

    Args:
        stacks: normalisation and distance → `exemplar (layer, instance, stimulus_pair)`.

    Returns:
        `(normalisation, distance, layer, instance_pair)`.
    """
    shared = dict(zip(stacks, same_instances(list(stacks.values())), strict=True))
    values = [
        [consistency(shared[normalisation, distance].exemplar.values) for distance in BLANKED]
        for normalisation in NORMALISATIONS
    ]
    layers = next(iter(stacks.values())).layer.values
    return xr.DataArray(
        np.stack(values),
        dims=("normalisation", "distance", "layer", "instance_pair"),
        coords={
            "normalisation": list(NORMALISATIONS),
            "distance": list(BLANKED),
            "layer": layers,
        },
    )


def findings(result: xr.Dataset) -> list[Finding]:
    """By how much the blank raises the last layer's consistency, pair by pair."""
    rise = result.consistency.sel(normalisation="cocktail_blank") - result.consistency.sel(
        normalisation="none"
    )
    return [
        over_instances(
            "s7",
            f"last layer, {DISTANCE_NAMES[distance]}: consistency with minus without the blank",
            rise.sel(distance=distance).isel(layer=-1).values,
            settings_of(result),
            effect=True,
            note=_layers_that_rise(rise.sel(distance=distance)),
        )
        for distance in BLANKED
    ]


def _layers_that_rise(rise: xr.DataArray) -> str:
    up = (rise.mean("instance_pair") > 0).values
    return f"the mean rises in {int(up.sum())} of {up.size} layers"


def caption(result: xr.Dataset) -> str:
    """What Fig. S7 shows."""
    return captions.render("paper/s7", **dataset_values(result)).text


EXPERIMENT = Experiment(
    "blank",
    ("all_cnn_c",),
    measure,
    findings,
    {"s7": Picture("Cocktail-blank normalisation", draw_blank, caption)},
)
