"""Grids of settings as one ensemble."""

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ensemble_rsa.config.settings import GROUPED, STACKED, Config, weight_seeds
from ensemble_rsa.errors import InputError, check_name, shown
from ensemble_rsa.scalars import is_number

SWEPT = (*STACKED, *GROUPED)


def sweep(config: Config, **values: Sequence[int | float]) -> Config:
    """One ensemble for all combinations of some settings, each with the same instances.

    The instances of the first combination come first. Every combination has the weight seeds of
    `config`, so that instances of equal seed differ in their settings alone. Seeds of the data
    order or of dropout are thus crossed with weight seeds (see `crossed_variance_components`).

    Args:
        config: what the combinations share.
        values: `learning_rate`, `l2`, `dropout`, `order_seed` or `dropout_seed`, and the values
            each takes.

    Raises:
        InputError: a setting that cannot differ between instances, or no values for it.

    >>> from ensemble_rsa.config.settings import TrainingConfig
    >>> grid = sweep(Config(training=TrainingConfig(instances=2)), dropout=[0.0, 0.5])
    >>> grid.training.dropout, grid.training.seeds
    ((0.0, 0.0, 0.5, 0.5), (0, 1, 0, 1))
    >>> sweep(Config(training=TrainingConfig(instances=2)), order_seed=[0, 7]).training.order_seed
    (0, 0, 7, 7)
    """
    if not isinstance(config, Config):
        raise InputError(f"config: expected a Config, got {shown(config)}")
    for name, given in values.items():
        check_name("sweep", name, SWEPT)
        if isinstance(given, str) or not np.ndim(given) or not len(given):
            raise InputError(f"sweep: expected a list of values of {name}, got {shown(given)}")
        if wrong := [value for value in given if not is_number(value)]:
            raise InputError(f"sweep: expected numbers for {name}, got {shown(wrong[0])}")
        if name in GROUPED and (wrong := [value for value in given if value != int(value)]):
            raise InputError(f"sweep: expected whole numbers for {name}, got {shown(wrong[0])}")
    training = config.training
    grid = list(itertools.product(*values.values()))
    stacked = {}
    for name in SWEPT:
        shared = getattr(training, name)
        if name in values:
            column, kind = list(values).index(name), int if name in GROUPED else float
            stacked[name] = tuple(
                kind(row[column]) for row in grid for _ in range(training.instances)
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
