"""Fig. S4: layers that separate categories better are less consistent between instances."""

import numpy as np
import xarray as xr

from ensemble_rsa.analysis.bootstrap.consistency import bootstrap_mean
from ensemble_rsa.analysis.clustering import category_clustering_index
from ensemble_rsa.analysis.consistency import consistency
from ensemble_rsa.analysis.robust_correlation import METHODS, robust_correlation
from ensemble_rsa.config.settings import StatisticsConfig
from ensemble_rsa.errors import InputError
from ensemble_rsa.figures.paper.clustering import draw_clustering_and_consistency
from ensemble_rsa.figures.wording import number, percent
from ensemble_rsa.reproduce.experiment import (
    Experiment,
    Finding,
    Picture,
    mean_of_instances,
    negative,
)
from ensemble_rsa.reproduce.measures import attributes, settings_of, with_intervals
from ensemble_rsa.reproduce.workspace import Workspace, rdms

# The paper's is most probably the first (paper.md §5.11).
_QUANTITIES = {
    "skipped": "correlation of clustering index and consistency",
    "percentage_bend": "percentage-bend correlation of clustering index and consistency",
    "pearson": "Pearson correlation of clustering index and consistency",
}
_NAMES = {"skipped": "skipped", "percentage_bend": "percentage bend", "pearson": "Pearson"}


def measure(work: Workspace) -> xr.Dataset:
    """Clustering index and consistency of every layer, and how they correlate over layers."""
    settings = work.scale.analysis.statistics
    stack = rdms(work, "all_cnn_c")
    return by_layer(stack, settings).assign_attrs(attributes(stack, settings))


def by_layer(stack: xr.Dataset, settings: StatisticsConfig) -> xr.Dataset:
    """Both measures of each layer with intervals, and the correlations of their layer means.

    Args:
        stack: `exemplar (layer, instance, stimulus_pair)` with `category (stimulus)`.
        settings: of the bootstraps.

    Returns:
        `index (layer, instance)`, `index_mean, index_low, index_high (layer)`, what
        `with_intervals` makes of consistency, and `correlate`'s.
    """
    index = np.asarray(category_clustering_index(stack.exemplar.values, stack.category.values))
    boot = bootstrap_mean(index, settings.n_resamples, settings.confidence, settings.seed)
    shared = xr.DataArray(
        consistency(stack.exemplar.values),
        dims=("layer", "instance_pair"),
        coords={"layer": stack.layer.values},
    )
    found = with_intervals(shared, settings).assign(
        index=(("layer", "instance"), index),
        index_mean=("layer", index.mean(-1)),
        index_low=("layer", np.asarray(boot.low)),
        index_high=("layer", np.asarray(boot.high)),
    )
    return found.merge(correlate(index.mean(-1), found.consistency_mean.values))


def correlate(index: np.ndarray, shared: np.ndarray) -> xr.Dataset:
    """The three correlations of two series over layers.

    Returns:
        `r, p, r_low, r_high, n_kept (estimator)` and `outlier (estimator, layer)`; NaN where layers
        are too few or all alike, which `missing (estimator)` then says.
    """
    values = {name: np.full(len(METHODS), np.nan) for name in ("r", "p", "r_low", "r_high")}
    kept = np.zeros(len(METHODS), int)
    outlier = np.zeros((len(METHODS), len(index)), bool)
    missing = [""] * len(METHODS)
    for i, method in enumerate(METHODS):
        try:
            one = robust_correlation(index, shared, method)
        except InputError as reason:  # such as layers that are equally consistent
            missing[i] = str(reason)
            continue
        for name, value in zip(values, (one.r, one.p, one.low, one.high), strict=True):
            values[name][i] = value
        kept[i], outlier[i] = one.n, one.outliers
    return xr.Dataset(
        {name: ("estimator", array) for name, array in values.items()}
        | {
            "n_kept": ("estimator", kept),
            "outlier": (("estimator", "layer"), outlier),
            "missing": ("estimator", missing),
        },
        coords={"estimator": list(METHODS)},
    )


def findings(result: xr.Dataset) -> list[Finding]:
    """The correlations, that they are below zero, and that clustering rises with depth."""
    index = result["index"]
    skipped = _correlation(result, "skipped")
    return [
        *(_correlation(result, method) for method in METHODS),
        negative(skipped),
        mean_of_instances(
            "s4",
            "clustering index: last minus first layer",
            (index.isel(layer=-1) - index.isel(layer=0)).values,
            settings_of(result),
            effect=True,
        ),
    ]


def _correlation(result: xr.Dataset, method: str) -> Finding:
    chosen = result.sel(estimator=method)
    left_out = result.layer.values[chosen.outlier.values.astype(bool)]
    words = f"p = {float(chosen.p):.2g} with {int(chosen.n_kept)} layers"
    if left_out.size:
        words += f", {', '.join(map(str, left_out))} left out as outlying"
    note = f"{words}; interval over layers (Fisher), which are no independent sample"
    if not np.isfinite(chosen.r):
        note = f"not defined: {chosen.missing.item()}"
    return Finding(
        "s4",
        _QUANTITIES[method],
        float(chosen.r),
        float(chosen.r_low),
        float(chosen.r_high),
        note=note,
    )


def caption(result: xr.Dataset) -> str:
    """What Fig. S4 shows."""
    rs = "; ".join(
        f"{_NAMES[str(method)]} {number(float(result.r.sel(estimator=method)), 2)}"
        for method in result.estimator.values
    ).replace("-", "−")
    skipped = result.sel(estimator="skipped")
    if not np.isfinite(skipped.r):
        last = f"The skipped correlation is not defined: {skipped.missing.item()}."
    elif skipped.outlier.any():
        last = "A ring marks what the skipped correlation leaves out."
    else:
        last = "The skipped correlation leaves out no layer."
    return (
        "Each point is a layer: its category clustering index, (across − within) / (across + "
        "within) of mean correlation distances, as the mean of all instances, and its "
        f"exemplar-based consistency (r²), as the mean of {result.sizes['instance_pair']} pairs "
        f"of instances. Thin capped bars: {percent(result)} % bootstrap intervals over instances; "
        f"broad pale bars: over pairs. Line: least squares. Correlation over layers: {rs}. {last}"
    )


EXPERIMENT = Experiment(
    "clustering",
    ("all_cnn_c",),
    measure,
    findings,
    {
        "s4": Picture(
            "Category clustering and consistency of layers",
            draw_clustering_and_consistency,
            caption,
        )
    },
    revision=2,
)
