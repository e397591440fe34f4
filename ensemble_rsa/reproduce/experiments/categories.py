"""Fig. 7 of Mehrer et al. 2020 (doi:10.1038/s41467-020-19632-w): categories and their members.

Consistency of all distances (exemplar), of distances between category centroids, and of distances
within categories. The control assigns stimuli at random to categories of the same sizes.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
import xarray as xr

from ensemble_rsa.analysis.bootstrap.jackknife import FEWEST, jackknife_statistic
from ensemble_rsa.analysis.categories import AGGREGATES
from ensemble_rsa.analysis.consistency import consistency, within_category_consistency
from ensemble_rsa.analysis.random_categories import random_category_consistency
from ensemble_rsa.figures.paper.categories import draw_categories
from ensemble_rsa.numerics import pair_indices
from ensemble_rsa.pipeline.results import with_intervals
from ensemble_rsa.reproduce.experiment import (
    JACKKNIFE,
    Experiment,
    Finding,
    Picture,
    mean_finding,
)
from ensemble_rsa.reproduce.measures import attributes, same_instances, statistics_of
from ensemble_rsa.reproduce.workspace import Workspace, layer_patterns, rdms

PERCENTILES = (2.5, 97.5)
_WITHIN = dict(zip(("within_category", "within_category_each"), AGGREGATES, strict=True))


def measure(work: Workspace) -> xr.Dataset:
    """Every kind of consistency by layer, by Euclidean distance in the last, and the control."""
    statistics = work.scale.analysis.statistics
    stack = rdms(work, "all_cnn_c")
    last = str(stack.layer.values[-1])
    euclidean = rdms(work, "all_cnn_c", [last], distance="euclidean")
    patterns = layer_patterns(work, "all_cnn_c", last)
    stack, euclidean, patterns = same_instances([stack, euclidean, patterns])
    labels = stack.category.values
    random = random_category_consistency(
        patterns.values, patterns.category.values, work.scale.draws, statistics.seed
    )
    by_euclidean = kinds_of_consistency(euclidean, labels).isel(layer=0, drop=True)
    return (
        with_intervals(kinds_of_consistency(stack, labels), statistics)
        .assign(
            euclidean_consistency=by_euclidean,
            random_consistency=(("draw", "instance_pair"), random),
        )
        .assign_attrs(attributes(stack, statistics))
    )


def kinds_of_consistency(stack: xr.Dataset, labels: np.ndarray) -> xr.DataArray:
    """Exemplar, centroid and within-category consistency (pooled and per category) of every layer.

    `labels` are the categories of the stimuli; the result is `(kind, layer, instance_pair)`.
    """
    kinds = {kind: consistency(stack[kind].values) for kind in ("exemplar", "centroid")}
    for kind, aggregate in _WITHIN.items():
        kinds[kind] = within_category_consistency(stack.exemplar.values, labels, aggregate)
    return xr.DataArray(
        np.stack(list(kinds.values())),
        dims=("kind", "layer", "instance_pair"),
        coords={"kind": list(kinds), "layer": stack.layer.values},
    )


def findings(result: xr.Dataset) -> list[Finding]:
    """Last-layer values, percentiles of the control, and changes of consistency with depth."""
    kinds = [result.consistency.sel(kind=kind) for kind in ("exemplar", "centroid", *_WITHIN)]
    exemplar, centroid, *_ = (kind.isel(layer=-1) for kind in kinds)
    exemplar_fall, centroid_fall, pooled_fall, per_category_fall = (
        kind.isel(layer=0) - kind.isel(layer=-1) for kind in kinds
    )
    euclidean, random = result.euclidean_consistency, result.random_consistency
    by_euclidean = euclidean.sel(kind="centroid")
    draw_means = random.mean("instance_pair")
    reaching = f"{int((draw_means >= centroid.mean()).sum())} of {draw_means.size:,}"
    number = partial(mean_finding, result, "fig7", scale="shared_variance")
    measure = partial(mean_finding, result, "fig7")
    effect = partial(measure, effect=True)
    return [
        number("last-layer centroid consistency, correlation", centroid),
        number("last-layer centroid consistency, Euclidean", by_euclidean),
        *_percentiles(result, "", lambda values: values),
        *_percentiles(result, " of draw means", lambda values: values.mean(-1), "over draws"),
        effect("last layer, correlation: centroid minus exemplar consistency", centroid - exemplar),
        effect(
            "last layer, Euclidean: centroid minus exemplar consistency",
            by_euclidean - euclidean.sel(kind="exemplar"),
        ),
        effect(
            "last layer: consistency of category centroids minus mean of random centroids",
            centroid - random.mean("draw"),
            note=f"{reaching} draws reach the consistency of the categories",
        ),
        effect("within-category consistency (pooled): first minus last layer", pooled_fall),
        measure(
            "within-category consistency (mean over categories): first minus last layer",
            per_category_fall,
            note="another reading of the same claim",
        ),
        measure(
            "fall from first to last layer: exemplar minus within-category consistency",
            exemplar_fall - pooled_fall,
            note="the paper calls the two largely comparable; within categories pooled",
        ),
        effect(
            "fall from first to last layer: within-category minus centroid consistency",
            pooled_fall - centroid_fall,
            note="within categories pooled",
        ),
    ]


def _percentiles(
    result: xr.Dataset, of: str, reduce: Callable[[np.ndarray], np.ndarray], note: str = ""
) -> list[Finding]:
    """Percentiles of the reduced control `(draw, instance_pair)`; jackknife over instances."""
    values = result.random_consistency.transpose("draw", "instance_pair").values
    n = len(np.atleast_1d(result.attrs["seeds"]))
    first, second = pair_indices(n)

    def percentiles(kept: np.ndarray) -> np.ndarray:
        of_kept = np.isin(first, kept) & np.isin(second, kept)
        return np.percentile(reduce(values[:, of_kept]), PERCENTILES)

    names = [f"random-category consistency, {share}th percentile{of}" for share in PERCENTILES]
    if n < FEWEST:
        few = "; ".join(part for part in (note, "fewer than three instances: no interval") if part)
        found = percentiles(np.arange(n)).tolist()
        return [
            Finding("fig7", name, ours, note=few) for name, ours in zip(names, found, strict=True)
        ]
    confidence = statistics_of(result).confidence
    found = jackknife_statistic(percentiles, n, confidence, "shared_variance")
    ours = (found.mean, found.low, found.high, found.standard_error)
    return [
        Finding("fig7", name, mean, low, high, False, note, error, interval=JACKKNIFE)
        for name, mean, low, high, error in zip(
            names, *(each.tolist() for each in ours), strict=True
        )
    ]


EXPERIMENT = Experiment(
    "categories",
    ("all_cnn_c",),
    measure,
    findings,
    {"fig7": Picture(draw_categories, lambda result: {"n_draws": result.sizes["draw"]})},
    revision=2,
)
