"""Figs 9 and S8: how consistent the last layer is in the course of training (paper.md §8).

The paper's epochs are 1 to 10 and 50, 100, …, 350, each at its end. Epoch 0, the first weights, is
an extra of ours that enters no correlation and no effect.
"""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import xarray as xr
from jaxtyping import Float

from ensemble_rsa.analysis.bootstrap.consistency import bootstrap_mean
from ensemble_rsa.analysis.consistency import consistency_between
from ensemble_rsa.analysis.robust_correlation import METHODS, robust_correlation
from ensemble_rsa.config.settings import StatisticsConfig
from ensemble_rsa.errors import InputError
from ensemble_rsa.figures.paper.trajectory import draw_trajectory
from ensemble_rsa.figures.wording import percent
from ensemble_rsa.models.catalogue import layer_names
from ensemble_rsa.numerics import pair_indices
from ensemble_rsa.reproduce.experiment import (
    Experiment,
    Finding,
    Picture,
    as_finding,
    negative,
    over_instances,
)
from ensemble_rsa.reproduce.matched import bootstrap_matched
from ensemble_rsa.reproduce.measures import (
    attributes,
    same_instances,
    settings_of,
    with_intervals,
)
from ensemble_rsa.reproduce.workspace import Workspace, networks, rdms
from ensemble_rsa.runs.run import kept_epochs, load_history

KINDS = ("exemplar", "centroid")
STABLE = 50  # of 350: the paper calls representations stable from about here
_ENSEMBLE = "all_cnn_c"
_CORRELATION = "correlation of accuracy and consistency"


def measure(work: Workspace) -> xr.Dataset:
    """Consistency of the last layer's RDMs across epochs and instances, and test accuracy."""
    run = networks(work, _ENSEMBLE)
    last = layer_names(run.config.model.model)[-1]
    kept = kept_epochs(run)
    stacks = {epoch: rdms(work, _ENSEMBLE, layers=[last], epoch=epoch) for epoch in kept}
    if (final := run.config.training.epochs) not in kept:
        stacks[final] = rdms(work, _ENSEMBLE, layers=[last])
    return trajectory(stacks, load_history(run).test_accuracy, work.scale.analysis.statistics)


def trajectory(
    stacks: Mapping[int, xr.Dataset], test_accuracy: xr.DataArray, settings: StatisticsConfig
) -> xr.Dataset:
    """What the figures draw, of the instances that can be compared at every epoch.

    Args:
        stacks: epoch → `exemplar, centroid (layer, instance, …)` of one layer.
        test_accuracy: `(epoch, instance)` with the coordinate `seed`, NaN where not tested.
        settings: of the bootstraps.

    Returns:
        `similarity (kind, epoch, instance, epoch_b, instance_b)`; `consistency (kind, epoch,
        instance_pair)` and `test_accuracy (epoch, instance)` with means and intervals;
        `correlation (kind, estimator)` of their means over the epochs after the first weights.

    Raises:
        RunError: fewer than two instances are left.
    """
    epochs = sorted(stacks)
    shared = same_instances([stacks[epoch] for epoch in epochs])
    seeds = shared[0].seed.values.tolist()
    similarity = np.stack(
        [similarities([stack[kind].values[0] for stack in shared]) for kind in KINDS]
    )
    pairs = xr.DataArray(
        pairs_by_epoch(similarity),
        dims=("kind", "epoch", "instance_pair"),
        coords={"kind": list(KINDS), "epoch": epochs},
    )
    found = with_intervals(pairs, settings).assign(
        {
            "similarity": (("kind", "epoch", "instance", "epoch_b", "instance_b"), similarity),
            **_accuracies(test_accuracy, epochs, seeds, settings),
        }
    )
    found = found.assign_coords(
        epoch_b=epochs, seed=("instance", seeds), instance=range(len(seeds))
    ).assign_attrs(attributes(shared[-1], settings), layer=str(shared[-1].layer.values[0]))
    return found.merge(_correlations(found), combine_attrs="no_conflicts")


