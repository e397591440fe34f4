"""Grids of settings as one ensemble."""

import itertools
from collections.abc import Sequence
from dataclasses import replace

from ensemble_rsa.config.checks import check_choice
from ensemble_rsa.config.settings import STACKED, Config, weight_seeds
from ensemble_rsa.errors import InputError


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
    for name, given in values.items():
        check_choice("sweep", name, STACKED)
        if not len(given):
            raise InputError(f"sweep: expected values of {name}, got none")
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
