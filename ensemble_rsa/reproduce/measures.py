"""Measures that several experiments share: matched instances, consistency, intervals."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr
from jaxtyping import Float

from ensemble_rsa.analysis.bootstrap.jackknife import (
    FEWEST,
    Jackknife,
    Scale,
    jackknife_pairs,
    jackknife_statistic,
)
from ensemble_rsa.analysis.consistency import consistency
from ensemble_rsa.arrays import stimuli_of_pairs
from ensemble_rsa.config.analysis import StatisticsConfig
from ensemble_rsa.errors import RunError
from ensemble_rsa.pipeline.results import (
    OVER_INSTANCES,
    MeanInterval,
    interval_of_mean,
    interval_of_pairs,
    interval_of_statistic,
    with_intervals,
)


def same_instances(stacks: Sequence[xr.Dataset | xr.DataArray]) -> list:
    """The stacks, reduced to the instances that all of them hold, in one order, matched by seed.

    They are not matched by number, since one that was replaced makes the numbers of two ensembles
    differ. One that cannot be compared by one distance is missing from that stack alone. Fewer than
    two are a `RunError`.

    >>> first = xr.Dataset(coords={"seed": ("instance", [4, 5, 6])})
    >>> second = xr.Dataset(coords={"seed": ("instance", [6, 4])})
    >>> [stack.seed.values.tolist() for stack in same_instances([first, second])]
    [[4, 6], [4, 6]]
    """
    seeds = [stack.seed.values.tolist() for stack in stacks]
    shared = [seed for seed in seeds[0] if all(seed in others for others in seeds)]
    if len(shared) < 2:
        raise RunError("fewer than two instances can be compared in all conditions of this figure")
    return [
        stack if own == shared else stack.isel(instance=[own.index(seed) for seed in shared])
        for stack, own in zip(stacks, seeds, strict=True)
    ]


def consistency_by(
    conditions: Mapping[str, Sequence[str]],
    stacks: Sequence[xr.Dataset],
    statistics: StatisticsConfig,
) -> xr.Dataset:
    """Exemplar consistency `(*conditions, layer, instance_pair)`, of the same instances in all.

    Args:
        conditions: dimension → its values, such as `distance` → names of distances.
        stacks: RDMs of each combination, the last dimension's values changing fastest.
        statistics: of the intervals.
    """
    shared = same_instances(stacks)
    values = np.stack([consistency(stack.exemplar.values) for stack in shared])
    lengths = [len(names) for names in conditions.values()]
    pairs = xr.DataArray(
        values.reshape(*lengths, *values.shape[1:]),
        dims=(*conditions, "layer", "instance_pair"),
        coords={name: list(own) for name, own in conditions.items()}
        | {"layer": shared[0].layer.values},
    )
    return with_intervals(pairs, statistics).assign_attrs(attributes(shared[0], statistics))


class Terms(NamedTuple):
    """What `total` adds up, of instances that have the same seeds on both sides.

    Attributes:
        same: `(..., instance)`, a value for each seed, such as the similarity of its two networks.
        different: `(..., instance, other_instance)`, a value for each two seeds, such as the
            similarity of their networks; it need not be symmetric, and its diagonal is not used.
    """

    same: Float[np.ndarray, "... instance"]
    different: Float[np.ndarray, "... instance other_instance"]

    @classmethod
    def of_same(cls, same: np.ndarray) -> "Terms":
        """Terms whose second term is zero."""
        return cls(same, np.zeros((*same.shape, same.shape[-1])))

    @classmethod
    def of_different(cls, different: np.ndarray) -> "Terms":
        """Terms whose first term is zero."""
        return cls(np.zeros(different.shape[:-1]), different)


def interval_of(values: xr.DataArray | Terms, statistics: StatisticsConfig) -> MeanInterval:
    """The jackknife interval of the mean of r² `(instance_pair,)`, of matched terms that are r².

    Of one value per instance it is Student's t. The bounds are NaN for fewer than three instances.
    """
    if isinstance(values, Terms):
        n = values.different.shape[-1]
        statistic = lambda kept: total(values, kept)
        return interval_of_statistic(statistic, n, statistics, "shared_variance")
    if values.dims == ("instance_pair",):
        return interval_of_pairs(values.values, "instances", statistics)
    return interval_of_mean(values.values, statistics)


def mean_and_jackknife(
    values: xr.DataArray | Terms, confidence: float, scale: Scale = "raw"
) -> tuple[float, Jackknife | None]:
    """The mean that `interval_of` returns, with the jackknife over instances on any scale.

    There is none for fewer than three instances.

    >>> mean, found = mean_and_jackknife(xr.DataArray([0.2, 0.4], dims="instance"), 0.95)
    >>> round(mean, 6), found
    (0.3, None)
    """
    if isinstance(values, Terms):
        n = values.different.shape[-1]
        statistic = lambda kept: total(values, kept)
        found = jackknife_statistic(statistic, n, confidence, scale) if n >= FEWEST else None
        return float(statistic(np.arange(n))), found
    of_pairs = values.dims == ("instance_pair",)
    n = stimuli_of_pairs("values", values.size) if of_pairs else values.size
    mean = float(values.values.astype(np.float64).mean())
    if n < FEWEST:
        return mean, None
    if of_pairs:
        return mean, jackknife_pairs(values.values, confidence, scale)
    own = values.values
    return mean, jackknife_statistic(lambda kept: own[kept].mean(), n, confidence, scale)


def total(terms: Terms, kept: np.ndarray) -> np.ndarray:
    """The mean of `same` plus that of `different` over ordered pairs, of some instances."""
    n = len(kept)
    different = terms.different[..., kept[:, None], kept]
    off_diagonal = different.sum((-2, -1)) - np.trace(different, axis1=-2, axis2=-1)
    return np.asarray(terms.same[..., kept].mean(-1) + off_diagonal / (n * (n - 1)))


def attributes(stack: xr.Dataset, statistics: StatisticsConfig) -> dict:
    """The attributes of a result: where its RDMs come from, and how intervals were drawn."""
    return {
        **stack.attrs,
        "n_stimuli": stack.sizes["stimulus"],
        "n_categories": len(np.unique(stack.category.values)),
        "seeds": stack.seed.values,
        "n_replaced": stack.sizes.get("replaced_instance", 0),
        **statistics_attributes(statistics),
        **OVER_INSTANCES,
    }


def statistics_attributes(statistics: StatisticsConfig) -> dict:
    """How the intervals of a result were computed, as attributes."""
    return {name: getattr(statistics, name) for name in ("n_resamples", "confidence", "seed")}


def statistics_of(result: xr.Dataset) -> StatisticsConfig:
    """What `statistics_attributes` wrote."""
    names = statistics_attributes(StatisticsConfig())
    return StatisticsConfig(**{name: np.asarray(result.attrs[name]).item() for name in names})
