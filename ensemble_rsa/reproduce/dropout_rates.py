"""Networks by their rate of dropout: what they share of their RDMs, with and without test masks.

Everything stands on a grid of rates and seeds, so that instances of one seed are paired between
rates; NaN stands where an instance cannot be compared.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr
from jaxtyping import Float

from ensemble_rsa.analysis.bootstrap.consistency import bootstrap_mean, bootstrap_pairs
from ensemble_rsa.analysis.clustering import category_clustering_index
from ensemble_rsa.analysis.consistency import consistency_between
from ensemble_rsa.config.settings import StatisticsConfig
from ensemble_rsa.figures.wording import as_ranges
from ensemble_rsa.numerics import pair_indices
from ensemble_rsa.reproduce.measures import attributes
from ensemble_rsa.runs.run import Run

_PAIRED = (
    "consistency", "sampled_consistency", "unshared_consistency", "centroid_consistency",
)  # fmt: skip
_ONE_EACH = ("train_accuracy", "test_accuracy", "dropout_accuracy", "clustering_index")

ByRate = Mapping[float, xr.Dataset]


class Networks(NamedTuple):
    """The rate and the seed of every network of both ensembles, and the values each can take."""

    rate_of: tuple[float, ...]
    seed_of: tuple[int, ...]
    rates: tuple[float, ...]
    seeds: tuple[int, ...]


def all_networks(control: Run, swept: Run, rates: Sequence[float]) -> Networks:
    """The networks of the control, whose rate is 0, and those of the swept ensemble."""
    training = swept.config.training
    swept_rates = np.broadcast_to(training.dropout, training.instances).tolist()
    return Networks(
        (*(0.0,) * len(control.seeds), *swept_rates),
        (*control.seeds, *swept.seeds),
        tuple(rates),
        tuple(sorted({*control.seeds, *swept.seeds})),
    )


def by_rate(stack: xr.Dataset, rate_of: Sequence[float]) -> dict[float, xr.Dataset]:
    """The instances of each rate, with their seeds in place of their numbers.

    Args:
        stack: RDMs of an ensemble; instances that cannot be compared are missing from it.
        rate_of: the rate of every instance of the ensemble, by number.
    """
    rates = np.asarray(rate_of)[stack.instance.values]
    seeded = stack.swap_dims(instance="seed").drop_vars("instance")
    return {rate: seeded.isel(seed=np.flatnonzero(rates == rate)) for rate in sorted({*rate_of})}


def by_dropout(
    chosen: Networks,
    untested: ByRate,
    samples: Iterable[ByRate],
    accuracies: Mapping[str, Float[np.ndarray, " network"]],
    settings: StatisticsConfig,
) -> xr.Dataset:
    """What the figure draws; NaN for an instance that cannot be compared at its rate.

    Args:
        chosen: rates and seeds of the networks.
        untested: rate → RDMs without dropout at test of the last two layers.
        samples: for each sample of masks, rate → RDMs of the last layer.
        accuracies: of each network, control first.
        settings: of the bootstraps.

    Returns:
        `consistency, centroid_consistency (dropout, instance_pair)` of the last layer without
        dropout at test; `sampled_consistency (dropout, sample, instance_pair)` of the mean RDMs of
        the first samples; `unshared_consistency (dropout, instance_pair)` of one sample each, not
        the same; `clustering_index (layer, dropout, instance)`; `train_accuracy,
        test_accuracy, dropout_accuracy (dropout, instance)`. Each with its mean and interval.
    """
    rates, seeds = chosen.rates, chosen.seeds
    last = {rate: untested[rate].isel(layer=-1) for rate in rates}
    consistency = np.stack([pairs_among(last[rate].exemplar, seeds) for rate in rates])
    centroids = np.stack([pairs_among(last[rate].centroid, seeds) for rate in rates])
    samples = iter(samples)
    two = list(itertools.islice(samples, 2))
    unshared = consistency_of_other_samples(two, rates, seeds)
    every = consistency_of_means(itertools.chain(two, samples), rates, seeds)
    sampled = np.stack(list(every), axis=1)
    without = [place for place, rate in enumerate(rates) if rate == 0]
    sampled[without] = consistency[without][:, None]  # no masks, so every sample is the same
    unshared[without] = consistency[without]
    clustering = np.stack([_clustering(untested[rate], seeds) for rate in rates], axis=1)
    kept = _in_pairs(np.isfinite(consistency) & np.isfinite(sampled).all(1), len(seeds))
    first, second = pair_indices(len(seeds))
    both = kept[:, first] & kept[:, second]
    values = {
        "consistency": (("dropout", "instance_pair"), np.where(both, consistency, np.nan)),
        "centroid_consistency": (("dropout", "instance_pair"), np.where(both, centroids, np.nan)),
        "sampled_consistency": (
            ("dropout", "sample", "instance_pair"), np.where(both[:, None], sampled, np.nan),
        ),
        "unshared_consistency": (("dropout", "instance_pair"), np.where(both, unshared, np.nan)),
        "clustering_index": (("layer", "dropout", "instance"), np.where(kept, clustering, np.nan)),
        **{
            name: (("dropout", "instance"), np.where(kept, on_grid(each, chosen), np.nan))
            for name, each in accuracies.items()
        },
    }  # fmt: skip
    coords = {
        "dropout": list(rates),
        "sample": np.arange(1, sampled.shape[1] + 1),
        "layer": untested[rates[0]].layer.values.tolist(),
        "instance": np.arange(len(seeds)),
        "seed": ("instance", list(seeds)),
    }
    found = xr.Dataset(values, coords, attributes(untested[rates[0]], settings))
    return found.assign(_means(found, settings)).assign_attrs(left_out=_left_out(kept, chosen))


def pairs_among(
    stack: xr.DataArray, seeds: Sequence[int], other: xr.DataArray | None = None
) -> Float[np.ndarray, " instance_pair"]:
    """Consistency of all pairs of these seeds; NaN where one of them is not in the stack.

    Args:
        stack: RDMs `(seed, pair)`.
        seeds: of the instances, in order.
        other: the RDMs of a pair's second instance, in which either may be the second: the mean
            of both. The stack itself when not given.
    """
    whole = np.full((len(seeds), len(seeds)), np.nan)
    other = stack if other is None else other
    present = stack.seed.values.tolist()
    places = [seeds.index(seed) for seed in present]
    if len(places) > 1:
        between = consistency_between(stack.values, other.sel(seed=present).values)
        whole[np.ix_(places, places)] = (between + between.T) / 2
    return whole[pair_indices(len(seeds))]


def consistency_of_other_samples(
    two: Sequence[ByRate], rates: Sequence[float], seeds: Sequence[int]
) -> Float[np.ndarray, "dropout instance_pair"]:
    """Consistency of one instance's RDM in one sample with another instance's in another sample.

    Each has masks of its own then, where `consistency_of_means` has all share theirs.

    Args:
        two: rate → RDMs, of two samples; with fewer there is nothing to compare.
        rates: in order.
        seeds: of the instances, in order.
    """
    found = np.full((len(rates), len(seeds) * (len(seeds) - 1) // 2), np.nan)
    if len(two) == 2:
        for rate in two[0].keys() & two[1].keys():
            one, other = xr.align(
                *(sample[rate].exemplar.isel(layer=0, drop=True) for sample in two)
            )
            found[rates.index(rate)] = pairs_among(one, seeds, other)
    return found


def consistency_of_means(
    samples: Iterable[ByRate], rates: Sequence[float], seeds: Sequence[int]
) -> Iterator[Float[np.ndarray, "dropout instance_pair"]]:
    """Consistency of each instance's mean RDM over the first sample, the first two, and so on.

    Consistency does not change with scale, so that sums do for means; one sample is in memory
    beside them. Instances that cannot be compared in a sample are missing from there on.

    Args:
        samples: rate → RDMs of one sample; a rate that is not there (0) gives NaN.
        rates: in order.
        seeds: of the instances, in order.
    """
    sums: dict[float, xr.DataArray] = {}
    nothing = np.full(len(seeds) * (len(seeds) - 1) // 2, np.nan)
    for sample in samples:
        for rate, stack in sample.items():
            rdm = stack.exemplar.isel(layer=0, drop=True)
            sums[rate] = sums[rate] + rdm if rate in sums else rdm  # xarray matches their seeds
        yield np.stack(
            [pairs_among(sums[rate], seeds) if rate in sums else nothing for rate in rates]
        )


def on_grid(
    values: Float[np.ndarray, " network"], chosen: Networks
) -> Float[np.ndarray, "dropout instance"]:
    """A value of each network, at its rate and seed; NaN where there is none."""
    grid = np.full((len(chosen.rates), len(chosen.seeds)), np.nan)
    for rate, seed, value in zip(chosen.rate_of, chosen.seed_of, values, strict=True):
        grid[chosen.rates.index(rate), chosen.seeds.index(seed)] = value
    return grid


def _clustering(stack: xr.Dataset, seeds: Sequence[int]) -> Float[np.ndarray, "layer instance"]:
    index = np.full((stack.sizes["layer"], len(seeds)), np.nan)
    if stack.sizes["seed"]:
        places = [seeds.index(seed) for seed in stack.seed.values.tolist()]
        index[:, places] = category_clustering_index(stack.exemplar.values, stack.category.values)
    return index


def _in_pairs(known: np.ndarray, n: int) -> np.ndarray:
    """Which instances `(dropout, instance)` have a known pair `(dropout, instance_pair)`."""
    first, second = pair_indices(n)
    return np.stack(
        [(known & ((first == i) | (second == i))).any(-1) for i in range(n)], axis=1
    )  # fmt: skip


def _means(found: xr.Dataset, settings: StatisticsConfig) -> dict[str, tuple]:
    """Mean and interval over instances of every variable, over the values that are known."""
    summaries = {}
    for name in (*_PAIRED, *_ONE_EACH):
        dims, values = found[name].dims[:-1], found[name].values
        ends = np.full((3, *values.shape[:-1]), np.nan)
        for place in np.ndindex(*values.shape[:-1]):
            known = values[place][np.isfinite(values[place])]
            if known.size:
                ends[:, *place] = _interval(known, name in _PAIRED, settings)
        for end, each in zip(("mean", "low", "high"), ends, strict=True):
            summaries[f"{name}_{end}"] = (dims, each)
    return summaries


def _interval(
    known: Float[np.ndarray, " member"], paired: bool, settings: StatisticsConfig
) -> tuple[float, float, float]:
    how = settings.n_resamples, settings.confidence, settings.seed
    boot = bootstrap_pairs(known, "instances", *how) if paired else bootstrap_mean(known, *how)
    return float(boot.mean), float(boot.low), float(boot.high)


def _left_out(kept: np.ndarray, chosen: Networks) -> str:
    """Which instances cannot be compared, in words."""
    present = np.isfinite(on_grid(np.ones(len(chosen.rate_of)), chosen))
    parts = [
        f"seeds {as_ranges(np.asarray(chosen.seeds)[missing])} at {rate:g}"
        for rate, missing in zip(chosen.rates, present & ~kept, strict=True)
        if missing.any()
    ]
    return "; ".join(parts)
