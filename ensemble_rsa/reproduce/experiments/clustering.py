"""Fig. S4 of Mehrer et al. 2020 (doi:10.1038/s41467-020-19632-w): clustering and consistency.

Layers that separate categories better are less consistent between instances.
"""

import numpy as np
import xarray as xr

from ensemble_rsa.analysis.consistency import consistency
from ensemble_rsa.config.analysis import StatisticsConfig
from ensemble_rsa.figures.paper.clustering import draw_clustering_and_consistency
from ensemble_rsa.pipeline.results import clustering_by_layer, with_intervals
from ensemble_rsa.reproduce.correlations import ESTIMATOR_NAMES, correlate, correlation_finding
from ensemble_rsa.reproduce.experiment import Experiment, Finding, Picture, negative
from ensemble_rsa.reproduce.measures import attributes
from ensemble_rsa.reproduce.workspace import Workspace, rdms

_WORDS = {"skipped": "", "percentage_bend": "percentage-bend ", "pearson": "Pearson "}


def measure(work: Workspace) -> xr.Dataset:
    """Clustering index and consistency of every layer, and how they correlate over layers."""
    return by_layer(rdms(work, "all_cnn_c"), work.scale.analysis.statistics)


def by_layer(stack: xr.Dataset, statistics: StatisticsConfig) -> xr.Dataset:
    """Both measures of each layer with intervals, and the correlations of their means."""
    values, layers = consistency(stack.exemplar.values), {"layer": stack.layer.values}
    pairs = xr.DataArray(values, dims=("layer", "instance_pair"), coords=layers)
    found = with_intervals(pairs, statistics).merge(clustering_by_layer(stack, statistics))
    correlations = correlate(
        found.category_clustering_index.values,
        values,
        np.ones(stack.sizes["layer"], bool),
        "layer",
        statistics.confidence,
    )
    return found.merge(correlations).assign_attrs(attributes(stack, statistics))


def findings(result: xr.Dataset) -> list[Finding]:
    """The correlations, and that they are below zero; Fig. 2 judges clustering by itself."""
    layers, correlations = result.layer.values.tolist(), []
    for method, word in _WORDS.items():
        quantity = f"{word}correlation of clustering index and consistency"
        found = correlation_finding("s4", quantity, result, layers, "layers", method)
        correlations.append(found)
    return [*correlations, negative(correlations[0])]


def caption_values(result: xr.Dataset) -> dict[str, object]:
    """The correlations, and whether the skipped one excludes a layer or is not defined."""
    skipped, r = result.sel(estimator="skipped"), result.correlation
    return {
        "correlations": {v: float(r.sel(estimator=k)) for k, v in ESTIMATOR_NAMES.items()},
        "outliers": bool(skipped.outlier.any()),
        "undefined": str(skipped.missing.item()),
    }


EXPERIMENT = Experiment(
    "clustering",
    ("all_cnn_c",),
    measure,
    findings,
    {"s4": Picture(draw_clustering_and_consistency, caption_values)},
    revision=5,
)
