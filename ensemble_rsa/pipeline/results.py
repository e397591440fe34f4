"""Results of an analysis as one xarray data set.

Figures are those of Mehrer et al. 2020, doi:10.1038/s41467-020-19632-w.

Variables (dimension names as everywhere):
    consistency (kind, layer, instance_pair): squared Pearson r; kind is exemplar, centroid or
        within_category
    consistency_mean (kind, layer); consistency_low, consistency_high (bootstrap, kind, layer):
        bounds over pairs, resampled as in the paper, and over instances, by the jackknife
    instance_ceiling_lower, instance_ceiling_upper (layer): how well the mean RDM of the other
        instances, and of all, predicts one: squared Pearson r of exemplars' RDMs
    category_clustering_index (layer, instance), and _mean, _low, _high (layer): bounds over
        instances, by the jackknife
    second_level_distance (layer, instance, layer_b, instance_b): 1 − r between RDMs
    second_level_embedding (layer, instance, component), second_level_stress (), metric stress, and
        second_level_stress_1 (), Kruskal's: unless all RDMs are the same
    embedding (shown, layer, stimulus, component), embedding_stress, embedding_stress_1,
        embedding_pointwise_stress: of two instances
    seed_variance, seed_variance_share, seed_variance_clipped (seed_component, layer): where a sweep
        has crossed weight seeds with those of the data order or of dropout
    constant_patterns (layer, instance): number of stimuli whose pattern is constant
    train_accuracy, test_accuracy (instance): for runs only
    excluded_seed, excluded_reason (excluded_instance), and likewise replaced and flagged: instances
        that were set aside, where there are any (see `ensemble_rsa.runs.set_aside`)
Of RDMs on disk, stimuli are embedded by landmarks, whose number is the attribute `n_landmarks`; the
stress is that of the landmarks' pairs, and the pointwise stress that of distances to landmarks.
The attribute `interval_over_instances` is `jackknife`; earlier results have none, and bounds from
resampled instances instead. Consistency needs two instances, and second-level distances two
RDMs. Bounds are NaN for fewer than three instances: two have a single pair, and leave one instance
when one is deleted. Centroid
consistency needs three categories, within-category consistency and the clustering index pairs of
stimuli within a category and between two: what cannot be computed is absent.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr

from ensemble_rsa.analysis.alignment import align, align_successive
from ensemble_rsa.analysis.bootstrap.consistency import bootstrap_pairs
from ensemble_rsa.analysis.bootstrap.intervals import Bootstrap
from ensemble_rsa.analysis.bootstrap.jackknife import (
    FEWEST,
    Jackknife,
    Scale,
    jackknife_pairs,
    jackknife_statistic,
)
from ensemble_rsa.analysis.bootstrap.resampling import OverPairValues
from ensemble_rsa.analysis.categories import category_clustering_index
from ensemble_rsa.analysis.consistency import (
    consistency,
    second_level_distances,
    within_category_consistency,
)
from ensemble_rsa.analysis.inference.ceiling import noise_ceiling
from ensemble_rsa.analysis.landmarks import N_LANDMARKS, landmark_mds
from ensemble_rsa.analysis.mds import Mds, mds
from ensemble_rsa.analysis.stacked import pass_over
from ensemble_rsa.arrays import check_labels, is_zero, stimuli_of_pairs
from ensemble_rsa.arrays.stacks import RdmStack
from ensemble_rsa.config.analysis import StatisticsConfig
from ensemble_rsa.numerics import pair_indices
from ensemble_rsa.pipeline.crossed_seeds import crossed_seeds
from ensemble_rsa.store.reader import RdmStore

SHOWN = 2  # instances whose geometry is drawn, as in Fig. 2
BOOTSTRAPS: tuple[OverPairValues, ...] = ("pairs", "instances")
Exemplar = np.ndarray | RdmStack  # RDMs (layer, instance, stimulus_pair)
OVER_INSTANCES = {"interval_over_instances": "jackknife"}  # an attribute of results


def results_dataset(rdms: xr.Dataset | RdmStore, settings: StatisticsConfig) -> xr.Dataset:
    """Analyse what `extract` returned; the head of this module describes the result."""
    if isinstance(rdms, RdmStore):
        return _of_store(rdms, settings)
    n_stimuli = stimuli_of_pairs("rdms", rdms.sizes["stimulus_pair"])
    if "category" not in rdms.coords:
        rdms = rdms.assign_coords(category=("stimulus", [""] * n_stimuli))
    rdms = rdms.transpose("layer", "instance", ...)
    parts = _parts(rdms, rdms.exemplar.values, settings)
    return _merged([*parts, embed_stimuli(rdms, settings)], rdms, settings)


def _of_store(store: RdmStore, settings: StatisticsConfig) -> xr.Dataset:
    """The same of RDMs on disk, in one pass for all but the embedding of the stimuli."""
    rdms, stack = store.dataset, store.exemplar
    pass_over(stack, check_labels("category", rdms.category.values)[0])
    store.keep()
    parts = [*_parts(rdms, stack, settings), _embed_by_landmarks(store, settings)]
    return _merged(parts, rdms, settings).assign_attrs(
        n_landmarks=min(N_LANDMARKS, rdms.sizes["stimulus"])
    )


def _parts(rdms: xr.Dataset, exemplar: Exemplar, settings: StatisticsConfig) -> list[xr.Dataset]:
    """What is computed of RDMs in memory and on disk alike."""
    n_pairs_within = _n_pairs_within(rdms)
    parts = [rdms.drop_vars(["exemplar", "centroid"], errors="ignore")]
    if rdms.sizes["instance"] > 1:
        parts.append(_consistency(rdms, exemplar, n_pairs_within, settings))
        parts.append(_ceiling(rdms, exemplar))
    if n_pairs_within:
        parts.append(_clustering(rdms, exemplar, settings))
    if (of_seeds := crossed_seeds(rdms, exemplar)) is not None:
        parts.append(of_seeds)
    if rdms.sizes["layer"] * rdms.sizes["instance"] > 1:
        parts.append(_second_level(rdms, exemplar, settings))
    return parts


def _n_pairs_within(rdms: xr.Dataset) -> int:
    """How many pairs of stimuli share a category; 0 where there is only one."""
    names, counts = np.unique(rdms.category.values, return_counts=True)
    return int((counts * (counts - 1) // 2).sum()) if len(names) > 1 else 0


def _merged(
    parts: Sequence[xr.Dataset], rdms: xr.Dataset, settings: StatisticsConfig
) -> xr.Dataset:
    n_stimuli = rdms.sizes["stimulus"]
    names = np.unique(rdms.category.values)
    return xr.merge(parts, combine_attrs="drop").assign_attrs(
        rdms.attrs,
        confidence=settings.confidence,
        n_resamples=settings.n_resamples,
        n_stimuli=n_stimuli,
        n_categories=len(names),
        within_category=settings.within_category,
        **OVER_INSTANCES,
    )


def _consistency(
    rdms: xr.Dataset, exemplar: Exemplar, n_pairs_within: int, settings: StatisticsConfig
) -> xr.Dataset:
    """Return each kind of consistency that can be computed, with its intervals."""
    stacks = {"exemplar": consistency(exemplar)}
    if rdms.sizes.get("category_pair", 0) >= 3:
        stacks["centroid"] = consistency(rdms.centroid.values)
    if n_pairs_within >= 3:
        stacks["within_category"] = within_category_consistency(
            exemplar, rdms.category.values, settings.within_category
        )
    pairs = list(itertools.combinations(rdms.instance.values.tolist(), 2))
    values = xr.DataArray(
        np.stack(list(stacks.values())),
        dims=("kind", "layer", "instance_pair"),
        coords={
            "kind": list(stacks),
            "pair_first": ("instance_pair", [first for first, _ in pairs]),
            "pair_second": ("instance_pair", [second for _, second in pairs]),
        },
    )
    return with_intervals(values, settings)


def with_intervals(values: xr.DataArray, settings: StatisticsConfig) -> xr.Dataset:
    """Return values of instance pairs, the last axis, with their mean and both intervals.

    The variables are `consistency (..., instance_pair)`, `consistency_mean (...)` and
    `consistency_low, consistency_high (bootstrap, ...)`.
    """
    found = [interval_of_pairs(values.values, over, settings) for over in BOOTSTRAPS]
    dims = ("bootstrap", *values.dims[:-1])
    return xr.Dataset(
        {
            "consistency": values,
            "consistency_mean": values.mean("instance_pair"),
            "consistency_low": (dims, np.stack([each.low for each in found])),
            "consistency_high": (dims, np.stack([each.high for each in found])),
        },
        coords={"bootstrap": list(BOOTSTRAPS)},
    )


def instance_ceiling(rdms: xr.Dataset) -> xr.Dataset:
    """Return how well other instances predict one, `instance_ceiling_lower` and `_upper`."""
    return _ceiling(rdms, rdms.exemplar.values)


def _ceiling(rdms: xr.Dataset, exemplar: Exemplar) -> xr.Dataset:
    ceiling = noise_ceiling(exemplar)
    return xr.Dataset(
        {f"instance_ceiling_{end}": ("layer", getattr(ceiling, end)) for end in ("lower", "upper")},
        coords={"layer": rdms.layer.values},
    )


def clustering_by_layer(rdms: xr.Dataset, settings: StatisticsConfig) -> xr.Dataset:
    """Return `category_clustering_index (layer, instance)`, and its mean and interval."""
    return _clustering(rdms, rdms.exemplar.values, settings)


def _clustering(rdms: xr.Dataset, exemplar: Exemplar, settings: StatisticsConfig) -> xr.Dataset:
    name = "category_clustering_index"
    index = np.asarray(category_clustering_index(exemplar, rdms.category.values))
    found = interval_of_mean(index, settings)
    values = {name: (("layer", "instance"), index), **summary(name, ("layer",), found)}
    return xr.Dataset(values, coords={"layer": rdms.layer.values})


class MeanInterval(NamedTuple):
    """A mean and the bounds of its interval, NaN where there is none; all `(...)`."""

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


def interval_of_pairs(
    values: np.ndarray, over: OverPairValues, settings: StatisticsConfig
) -> MeanInterval:
    """The mean of r² `(..., instance_pair)`, and its interval; none over pairs for a single one.

    Over instances it is the jackknife of three or more, over pairs a percentile bootstrap.
    """
    if values.shape[-1] == 1:
        return _without_interval(values)
    if over == "instances":
        return _bounds(jackknife_pairs(values, settings.confidence, "shared_variance"))
    resampling = settings.n_resamples, settings.confidence, settings.seed
    return _bounds(bootstrap_pairs(values, over, *resampling))


def interval_of_mean(values: np.ndarray, settings: StatisticsConfig) -> MeanInterval:
    """The mean of `(..., instance)`, and its jackknife interval, Student's t, of three or more."""
    if (n_instances := values.shape[-1]) < FEWEST:
        return _without_interval(values)
    return interval_of_statistic(lambda kept: values[..., kept].mean(-1), n_instances, settings)


