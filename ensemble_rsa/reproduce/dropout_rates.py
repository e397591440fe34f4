"""Consistency and clustering by dropout rate, for Fig. 8.

All values are on a grid `(dropout, seed, …)`, so that instances of one seed are paired between
rates. NaN marks an instance that cannot be compared; it propagates through sums over mask samples.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr
from jaxtyping import Float

from ensemble_rsa.analysis.consistency import consistency_between
from ensemble_rsa.config.analysis import StatisticsConfig
from ensemble_rsa.figures.wording import as_ranges
from ensemble_rsa.numerics import pair_indices
from ensemble_rsa.pipeline.results import clustering_by_layer
from ensemble_rsa.reproduce.measures import attributes, interval_of


class Grid(NamedTuple):
    """Rates of dropout, ascending from 0, and the seeds of all instances."""

    rates: tuple[float, ...]
    seeds: tuple[int, ...]

    def fill(self, *parts: xr.DataArray) -> Float[np.ndarray, "dropout seed ..."]:
        """Values of several ensembles, `dropout, seed (instance)`; NaN where there is none."""
        shape = parts[0].transpose("instance", ...).shape[1:]
        filled = np.full((len(self.rates), len(self.seeds), *shape), np.nan, parts[0].dtype)
        for part in parts:
            rows = [self.rates.index(rate) for rate in part.dropout.values.tolist()]
            columns = [self.seeds.index(seed) for seed in part.seed.values.tolist()]
            filled[rows, columns] = part.transpose("instance", ...).values
        return filled


def by_dropout(
    grid: Grid,
    untested: Sequence[xr.Dataset],
    samples: Iterable[xr.Dataset],
    accuracies: Mapping[str, Sequence[xr.DataArray]],
    statistics: StatisticsConfig,
) -> xr.Dataset:
    """Everything that Fig. 8 draws; NaN for an instance that cannot be compared at its rate.

    Args:
        grid: rates and seeds.
        untested: RDMs of the last two layers without dropout at test, of the ensembles without and
            with dropout in training; like all arguments with `dropout` and `seed (instance)`.
        samples: RDMs of the last layer of the networks with dropout, for each sample of masks.
        accuracies: variable → values of both ensembles.
        statistics: of the intervals.

    Returns:
        `consistency, centroid_consistency (dropout, instance_pair)` of the last layer without
        dropout at test; `sampled_consistency (dropout, sample, instance_pair)` of the mean RDMs of
        the first samples; `unshared_consistency (dropout, instance_pair)` of one sample each, a
        different one; `clustering_index (layer, dropout, instance)`; the accuracies `(dropout,
        instance)`. Each with its mean and interval.
    """
    plain = grid.fill(*(stack.exemplar.isel(layer=-1) for stack in untested))
    centroid = grid.fill(*(stack.centroid.isel(layer=-1) for stack in untested))
    index = grid.fill(*(_clustering(stack, statistics) for stack in untested))
    consistency = consistency_at_rates(plain)
    sampled, unshared, sums = consistency_of_samples(grid, samples)
    sampled[0], unshared[0] = consistency[0], consistency[0]  # rate 0: all samples are the same
    kept = np.asarray(np.isfinite(plain).all(-1))
    kept[1:] &= np.isfinite(sums[1:]).all(-1)
    kept[kept.sum(-1) < 2] = False
    first, second = pair_indices(len(grid.seeds))
    both = kept[:, first] & kept[:, second]
    pairs = {
        "consistency": consistency,
        "centroid_consistency": consistency_at_rates(centroid),
        "unshared_consistency": unshared,
    }
    own = {name: grid.fill(*values) for name, values in accuracies.items()}
    sampled = np.where(both[:, None], sampled, np.nan)
    index = np.where(kept, np.moveaxis(index, -1, 0), np.nan)
    found = xr.Dataset(
        {k: (("dropout", "instance_pair"), np.where(both, v, np.nan)) for k, v in pairs.items()}
        | {k: (("dropout", "instance"), np.where(kept, v, np.nan)) for k, v in own.items()}
        | {
            "sampled_consistency": (("dropout", "sample", "instance_pair"), sampled),
            "clustering_index": (("layer", "dropout", "instance"), index),
        },
        coords={
            "dropout": list(grid.rates),
            "sample": np.arange(1, sampled.shape[1] + 1),
            "layer": untested[0].layer.values,
            "instance": np.arange(len(grid.seeds)),
            "seed": ("instance", list(grid.seeds)),
        },
        attrs=attributes(untested[0], statistics),
    )
    left_out = np.isfinite(next(iter(own.values()))) & ~kept
    in_words = [
        f"seeds {as_ranges(np.asarray(grid.seeds)[chosen])} at {rate:g}"
        for rate, chosen in zip(grid.rates, left_out, strict=True)
        if chosen.any()
    ]
    return found.assign(_means(found, statistics)).assign_attrs(left_out="; ".join(in_words))


def consistency_at_rates(
    rdms: Float[np.ndarray, "dropout seed pair"],
    other: Float[np.ndarray, "dropout seed pair"] | None = None,
) -> Float[np.ndarray, "dropout instance_pair"]:
    """Consistency of all pairs of seeds at each rate; NaN where one of them is not known.

    With `other`, RDMs of one instance of a pair are compared with `other` of the other instance;
    the mean over which of the two it is.
    """
    other = rdms if other is None else other
    n_rates, n_seeds = rdms.shape[:2]
    square = np.full((n_rates, n_seeds, n_seeds), np.nan)
    for rate in range(n_rates):
        own = np.isfinite(rdms[rate]).all(-1) & np.isfinite(other[rate]).all(-1)
        if own.sum() > 1:
            between = consistency_between(rdms[rate, own], other[rate, own])
            square[rate][np.ix_(own, own)] = (between + between.T) / 2
    return square[:, *pair_indices(n_seeds)]


def consistency_of_samples(
    grid: Grid, samples: Iterable[xr.Dataset]
) -> tuple[
    Float[np.ndarray, "dropout sample instance_pair"],
    Float[np.ndarray, "dropout instance_pair"],
    Float[np.ndarray, "dropout seed pair"],
]:
    """Consistency with dropout at test, of shared masks and of masks that are not shared.

    Returns:
        Consistency of each instance's mean RDM over the first sample, the first two, and so on
        (consistency does not depend on scale, so sums stand for means); consistency of the first
        sample of one instance with the second sample of another; and the sum over all samples.
    """
    rdms = (grid.fill(stack.exemplar.isel(layer=0)) for stack in samples)
    first = next(rdms)
    sums, sampled = first, [consistency_at_rates(first)]
    unshared = np.full_like(sampled[0], np.nan)
    for number, own in enumerate(rdms):
        if number == 0:
            unshared = consistency_at_rates(first, own)
        sums = sums + own
        sampled.append(consistency_at_rates(sums))
    return np.stack(sampled, axis=1), unshared, sums


def _clustering(stack: xr.Dataset, statistics: StatisticsConfig) -> xr.DataArray:
    index = clustering_by_layer(stack, statistics).category_clustering_index
    return index.assign_coords({name: stack[name] for name in ("dropout", "seed")})


def _means(found: xr.Dataset, statistics: StatisticsConfig) -> dict[str, tuple]:
    """Mean and interval over instances of every variable, over the values that are known."""
    summaries = {}
    for name, variable in found.data_vars.items():
        *leading, members = variable.dims
        ends = np.full((3, *variable.shape[:-1]), np.nan)
        for place in np.ndindex(*variable.shape[:-1]):
            known = variable[place].dropna(members)
            if known.size:
                ends[:, *place] = interval_of(known, statistics)
        for end, each in zip(("mean", "low", "high"), ends, strict=True):
            summaries[f"{name}_{end}"] = (leading, each)
    return summaries