def similarities(
    stacks: Sequence[Float[np.ndarray, "instance pair"]],
) -> Float[np.ndarray, "epoch instance epoch_b instance_b"]:
    """Consistency (r²) of every instance at every epoch with every one at every other.

    Args:
        stacks: the RDMs of each epoch, instances in the same order in all.
    """
    n_epochs, n_instances = len(stacks), len(stacks[0])
    rows = np.concatenate(stacks)
    between = consistency_between(rows, rows)
    return between.reshape(n_epochs, n_instances, n_epochs, n_instances)


def pairs_by_epoch(
    similarity: Float[np.ndarray, "kind epoch instance epoch_b instance_b"],
) -> Float[np.ndarray, "kind epoch instance_pair"]:
    """Consistency of every two instances at the same epoch, no instance with itself."""
    same_epoch = np.einsum("keiej->keij", similarity)
    return same_epoch[..., *pair_indices(similarity.shape[2])]


def _accuracies(
    test_accuracy: xr.DataArray, epochs: list[int], seeds: list[int], settings: StatisticsConfig
) -> dict[str, tuple]:
    """Test accuracy of the chosen instances at the chosen epochs, with its mean and interval."""
    order = test_accuracy.seed.values.tolist()
    chosen = test_accuracy.transpose("epoch", "instance").reindex(epoch=epochs)
    values = chosen.values[:, [order.index(seed) for seed in seeds]]
    mean, low, high = np.full((3, len(epochs)), np.nan)
    known = np.isfinite(values).all(-1)
    if known.any():
        boot = bootstrap_mean(
            values[known], settings.n_resamples, settings.confidence, settings.seed
        )
        mean[known], low[known], high[known] = boot.mean, boot.low, boot.high
    return {
        "test_accuracy": (("epoch", "instance"), values),
        "test_accuracy_mean": ("epoch", mean),
        "test_accuracy_low": ("epoch", low),
        "test_accuracy_high": ("epoch", high),
    }


def _correlations(found: xr.Dataset) -> xr.Dataset:
    """Mean consistency against mean accuracy over epochs, in every robust way and by Pearson."""
    epochs = found.epoch.values
    used = (epochs > 0) & np.isfinite(found.test_accuracy_mean.values)
    accuracy = found.test_accuracy_mean.values[used]
    shape = (len(KINDS), len(METHODS))
    values = {name: np.full(shape, np.nan) for name in ("", "_low", "_high", "_p")}
    counts, outliers = np.zeros(shape, int), np.zeros((*shape, len(epochs)), bool)
    missing = ""
    for i, kind in enumerate(KINDS):
        for j, method in enumerate(METHODS):
            consistency = found.consistency_mean.sel(kind=kind).values[used]
            try:
                one = robust_correlation(accuracy, consistency, method)
            except InputError as reason:  # too few epochs, such as at the smallest scale
                missing = str(reason)
                continue
            for name, value in zip(values, (one.r, one.low, one.high, one.p), strict=True):
                values[name][i, j] = value
            counts[i, j] = one.n
            outliers[i, j, np.flatnonzero(used)[one.outliers]] = True
    return xr.Dataset(
        {f"correlation{name}": (("kind", "estimator"), array) for name, array in values.items()}
        | {
            "correlation_n": (("kind", "estimator"), counts),
            "outlier": (("kind", "estimator", "epoch"), outliers.astype(np.int8)),
        },
        coords={"estimator": list(METHODS)},
        attrs={"correlation_missing": missing},
    )


