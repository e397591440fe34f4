"""The results of an analysis as one xarray data set.

Variables (dimension names as everywhere):
    consistency (kind, layer, instance_pair): squared Pearson r; kind is exemplar, centroid or
        within_category
    consistency_mean (kind, layer); consistency_low, consistency_high (bootstrap, kind, layer):
        bounds from resampled pairs, as in the paper, and from resampled instances
    category_clustering_index (layer, instance), and _mean, _low, _high (layer): instances resampled
    second_level_distance (layer, instance, layer_b, instance_b): 1 − r between RDMs
    second_level_embedding (layer, instance, component), second_level_stress ()
    embedding (shown, layer, stimulus, component), embedding_stress, embedding_pointwise_stress: of
        two instances
    constant_patterns (layer, instance): how many stimuli had no pattern to compare
    train_accuracy, test_accuracy (instance): of our own networks only
Centroid consistency needs three categories, within-category consistency and the clustering index
pairs of stimuli within a category and between two: what cannot be computed is absent.
"""

import itertools

import numpy as np
import xarray as xr
from jaxtyping import Float

from ensemble_rsa.analysis.alignment import align, align_successive
from ensemble_rsa.analysis.bootstrap.consistency import bootstrap_mean, bootstrap_pairs
from ensemble_rsa.analysis.clustering import category_clustering_index
from ensemble_rsa.analysis.consistency import consistency, within_category_consistency
from ensemble_rsa.analysis.mds import mds
from ensemble_rsa.analysis.second_level import second_level_distances
from ensemble_rsa.config.settings import StatisticsConfig
from ensemble_rsa.numerics import pair_indices

SHOWN = 2  # instances whose geometry is drawn, as in the paper's Fig. 2
BOOTSTRAPS = ("pairs", "instances")


def results_dataset(rdms: xr.Dataset, settings: StatisticsConfig) -> xr.Dataset:
    """Analyse a stack of RDMs; the module's text says what comes out.

    Args:
        rdms: what `extract` returned.
        settings: resamples, confidence and seed.
    """
    labels = rdms.category.values
    n_categories = len(np.unique(labels))
    parts = [
        rdms.drop_vars(["exemplar", "centroid"], errors="ignore"),
        _consistency(rdms, labels, settings),
    ]
    if n_categories > 1 and _pairs_within(labels):
        parts.append(_clustering(rdms, labels, settings))
    parts += [_second_level(rdms, settings), embed_stimuli(rdms, settings)]
    return xr.merge(parts, combine_attrs="drop").assign_attrs(
        rdms.attrs,
        confidence=settings.confidence,
        n_resamples=settings.n_resamples,
        n_stimuli=rdms.sizes["stimulus"],
        n_categories=n_categories,
        within_category=settings.within_category,
    )


def _consistency(rdms: xr.Dataset, labels: np.ndarray, settings: StatisticsConfig) -> xr.Dataset:
    """Each kind of consistency, with both intervals of its mean over instance pairs."""
    stacks = {"exemplar": consistency(rdms.exemplar.values)}
    if rdms.sizes.get("category_pair", 0) >= 3:
        stacks["centroid"] = consistency(rdms.centroid.values)
    if len(np.unique(labels)) > 1 and _pairs_within(labels) >= 3:
        stacks["within_category"] = within_category_consistency(
            rdms.exemplar.values, labels, settings.within_category
        )
    values = np.stack(list(stacks.values()))
    intervals = [
        bootstrap_pairs(values, over, settings.n_resamples, settings.confidence, settings.seed)
        for over in BOOTSTRAPS
    ]
    pairs = list(itertools.combinations(rdms.instance.values.tolist(), 2))
    return xr.Dataset(
        {
            "consistency": (("kind", "layer", "instance_pair"), values),
            "consistency_mean": (("kind", "layer"), values.mean(-1)),
            "consistency_low": (
                ("bootstrap", "kind", "layer"),
                np.stack([i.low for i in intervals]),
            ),
            "consistency_high": (
                ("bootstrap", "kind", "layer"),
                np.stack([i.high for i in intervals]),
            ),
        },
        coords={
            "kind": list(stacks),
            "bootstrap": list(BOOTSTRAPS),
            "pair_first": ("instance_pair", [first for first, _ in pairs]),
            "pair_second": ("instance_pair", [second for _, second in pairs]),
        },
    )


