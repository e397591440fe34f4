"""Figs 9 and S8 of Mehrer et al. 2020 (doi:10.1038/s41467-020-19632-w): consistency over training.

The paper's epochs are 1 to 10 and 50, 100, …, 350, each at its end. Its first epoch is 50,000
images: at every scale, correlations and effects are of the epochs from the first one after which as
many images have been seen. Earlier ones are ours, and are only shown. Here an epoch counts as all
its images, though its last, smaller batch is left out (of 50,000 images in batches of 128, 80).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import xarray as xr
from jaxtyping import Float

from ensemble_rsa.analysis.consistency import consistency_between
from ensemble_rsa.config.analysis import StatisticsConfig
from ensemble_rsa.figures.paper.trajectory import draw_trajectory
from ensemble_rsa.models.catalogue import layer_names
from ensemble_rsa.numerics import pair_indices
from ensemble_rsa.pipeline.results import interval_of_mean, summary, with_intervals
from ensemble_rsa.reproduce.correlations import ESTIMATOR_NAMES, correlate, correlation_finding
from ensemble_rsa.reproduce.estimate import training_images
from ensemble_rsa.reproduce.experiment import Experiment, Finding, Picture, mean_finding, negative
from ensemble_rsa.reproduce.measures import Terms, attributes, same_instances
from ensemble_rsa.reproduce.workspace import Workspace, networks, rdms
from ensemble_rsa.runs.run import kept_epochs, load_history

KINDS = ("exemplar", "centroid")
FIRST = 50_000  # images seen before the paper's first checkpoint
STABLE = 50  # of 350: the paper calls representations stable from about here
_ENSEMBLE = "all_cnn_c"
_CORRELATION = "correlation of accuracy and consistency"


def measure(work: Workspace) -> xr.Dataset:
    """Consistency of the last layer's RDMs across epochs and instances, and test accuracy."""
    run = networks(work, _ENSEMBLE)
    last = layer_names(run.config.model.model)[-1]
    kept = kept_epochs(run)
    stacks = {epoch: rdms(work, _ENSEMBLE, [last], epoch=epoch) for epoch in kept}
    if (final := run.config.training.epochs) not in kept:
        stacks[final] = rdms(work, _ENSEMBLE, [last])
    accuracy, n_images = load_history(run).test_accuracy, training_images(run.config)
    return trajectory(stacks, accuracy, n_images, work.scale.analysis.statistics)


def trajectory(
    stacks: Mapping[int, xr.Dataset],
    test_accuracy: xr.DataArray,
    images_per_epoch: int,
    statistics: StatisticsConfig,
) -> xr.Dataset:
    """Everything that the figures draw, of the instances that can be compared at every epoch.

    Args:
        stacks: epoch → `exemplar, centroid (layer, instance, …)` of one layer.
        test_accuracy: `(epoch, instance)` with the coordinate `seed`, NaN where not tested.
        images_per_epoch: training images.
        statistics: of the intervals.

    Returns:
        `similarity (kind, epoch, instance, epoch_b, instance_b)`; `consistency (kind, epoch,
        instance_pair)` and `test_accuracy (epoch, instance)` with means and intervals; `compared
        (epoch)`, 1 from the epoch of the paper's first checkpoint on, else 0; and what `correlate`
        returns of those epochs, with a dimension `kind`.
    """
    epochs = sorted(stacks)
    shared = same_instances([stacks[epoch] for epoch in epochs])
    of_kinds = [[stack[kind].values[0] for stack in shared] for kind in KINDS]
    similarity = np.stack([similarities(rdms_by_epoch) for rdms_by_epoch in of_kinds])
    same_epoch = np.einsum("keiej->keij", similarity)
    pairs = xr.DataArray(
        same_epoch[..., *pair_indices(similarity.shape[2])],
        dims=("kind", "epoch", "instance_pair"),
        coords={"kind": list(KINDS), "epoch": epochs},
    )
    found = (
        with_intervals(pairs, statistics)
        .assign(
            similarity=(("kind", "epoch", "instance", "epoch_b", "instance_b"), similarity),
            compared=("epoch", (np.array(epochs) * images_per_epoch >= FIRST).astype(np.int8)),
        )
        .merge(accuracy_by_epoch(test_accuracy, epochs, shared[0].seed.values, statistics))
        .assign_coords(epoch_b=epochs)
        .assign_attrs(
            attributes(shared[-1], statistics),
            layer=str(shared[-1].layer.values[0]),
            images_per_epoch=images_per_epoch,
        )
    )
    accuracy = found.test_accuracy.values
    used = (found.compared.values == 1) & np.isfinite(accuracy).all(-1)
    correlations = [
        correlate(accuracy, pairs.sel(kind=kind).values, used, "epoch", statistics.confidence)
        for kind in KINDS
    ]
    return found.merge(
        xr.concat(correlations, found.kind), compat="no_conflicts", combine_attrs="no_conflicts"
    )


def similarities(
    stacks: Sequence[Float[np.ndarray, "instance pair"]],
) -> Float[np.ndarray, "epoch instance epoch_b instance_b"]:
    """Consistency (r²) of every instance at every epoch with every one at every other."""
    n_epochs, n_instances = len(stacks), len(stacks[0])
    rows = np.concatenate(stacks)
    between = consistency_between(rows, rows)
    return between.reshape(n_epochs, n_instances, n_epochs, n_instances)