def interval_of_statistic(
    statistic: Callable[[np.ndarray], np.ndarray],
    n_instances: int,
    settings: StatisticsConfig,
    scale: Scale = "raw",
) -> MeanInterval:
    """A statistic of instances, see `jackknife_statistic`, and its interval if there are three."""
    if n_instances < FEWEST:
        return _without_interval(np.asarray(statistic(np.arange(n_instances)))[..., None])
    return _bounds(jackknife_statistic(statistic, n_instances, settings.confidence, scale))


def _bounds(found: Bootstrap | Jackknife) -> MeanInterval:
    return MeanInterval(found.mean, found.low, found.high)


def _without_interval(values: np.ndarray) -> MeanInterval:
    mean = np.asarray(values.mean(-1))
    nothing = np.full(mean.shape, np.nan)
    return MeanInterval(mean, nothing, nothing)


def summary(name: str, dims: tuple[str, ...], found: MeanInterval) -> dict[str, tuple]:
    """Return the variables `NAME_mean`, `NAME_low` and `NAME_high` of a data set."""
    return {f"{name}_{end}": (dims, getattr(found, end)) for end in ("mean", "low", "high")}


def _second_level(rdms: xr.Dataset, exemplar: Exemplar, settings: StatisticsConfig) -> xr.Dataset:
    """Return distances between all RDMs, and their MDS embedding (Fig. 3)."""
    shape = rdms.sizes["layer"], rdms.sizes["instance"]
    flat = exemplar.reshape(math.prod(shape), exemplar.shape[-1])
    square = np.asarray(second_level_distances(flat))
    dims = ("layer", "instance")
    found = xr.Dataset(
        {"second_level_distance": ((*dims, "layer_b", "instance_b"), square.reshape(shape * 2))},
        coords={"layer_b": rdms.layer.values, "instance_b": rdms.instance.values},
    )
    condensed = square[pair_indices(len(square))]
    if is_zero(condensed):
        return found
    plane = mds(condensed, seed=settings.seed)
    embedding = np.asarray(plane.embedding).reshape(*shape, -1)
    return found.assign(
        second_level_embedding=((*dims, "component"), embedding),
        second_level_stress=((), float(plane.stress)),
        second_level_stress_1=((), float(plane.stress_1)),
    )