def findings(result: xr.Dataset) -> list[Finding]:
    """The correlation, and the effects: training lowers consistency, networks keep their own."""
    settings = settings_of(result)
    first, stable, last = _landmarks(result)
    exemplar, centroid = (result.consistency.sel(kind=kind) for kind in KINDS)
    fall = f"epoch {first} minus epoch {last}"
    between = result.similarity.sel(kind="exemplar", epoch=stable, epoch_b=last).values

    def effect(figure: str, quantity: str, values: np.ndarray) -> Finding:
        return over_instances(figure, quantity, values, settings, effect=True)

    correlation = _correlation(result, "fig9", "exemplar")
    return [
        correlation,
        effect("fig9", f"{fall} consistency", _difference(exemplar, first, last)),
        negative(correlation),
        as_finding(
            "fig9",
            f"epochs {stable} and {last}: consistency with oneself minus with other instances",
            bootstrap_matched(np.diagonal(between), between, settings).difference,
            effect=True,
            note="" if stable == STABLE else f"epoch {stable} stands for {STABLE}",
        ),
        effect(
            "s8",
            f"centroid minus exemplar consistency at epoch {first}",
            centroid.sel(epoch=first).values - exemplar.sel(epoch=first).values,
        ),
        effect("s8", f"{fall} centroid consistency", _difference(centroid, first, last)),
        negative(_correlation(result, "s8", "centroid")),
    ]


def _landmarks(result: xr.Dataset) -> tuple[int, int, int]:
    """The first epoch after the first weights, the paper's first stable one, and the last.

    Where training is too short for the second, the last but one stands for it.
    """
    epochs = [int(epoch) for epoch in result.epoch.values if epoch > 0]
    return epochs[0], STABLE if STABLE in epochs[:-1] else epochs[-2], epochs[-1]


def _difference(pairs: xr.DataArray, epoch: int, other: int) -> np.ndarray:
    return pairs.sel(epoch=epoch).values - pairs.sel(epoch=other).values


def _correlation(result: xr.Dataset, figure: str, kind: str) -> Finding:
    """The skipped correlation of accuracy and consistency over epochs."""
    chosen = result.sel(kind=kind)
    skipped = chosen.sel(estimator="skipped")
    value, low, high = (float(skipped[f"correlation{end}"]) for end in ("", "_low", "_high"))
    others = ", ".join(
        f"{name.replace('_', ' ')} {float(chosen.correlation.sel(estimator=name)):.2f}"
        for name in METHODS
        if name != "skipped"
    )
    note = (
        f"skipped correlation, p = {float(skipped.correlation_p):.2g}, "
        f"{int(skipped.correlation_n)} epochs after "
        f"{int(skipped.outlier.sum())} outliers; Fisher's interval, as if epochs were independent; "
        f"{others}"
    )
    if not np.isfinite(value):
        note = f"not defined: {result.attrs['correlation_missing']}"
    return Finding(figure, _CORRELATION, value, low, high, note=note)


def caption(result: xr.Dataset, kind: str) -> str:
    """What one of the two figures shows."""
    n_pairs, n = result.sizes["instance_pair"], result.sizes["instance"]
    of = {
        "exemplar": "all pairs of stimuli",
        "centroid": "distances between the mean patterns of the categories",
    }[kind]
    zero = ""
    if 0 in result.epoch.values:
        zero = " The first weights (epoch 0, ours) are shown apart and enter no other panel."
    return (
        f"Last layer ({result.attrs['layer']}), {kind}-based consistency: r² of "
        f"correlation-distance RDMs, over {of}. (a) Every instance at every epoch with every "
        f"other: ordered by epoch, and by instance within it ({n} instances); a line parallel to "
        "the main diagonal means that instances stay more similar to themselves than to each "
        f"other. (b) Mean of {n_pairs} instance pairs at each epoch. Broad pale bars: "
        f"{percent(result)} % bootstrap intervals over pairs; thin capped bars: over instances. "
        "(c) Test accuracy at the end of each epoch, mean and interval over instances. (d) One "
        "point per epoch, with the intervals of (b, over instances) and (c); open points are left "
        f"out of the skipped correlation as outliers.{zero}"
    )


EXPERIMENT = Experiment(
    "trajectory",
    (_ENSEMBLE,),
    measure,
    findings,
    {
        "fig9": Picture(
            "Last-layer consistency over training, exemplar-based",
            partial(draw_trajectory, kind="exemplar"),
            partial(caption, kind="exemplar"),
        ),
        "s8": Picture(
            "Last-layer consistency over training, centroid-based",
            partial(draw_trajectory, kind="centroid"),
            partial(caption, kind="centroid"),
        ),
    },
)