def _pairs_within(labels: np.ndarray) -> int:
    """How many pairs of stimuli share a category."""
    counts = np.unique(labels, return_counts=True)[1]
    return int((counts * (counts - 1) // 2).sum())


def _clustering(rdms: xr.Dataset, labels: np.ndarray, settings: StatisticsConfig) -> xr.Dataset:
    """Category clustering index of each layer and instance; instances are resampled."""
    index = np.asarray(category_clustering_index(rdms.exemplar.values, labels))
    interval = bootstrap_mean(
        index, n_resamples=settings.n_resamples, confidence=settings.confidence, seed=settings.seed
    )
    name = "category_clustering_index"
    return xr.Dataset(
        {
            name: (("layer", "instance"), index),
            f"{name}_mean": ("layer", index.mean(-1)),
            f"{name}_low": ("layer", np.asarray(interval.low)),
            f"{name}_high": ("layer", np.asarray(interval.high)),
        }
    )


def _second_level(rdms: xr.Dataset, settings: StatisticsConfig) -> xr.Dataset:
    """Distances between all RDMs, and their arrangement in the plane (paper, Fig. 3)."""
    n_layers, n_instances = rdms.sizes["layer"], rdms.sizes["instance"]
    square = np.asarray(
        second_level_distances(rdms.exemplar.values.reshape(n_layers * n_instances, -1))
    )
    plane = mds(square[pair_indices(len(square))], seed=settings.seed)
    shape = (n_layers, n_instances)
    return xr.Dataset(
        {
            "second_level_distance": (
                ("layer", "instance", "layer_b", "instance_b"),
                square.reshape(shape * 2),
            ),
            "second_level_embedding": (
                ("layer", "instance", "component"),
                np.asarray(plane.embedding).reshape(*shape, -1),
            ),
            "second_level_stress": ((), float(plane.stress)),
        },
        coords={"layer_b": rdms.layer.values, "instance_b": rdms.instance.values},
    )


def embed_stimuli(rdms: xr.Dataset, settings: StatisticsConfig) -> xr.Dataset:
    """The stimuli of the first instances in the plane, layer by layer (paper, Fig. 2, S1).

    Each layer's picture is turned onto the one before it, and those of the first layer onto each
    other. Nothing is stretched, so stress stays what it was.

    Args:
        rdms: `exemplar (layer, instance, stimulus_pair)`.
        settings: the seed of the first arrangements.

    Returns:
        `embedding (shown, layer, stimulus, component)`, `embedding_stress (shown, layer)` and
        `embedding_pointwise_stress (shown, layer, stimulus)`.
    """
    plane = mds(rdms.exemplar.values[:, :SHOWN], seed=settings.seed)
    found = xr.Dataset(
        {
            "embedding": (("layer", "shown", "stimulus", "component"), _turned(plane.embedding)),
            "embedding_stress": (("layer", "shown"), np.asarray(plane.stress)),
            "embedding_pointwise_stress": (
                ("layer", "shown", "stimulus"),
                np.asarray(plane.pointwise_stress),
            ),
        },
        coords={"shown": rdms.instance.values[:SHOWN]},
    )
    return found.transpose("shown", "layer", ...)


def _turned(
    embedding: Float[np.ndarray, "layer shown stimulus component"],
) -> Float[np.ndarray, "layer shown stimulus component"]:
    first = align(embedding[0], embedding[0, 0])
    return align_successive(np.concatenate([first[None], embedding[1:]]))
