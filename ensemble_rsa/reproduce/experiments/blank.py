"""Fig. S7 of Mehrer et al. 2020 (doi:10.1038/s41467-020-19632-w): cocktail-blank normalisation.

Consistency of RDMs when each unit's mean over stimuli is subtracted before distances are computed.
"""

from itertools import product

import xarray as xr

from ensemble_rsa.figures.paper.profiles import draw_blank
from ensemble_rsa.figures.wording import DISTANCE_NAMES
from ensemble_rsa.reproduce.experiment import Experiment, Finding, Picture, mean_finding
from ensemble_rsa.reproduce.measures import consistency_by
from ensemble_rsa.reproduce.workspace import Workspace, rdms

DISTANCES = ("correlation", "cosine")  # the ones that the normalisation changes
NORMALISATIONS = {"none": False, "cocktail_blank": True}


def measure(work: Workspace) -> xr.Dataset:
    """Consistency `(normalisation, distance, layer, instance_pair)` with its intervals."""
    stacks = [
        rdms(work, "all_cnn_c", distance=distance, cocktail_blank=blanked)
        for blanked, distance in product(NORMALISATIONS.values(), DISTANCES)
    ]
    conditions = {"normalisation": list(NORMALISATIONS), "distance": DISTANCES}
    return consistency_by(conditions, stacks, work.scale.analysis.statistics)


def findings(result: xr.Dataset) -> list[Finding]:
    """By how much the normalisation raises the last layer's consistency, pair by pair."""
    pairs = result.consistency
    rise = pairs.sel(normalisation="cocktail_blank") - pairs.sel(normalisation="none")
    found = []
    for distance in DISTANCES:
        by_layer = rise.sel(distance=distance)
        rising = (by_layer.mean("instance_pair") > 0).values
        note = f"the mean rises in {int(rising.sum())} of {rising.size} layers"
        name = DISTANCE_NAMES[distance]
        quantity = f"last layer, {name}: consistency with minus without the blank"
        found.append(mean_finding(result, "s7", quantity, by_layer.isel(layer=-1), True, note))
    return found


EXPERIMENT = Experiment(
    "blank", ("all_cnn_c",), measure, findings, {"s7": Picture(draw_blank)}, revision=2
)
