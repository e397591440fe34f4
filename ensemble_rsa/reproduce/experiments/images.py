"""Fig. S3 of Mehrer et al. 2020 (doi:10.1038/s41467-020-19632-w): other images, other categories.

Does training on other images, or on other categories, change RDMs more than another seed does? The
paper does not give the details. Ours: instances with the same seeds for each of two disjoint halves
of the training images (half of each category's), and for each of two disjoint sets of categories;
all are shown the same stimuli, of all categories. Networks of the same data and other seeds have
as many training images. The last layer differs between sets of categories and is left out there.
"""

from collections.abc import Mapping

import numpy as np
import xarray as xr
from jaxtyping import Float

from ensemble_rsa.analysis.consistency import consistency_between
from ensemble_rsa.config.analysis import StatisticsConfig
from ensemble_rsa.figures.paper.profiles import draw_training_sets
from ensemble_rsa.reproduce.experiment import Experiment, Finding, Picture, mean_finding
from ensemble_rsa.reproduce.measures import Terms, attributes, interval_of, same_instances
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

Similarities = Float[np.ndarray, "*layer instance instance"]


def measure(work: Workspace) -> xr.Dataset:
    """Consistency within each training set and between the two, for images and categories."""
    statistics = work.scale.analysis.statistics
    result = xr.Dataset(coords={"condition": list(CONDITIONS)})
    for contrast, names in CONTRASTS.items():
        stacks = same_instances([rdms(work, name) for name in names])
        if contrast == "images":
            result = result.assign_attrs(attributes(stacks[0], statistics))
            result = result.assign_coords(layer=stacks[0].layer.values)
        layers = slice(None if contrast == "images" else -1)  # the last one differs
        a, b = (stack.exemplar.values[layers] for stack in stacks)
        within = (consistency_between(a, a) + consistency_between(b, b)) / 2
        found = summarise(contrast, within, consistency_between(a, b), statistics)
        result = result.assign(found).assign_attrs({f"{contrast}_seeds": stacks[0].seed.values})
    return result


def summarise(
    contrast: str, within: Similarities, between: Similarities, statistics: StatisticsConfig
) -> dict[str, tuple]:
    """The similarities of a contrast, and the mean of each condition with its interval.

    Similarities (r² of RDMs) are `within` a training set, mean of the two, and `between` the
    first (rows) and the second (columns), where instance i has the same seed in both.
    """
    layer = "layer" if contrast == "images" else "layer_before_head"
    instances = (f"{contrast}_instance", f"{contrast}_other_instance")
    by_name = conditions(within, between)
    found = [interval_of(by_name[name], statistics)._asdict() for name in CONDITIONS]
    summaries = {part: [each[part] for each in found] for part in ("mean", "low", "high")}
    return {
        f"{contrast}_within": ((layer, *instances), within),
        f"{contrast}_between": ((layer, *instances), between),
        **{f"{contrast}_{k}": (("condition", layer), np.stack(v)) for k, v in summaries.items()},
    }


def conditions(within: Similarities, between: Similarities) -> Mapping[str, Terms]:
    """What differs between two networks (the seed, the data, or both), and differences of these."""
    same_seed = np.diagonal(between, axis1=-2, axis2=-1)
    return {
        "other_seed": Terms.of_different(within),
        "other_data": Terms.of_same(same_seed),
        "other_seed_and_data": Terms.of_different(between),
        "seed_minus_data": Terms(-same_seed, within),
        "seed_minus_both": Terms.of_different(within - between),
    }


def findings(result: xr.Dataset) -> list[Finding]:
    """The drop in every condition, and how much more other images matter than another seed."""
    found = []
    for (contrast, condition), words in _WORDS.items():
        within, between = (result[f"{contrast}_{part}"].values for part in ("within", "between"))
        names = result.layer.values[: len(within)]
        quantity = f"{words}: {names[0]} minus {names[-1]} consistency"
        drop = conditions(within[0] - within[-1], between[0] - between[-1])[condition]
        found.append(mean_finding(result, "s3", quantity, drop, effect=True))
    last = conditions(result.images_within.values[-1], result.images_between.values[-1])
    start = f"{result.layer.values[-1]} consistency: other seed (same images) minus other"
    note = "near zero if images matter as little as seeds; split and numbers are ours"
    others = {"seed_minus_data": "images (same seed)", "seed_minus_both": "seed and images"}
    for condition, words in others.items():
        found.append(mean_finding(result, "s3", f"{start} {words}", last[condition], note=note))
    return found


def sample_sizes(result: xr.Dataset) -> dict[str, int]:
    """How many seeds were compared in each contrast."""
    return {f"n_seeds_{contrast}": result.sizes[f"{contrast}_instance"] for contrast in CONTRASTS}


EXPERIMENT = Experiment(
    "images",
    tuple(name for names in CONTRASTS.values() for name in names),
    measure,
    findings,
    {"s3": Picture(draw_training_sets, sample_sizes)},
    revision=2,
)