def accuracy_by_epoch(
    test_accuracy: xr.DataArray, epochs: list[int], seeds: np.ndarray, statistics: StatisticsConfig
) -> xr.Dataset:
    """Test accuracy of some instances and epochs, with mean and interval; NaN where untested."""
    of_seeds = test_accuracy.swap_dims(instance="seed").sel(seed=seeds).transpose("epoch", "seed")
    values = of_seeds.reindex(epoch=epochs).values
    tested = np.isfinite(values).all(-1)
    found = xr.Dataset(
        {"test_accuracy": (("epoch", "instance"), values)},
        coords={"epoch": epochs, "seed": ("instance", seeds), "instance": range(len(seeds))},
    )
    bounds = interval_of_mean(values[tested], statistics)
    known = xr.Dataset(
        summary("test_accuracy", ("epoch",), bounds), coords={"epoch": np.asarray(epochs)[tested]}
    )
    return found.merge(known.reindex(epoch=epochs))


def findings(result: xr.Dataset) -> list[Finding]:
    """Correlations, decrease of consistency with training, similarity within instances."""
    epochs = landmarks(result)
    if epochs is None:
        note = f"not defined: fewer than two epochs are kept after {FIRST:,} images"
        nothing = partial(Finding, value=np.nan, note=note)
        fall = f"consistency after {FIRST:,} images minus at the end"
        correlation, of_centroids = (nothing(figure, _CORRELATION) for figure in ("fig9", "s8"))
        falls = nothing("fig9", fall, effect=True), nothing("s8", f"centroid {fall}", effect=True)
        return [correlation, falls[0], negative(correlation), falls[1], negative(of_centroids)]
    correlation = _correlation(result, "fig9", "exemplar")
    relations = negative(correlation), negative(_correlation(result, "s8", "centroid"))
    first, stable, last = epochs
    early, late = (result.consistency.sel(epoch=epoch) for epoch in (first, last))
    exemplar_fall, centroid_fall = ((early - late).sel(kind=kind) for kind in KINDS)
    above = early.sel(kind="centroid") - early.sel(kind="exemplar")
    between = result.similarity.sel(kind="exemplar", epoch=stable, epoch_b=last).values
    effect = partial(mean_finding, result, effect=True)
    fall = f"epoch {first} minus epoch {last}"
    per_epoch = result.attrs["images_per_epoch"]
    seen = f"epoch {first} is the first after {FIRST:,} images ({per_epoch:,} in an epoch)"
    return [
        correlation,
        effect("fig9", f"{fall} consistency", exemplar_fall, note=seen),
        relations[0],
        effect(
            "fig9",
            f"epochs {stable} and {last}: consistency with oneself minus with other instances",
            Terms(np.diagonal(between), -between),
            note="" if stable == STABLE else f"epoch {stable} is used for {STABLE}",
        ),
        effect("s8", f"centroid minus exemplar consistency at epoch {first}", above, note=seen),
        effect("s8", f"{fall} centroid consistency", centroid_fall, note=seen),
        relations[1],
    ]


def landmarks(result: xr.Dataset) -> tuple[int, int, int] | None:
    """The epochs of the paper's first checkpoint, of its first stable one, and the last.

    Where training is too short for the second, it is the last but one; None if fewer than two
    epochs are kept after the images of the paper's first.
    """
    epochs = [int(epoch) for epoch in result.epoch.values[result.compared.values == 1]]
    if len(epochs) < 2:
        return None
    return epochs[0], STABLE if STABLE in epochs[:-1] else epochs[-2], epochs[-1]


def _correlation(result: xr.Dataset, figure: str, kind: str) -> Finding:
    """The skipped correlation over epochs; the note names the others."""
    chosen = result.sel(kind=kind)
    epochs = [str(epoch) for epoch in result.epoch.values]
    found = correlation_finding(figure, _CORRELATION, chosen, epochs, "epochs", "skipped")
    notes = [found.note]
    for method in ("percentage_bend", "pearson"):
        if np.isfinite(r := float(chosen.correlation.sel(estimator=method))):
            notes.append(f"{ESTIMATOR_NAMES[method]} {r:.2f}")
    return replace(found, note="; ".join(notes))


def caption_values(result: xr.Dataset, kind: str) -> dict[str, object]:
    """Which consistency is shown, of which layer, and which epochs are compared and which not."""
    epochs, compared = result.epoch.values, result.compared.values == 1
    return {
        "kind": kind,
        "layer": result.attrs["layer"],
        "first": int(epochs[compared][0]) if compared.any() else None,
        "first_images": FIRST,
        "earlier": [int(epoch) for epoch in epochs[~compared]],
    }


_PICTURES = {
    name: Picture(partial(draw_trajectory, kind=kind), partial(caption_values, kind=kind))
    for name, kind in (("fig9", "exemplar"), ("s8", "centroid"))
}
EXPERIMENT = Experiment("trajectory", (_ENSEMBLE,), measure, findings, _PICTURES, revision=4)