def embed_stimuli(rdms: xr.Dataset, settings: StatisticsConfig) -> xr.Dataset:
    """Return MDS embeddings of the stimuli for the first instances, layer by layer (Figs 2, S1).

    Each layer's embedding is rotated to match the one before it, and those of the first layer to
    match each other. Rotation does not change the stress.
    """
    return _aligned(mds(rdms.exemplar.values[:, :SHOWN], seed=settings.seed), rdms)


def _embed_by_landmarks(store: RdmStore, settings: StatisticsConfig) -> xr.Dataset:
    return _aligned(landmark_mds(store.exemplar[:, :SHOWN], seed=settings.seed), store.dataset)


def _aligned(plane: Mds, rdms: xr.Dataset) -> xr.Dataset:
    first = align(plane.embedding[0], plane.embedding[0, 0])
    embedding = align_successive(np.concatenate([first[None], plane.embedding[1:]]))
    found = xr.Dataset(
        {
            "embedding": (("layer", "shown", "stimulus", "component"), embedding),
            "embedding_stress": (("layer", "shown"), plane.stress),
            "embedding_stress_1": (("layer", "shown"), plane.stress_1),
            "embedding_pointwise_stress": (("layer", "shown", "stimulus"), plane.pointwise_stress),
        },
        coords={"shown": rdms.instance.values[:SHOWN]},
    )
    return found.transpose("shown", "layer", ...)
