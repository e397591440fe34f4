"""Fig. 7: whether categories or their members lie differently in different instances.

Consistency is taken of all distances (exemplar), of distances between category centroids, and of
distances within categories. The control puts stimuli into random categories of the same sizes.
"""

import numpy as np
import xarray as xr

from ensemble_rsa.analysis.categories import AGGREGATES
from ensemble_rsa.analysis.consistency import consistency, within_category_consistency
from ensemble_rsa.analysis.random_categories import random_category_consistency
from ensemble_rsa.figures.paper.categories import draw_categories
from ensemble_rsa.figures.wording import percent
from ensemble_rsa.reproduce.experiment import Experiment, Finding, Picture, over_instances
from ensemble_rsa.reproduce.measures import (
    attributes,
    same_instances,
    settings_of,
    with_intervals,
)
from ensemble_rsa.reproduce.workspace import Workspace, layer_patterns, rdms

PERCENTILES = (2.5, 97.5)
_PER_CATEGORY = "within_category_each"
_WITHIN = dict(zip(("within_category", _PER_CATEGORY), AGGREGATES, strict=True))
_WAYS = {"within_category": "pooled", _PER_CATEGORY: "mean over categories"}


def measure(work: Workspace) -> xr.Dataset:
    """Every kind of consistency by layer, by Euclidean distance in the last, and the control."""
    settings = work.scale.analysis.statistics
    stack = rdms(work, "all_cnn_c")
    last = str(stack.layer.values[-1])
    euclidean = rdms(work, "all_cnn_c", distance="euclidean", layers=[last])
    patterns = layer_patterns(work, "all_cnn_c", last)
    stack, euclidean, patterns = same_instances([stack, euclidean, patterns])
    labels = stack.category.values
    found = with_intervals(kinds_of_consistency(stack, labels), settings)
    by_euclidean = kinds_of_consistency(euclidean, labels).isel(layer=0, drop=True)
    random = random_category_consistency(
        patterns.values, patterns.category.values, work.scale.draws, settings.seed
    )
    return found.assign(
        euclidean_consistency=by_euclidean,
        random_consistency=(("draw", "instance_pair"), random),
    ).assign_attrs(attributes(stack, settings), n_draws=work.scale.draws)


def kinds_of_consistency(stack: xr.Dataset, labels: np.ndarray) -> xr.DataArray:
    """Exemplar, centroid and within-category consistency (both ways) of every layer.

    Args:
        stack: `exemplar (layer, instance, stimulus_pair)` and `centroid (layer, instance,
            category_pair)`.
        labels: the category of each stimulus.

    Returns:
        `(kind, layer, instance_pair)`.
    """
    kinds = {
        "exemplar": consistency(stack.exemplar.values),
        "centroid": consistency(stack.centroid.values),
    } | {
        kind: within_category_consistency(stack.exemplar.values, labels, aggregate)
        for kind, aggregate in _WITHIN.items()
    }
    return xr.DataArray(
        np.stack(list(kinds.values())),
        dims=("kind", "layer", "instance_pair"),
        coords={"kind": list(kinds), "layer": stack.layer.values},
    )


def findings(result: xr.Dataset) -> list[Finding]:
    """The last layer's numbers, the control's percentiles, and what falls and what does not."""
    settings = settings_of(result)
    pairs = result.consistency
    last, first = pairs.isel(layer=-1), pairs.isel(layer=0)
    euclidean, random = result.euclidean_consistency, result.random_consistency
    fall = first - last

    def number(quantity: str, values: xr.DataArray, note: str = "") -> Finding:
        return over_instances("fig7", quantity, values.values, settings, note=note)

    def effect(quantity: str, values: xr.DataArray, note: str = "") -> Finding:
        return over_instances("fig7", quantity, values.values, settings, effect=True, note=note)

    return [
        number("last-layer centroid consistency, correlation", last.sel(kind="centroid")),
        number("last-layer centroid consistency, Euclidean", euclidean.sel(kind="centroid")),
        *_percentiles(random, "", "over draws and pairs"),
        *_percentiles(random.mean("instance_pair"), " of draw means", "over draws"),
        effect(
            "last layer, correlation: centroid minus exemplar consistency",
            last.sel(kind="centroid") - last.sel(kind="exemplar"),
        ),
        effect(
            "last layer, Euclidean: centroid minus exemplar consistency",
            euclidean.sel(kind="centroid") - euclidean.sel(kind="exemplar"),
        ),
        effect(
            "last layer: consistency of category centroids minus mean of random centroids",
            last.sel(kind="centroid") - random.mean("draw"),
            _rank(result),
        ),
        *(
            effect(
                f"within-category consistency ({_WAYS[kind]}): first minus last layer",
                fall.sel(kind=kind),
            )
            for kind in _WITHIN
        ),
        number(
            "fall from first to last layer: exemplar minus within-category consistency",
            fall.sel(kind="exemplar") - fall.sel(kind="within_category"),
            "the paper calls the two largely comparable; within categories pooled",
        ),
        effect(
            "fall from first to last layer: within-category minus centroid consistency",
            fall.sel(kind="within_category") - fall.sel(kind="centroid"),
            "within categories pooled",
        ),
    ]


def _percentiles(values: xr.DataArray, of: str, note: str) -> list[Finding]:
    return [
        Finding(
            "fig7",
            f"random-category consistency, {share}th percentile{of}",
            float(np.percentile(values.values, share)),
            note=note if of else "",
        )
        for share in PERCENTILES
    ]


def _rank(result: xr.Dataset) -> str:
    """How many draws are as consistent as the categories themselves."""
    observed = float(result.consistency_mean.sel(kind="centroid").isel(layer=-1))
    means = result.random_consistency.mean("instance_pair").values
    return f"{int((means >= observed).sum())} of {means.size:,} draws reach that of the categories"


def caption(result: xr.Dataset) -> str:
    """What Fig. 7 shows."""
    last = str(result.layer.values[-1])
    return (
        "(a) Shared variance (r²) of correlation-distance RDMs by layer: exemplar-based, from all "
        "pairs of stimuli; centroid-based, from distances between the mean patterns of categories; "
        "within-category, from pairs of stimuli of one category, pooled in one correlation or as "
        f"the mean of each category's. Means over {result.sizes['instance_pair']} pairs of "
        f"instances. Broad pale bars: {percent(result)} % bootstrap intervals over pairs; thin "
        "capped bars: over instances. (b) Control in the last layer "
        f"({last}): centroid-based consistency when stimuli are put into random categories of the "
        f"same sizes, {result.attrs['n_draws']:,} draws shared by all instances. Grey: one value "
        "for each draw and pair of instances; outline: the mean over pairs of each draw; light and "
        "dark band: from the 2.5th to the 97.5th percentile of the one and the other. Lines: means "
        "of exemplar- and centroid-based consistency with the true categories."
    )


EXPERIMENT = Experiment(
    "categories",
    ("all_cnn_c",),
    measure,
    findings,
    {
        "fig7": Picture(
            "Category centroids, members of categories, and random categories",
            draw_categories,
            caption,
        )
    },
)
