"""What several experiments do with values of instance pairs: match instances, add intervals."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from ensemble_rsa.analysis.bootstrap.consistency import bootstrap_pairs
from ensemble_rsa.config.settings import StatisticsConfig
from ensemble_rsa.errors import RunError
from ensemble_rsa.pipeline.results import BOOTSTRAPS


def same_instances(stacks: Sequence[xr.Dataset | xr.DataArray]) -> list:
    """The stacks with the instances that all of them hold, in one order, matched by seed.

    An instance that cannot be compared in one layer or by one distance is missing from that stack
    alone, so that the same number may mean another network in each.

    Args:
        stacks: with dimension `instance` and its coordinate `seed`, which is different for all.

    Raises:
        RunError: fewer than two are left.

    >>> first = xr.Dataset(coords={"seed": ("instance", [4, 5, 6])})
    >>> second = xr.Dataset(coords={"seed": ("instance", [6, 4])})
    >>> [stack.seed.values.tolist() for stack in same_instances([first, second])]
    [[4, 6], [4, 6]]
    """
    seeds = [stack.seed.values.tolist() for stack in stacks]
    shared = [seed for seed in seeds[0] if all(seed in others for others in seeds)]
    if len(shared) < 2:
        raise RunError("fewer than two instances can be compared in all that is set side by side")
    return [
        stack if own == shared else stack.isel(instance=[own.index(seed) for seed in shared])
        for stack, own in zip(stacks, seeds, strict=True)
    ]


def with_intervals(values: xr.DataArray, settings: StatisticsConfig) -> xr.Dataset:
    """Values of instance pairs with their mean and the intervals of both bootstraps.

    Args:
        values: `(..., instance_pair)`.
        settings: of the bootstraps.

    Returns:
        `consistency (..., instance_pair)`, `consistency_mean (...)` and `consistency_low,
        consistency_high (bootstrap, ...)`, which is what `draw_course` draws.
    """
    leading = values.dims[:-1]
    bounds = [
        bootstrap_pairs(
            values.values, over, settings.n_resamples, settings.confidence, settings.seed
        )
        for over in BOOTSTRAPS
    ]
    return xr.Dataset(
        {
            "consistency": values,
            "consistency_mean": values.mean("instance_pair"),
            "consistency_low": (("bootstrap", *leading), np.stack([b.low for b in bounds])),
            "consistency_high": (("bootstrap", *leading), np.stack([b.high for b in bounds])),
        },
        coords={"bootstrap": list(BOOTSTRAPS)},
    )


def attributes(stack: xr.Dataset, settings: StatisticsConfig) -> dict:
    """What captions and findings need to know of a stack of RDMs and of the analysis."""
    return {
        **stack.attrs,
        "n_stimuli": stack.sizes["stimulus"],
        "n_categories": len(np.unique(stack.category.values)),
        "seeds": stack.seed.values,
        "n_resamples": settings.n_resamples,
        "confidence": settings.confidence,
        "seed": settings.seed,
    }


def settings_of(result: xr.Dataset) -> StatisticsConfig:
    """The settings of the bootstraps that a result was made with."""
    return StatisticsConfig(
        n_resamples=int(result.attrs["n_resamples"]),
        confidence=float(result.attrs["confidence"]),
        seed=int(result.attrs["seed"]),
    )
