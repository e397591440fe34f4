"""S3: do other training images, or other categories, make more of a difference than a seed does?

What the paper did is not known in detail. Ours: ten instances with the same seeds for each of two
disjoint halves of the training images (half of each category's), and for each of two disjoint sets
of categories; all are shown the same stimuli, of all categories. Networks trained on the same data
with other seeds have as many training images, so that size is no difference. Other categories have
another head, so their last layer is left out.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Float

from ensemble_rsa.analysis.bootstrap.intervals import Bootstrap
from ensemble_rsa.analysis.consistency import consistency_between
from ensemble_rsa.config.settings import StatisticsConfig
from ensemble_rsa.figures.paper.training_sets import draw_training_sets
from ensemble_rsa.figures.wording import percent
from ensemble_rsa.reproduce.experiment import (
    Experiment,
    Finding,
    Picture,
    as_finding,
)
from ensemble_rsa.reproduce.matched import bootstrap_matched
from ensemble_rsa.reproduce.measures import attributes, same_instances, settings_of
from ensemble_rsa.reproduce.workspace import Workspace, rdms

CONTRASTS = {
    "images": ("first_half", "second_half"),
    "categories": ("first_categories", "second_categories"),
}
CONDITIONS = ("other_seed", "other_data", "other_seed_and_data")
_WORDS = {
    ("images", "other_seed"): "other seed, same images",
    ("images", "other_data"): "same seed, other images",
    ("images", "other_seed_and_data"): "other seed, other images",
    ("categories", "other_seed_and_data"): "other seed, other categories",
}


def measure(work: Workspace) -> xr.Dataset:
    """Consistency within each training set and between the two, for images and categories."""
    settings = work.scale.analysis.statistics
    result = xr.Dataset(coords={"condition": list(CONDITIONS)})
    for contrast, names in CONTRASTS.items():
        stacks = same_instances([rdms(work, name) for name in names])
        if contrast == "images":
            result = result.assign_attrs(attributes(stacks[0], settings))
            result = result.assign_coords(layer=stacks[0].layer.values)
        layers = slice(None if contrast == "images" else -1)  # another head at the end
        a, b = (stack.exemplar.values[layers] for stack in stacks)
        result = result.assign(_contrast(contrast, a, b, settings))
        result.attrs[f"{contrast}_seeds"] = stacks[0].seed.values
    return result


def _contrast(contrast: str, a: np.ndarray, b: np.ndarray, settings: StatisticsConfig) -> dict:
    """The similarities and, for each condition, their means with intervals."""
    within, between = similarities(a, b)
    found = conditions(within, between, settings)
    layer = "layer" if contrast == "images" else "layer_before_head"
    instances = (f"{contrast}_instance", f"{contrast}_other_instance")
    variables: dict[str, Any] = {
        f"{contrast}_within": ((layer, *instances), within),
        f"{contrast}_between": ((layer, *instances), between),
    }
    for part in ("mean", "low", "high"):
        rows = [getattr(found[condition], part) for condition in CONDITIONS]
        variables[f"{contrast}_{part}"] = (("condition", layer), np.stack(rows))
    return variables


def similarities(
    a: Float[np.ndarray, "layer instance stimulus_pair"],
    b: Float[np.ndarray, "layer instance stimulus_pair"],
) -> tuple[
    Float[np.ndarray, "layer instance instance"], Float[np.ndarray, "layer instance instance"]
]:
    """r² of RDMs of networks trained on one set of data, and on one set each.

    Args:
        a: RDMs of the networks of one training set.
        b: of the other; instance i has the same seed in both.

    Returns:
        Within a training set, the mean of the two sets; between them, rows of `a`, columns of `b`.
    """
    within = (consistency_between(a, a) + consistency_between(b, b)) / 2
    return within, consistency_between(a, b)


def conditions(
    within: Float[np.ndarray, "*layer instance instance"],
    between: Float[np.ndarray, "*layer instance instance"],
    settings: StatisticsConfig,
) -> Mapping[str, Bootstrap]:
    """What differs between two networks: the seed, the data, or both; and differences of these.

    Seeds are resampled, and with a seed its networks of both training sets.

    Returns:
        For each of `CONDITIONS` the mean similarity; `seed_minus_data` is `other_seed` −
        `other_data`, and `seed_minus_both` is `other_seed` − `other_seed_and_data`.
    """
    same_seed = np.diagonal(between, axis1=-2, axis2=-1)
    seed_against_data = bootstrap_matched(same_seed, within, settings)
    both = bootstrap_matched(same_seed, between, settings)
    apart = bootstrap_matched(same_seed, within - between, settings)
    negative = bootstrap_matched(-same_seed, -within, settings)
    return {
        "other_seed": seed_against_data.different,
        "other_data": seed_against_data.same,
        "other_seed_and_data": both.different,
        "seed_minus_data": negative.difference,
        "seed_minus_both": apart.different,
    }


def findings(result: xr.Dataset) -> list[Finding]:
    """The drop in every condition, and how much more other images cost than another seed."""
    settings = settings_of(result)
    found = []
    for (contrast, condition), words in _WORDS.items():
        within, between = (result[f"{contrast}_{part}"].values for part in ("within", "between"))
        names = result.layer.values[: len(within)]
        drop = conditions(within[0] - within[-1], between[0] - between[-1], settings)[condition]
        quantity = f"{words}: {names[0]} minus {names[-1]} consistency"
        found.append(as_finding("s3", quantity, drop, effect=True))
    last = conditions(result.images_within.values[-1], result.images_between.values[-1], settings)
    name = str(result.layer.values[-1])
    note = "near zero if images matter as little as seeds; split and numbers are ours"
    return [
        *found,
        as_finding(
            "s3",
            f"{name} consistency: other seed (same images) minus other images (same seed)",
            last["seed_minus_data"],
            note=note,
        ),
        as_finding(
            "s3",
            f"{name} consistency: other seed (same images) minus other seed and images",
            last["seed_minus_both"],
            note=note,
        ),
    ]


def caption(result: xr.Dataset) -> str:
    """What S3 shows."""
    return (
        "Shared variance (r²) between the RDMs of two networks of All-CNN-C for the same stimuli "
        "of all categories; correlation distance. (a) Networks trained on the same half of the "
        "training images with two seeds, mean of both halves; on two halves (no image in common, "
        "the same categories) with the same seed; and on two halves with two seeds. (b) The same "
        "for two sets of categories that have none in common; the last layer is left out, since "
        "its maps are categories. Within a panel all networks see equally many images. How the "
        "paper split images and categories, how many networks it trained and whether their seeds "
        "were matched is not known: this is ours. Bars: "
        f"{percent(result)} % bootstrap intervals over seeds, drawn together in both training sets "
        f"({result.sizes['images_instance']} seeds for images, "
        f"{result.sizes['categories_instance']} for categories)."
    )


EXPERIMENT = Experiment(
    "images",
    tuple(name for names in CONTRASTS.values() for name in names),
    measure,
    findings,
    {"s3": Picture("Other seeds, other images, other categories", draw_training_sets, caption)},
)
