"""Grids of settings as one ensemble."""

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ensemble_rsa.config.settings import STACKED, Config, weight_seeds
from ensemble_rsa.errors import InputError, check_name, shown
from ensemble_rsa.scalars import is_number


def sweep(config: Config, **values: Sequence[float]) -> Config:
    """One ensemble for all combinations of some settings, each with the same instances.

    The instances of the first combination come first. Every combination has the weight seeds of
    `config`, so that instances of equal seed differ in their settings alone.

    Args:
        config: what the combinations share.
        values: `learning_rate`, `l2` or `dropout`, and the values each takes.

    Raises:
        InputError: a setting that cannot differ between instances, or no values for it.

    >>> from ensemble_rsa.config.settings import TrainingConfig
    >>> grid = sweep(Config(training=TrainingConfig(instances=2)), dropout=[0.0, 0.5])
    >>> grid.training.dropout, grid.training.seeds
    ((0.0, 0.0, 0.5, 0.5), (0, 1, 0, 1))
    """
    if not isinstance(config, Config):
        raise InputError(f"config: expected a Config, got {shown(config)}")
    for name, given in values.items():
        check_name("sweep", name, STACKED)
        if isinstance(given, str) or not np.ndim(given) or not len(given):
            raise InputError(f"sweep: expected a list of values of {name}, got {shown(given)}")
        if wrong := [value for value in given if not is_number(value)]:
            raise InputError(f"sweep: expected numbers for {name}, got {shown(wrong[0])}")
    training = config.training
    grid = list(itertools.product(*values.values()))
    stacked = {}
    for name in STACKED:
        shared = getattr(training, name)
        if name in values:
            column = list(values).index(name)
            stacked[name] = tuple(
                float(row[column]) for row in grid for _ in range(training.instances)
            )
        elif isinstance(shared, tuple):
            stacked[name] = shared * len(grid)
    changed = replace(
        training,
        instances=training.instances * len(grid),
        seeds=weight_seeds(training) * len(grid),
        **stacked,
    )
    return replace(config, training=changed)
