"""The configuration of an ensemble with further instances."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ensemble_rsa.config.serialize import config_differences
from ensemble_rsa.config.settings import GROUPED, STACKED, Config
from ensemble_rsa.errors import InputError, shown
from ensemble_rsa.scalars import is_whole


def extended(config: Config, instances: int, replaced: Sequence[int] | None = None) -> Config:
    """The same ensemble with more instances, whose seeds go on as those of the first ones do.

    Args:
        config: of the ensemble that there is.
        instances: how many there shall be in all.
        replaced: weight seeds of its instances if some of them took the place of others; further
            instances have the seeds that follow the largest one.

    Raises:
        InputError: no more instances than there are, or settings of each instance of which it is
            not known how they go on.

    >>> from ensemble_rsa.config.settings import TrainingConfig
    >>> two = Config(training=TrainingConfig(instances=2, order_seed=(0, 1)))
    >>> extended(two, 4).training.order_seed
    (0, 1, 2, 3)
    >>> extended(two, 4, replaced=(0, 2)).training.seeds
    (0, 2, 3, 4)
    """
    training = config.training
    n = training.instances
    if not is_whole(instances) or instances <= n:
        raise InputError(
            f"instances: expected a whole number of at least {n + 1}, more than there are, got "
            f"{shown(instances)}"
        )
    changes = {
        name: _continued(name, values, instances, (0,) if name in STACKED else (0, 1))
        for name in (*STACKED, *GROUPED, "seeds")
        if isinstance(values := getattr(training, name), tuple)
        and not (name == "seeds" and replaced)
    }
    if replaced:
        first = max(replaced) + 1
        changes["seeds"] = (*replaced, *range(first, first + instances - n))
    return replace(config, training=replace(training, instances=instances, **changes))


def is_extended(config: Config, fewer: Config) -> bool:
    """Whether a configuration is that of an ensemble of which `fewer` are the first instances.

    >>> from ensemble_rsa.config.settings import TrainingConfig
    >>> three, two = (Config(training=TrainingConfig(instances=n)) for n in (3, 2))
    >>> is_extended(three, two), is_extended(two, three)
    (True, False)
    """
    try:
        return not config_differences(config, extended(fewer, config.training.instances))
    except InputError:
        return False


def _continued(
    name: str, values: tuple[Any, ...], instances: int, steps: Sequence[int]
) -> tuple[Any, ...]:
    """Values for so many instances, where each is the one before plus the same one of `steps`."""
    found = {after - before for before, after in itertools.pairwise(values)}
    if len(found) != 1 or not found <= {*steps}:
        raise InputError(
            f"instances: {name} is {shown(values)}, and which further instances would have is not "
            "known; train these as an ensemble of their own"
        )
    step = found.pop()
    return tuple(values[0] + step * i for i in range(instances))
