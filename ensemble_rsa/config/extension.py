"""The configuration of an ensemble with further instances."""

from collections.abc import Sequence
from dataclasses import replace

from ensemble_rsa.config.serialize import config_differences
from ensemble_rsa.config.settings import GROUPED, STACKED, Config, weight_seeds
from ensemble_rsa.errors import InputError, shown
from ensemble_rsa.scalars import is_whole


def extended(
    config: Config, instances: int, seeds: Sequence[int] = (), gone: Sequence[int] = ()
) -> Config:
    """The same ensemble with more instances, whose seeds go on as those of the first ones do.

    Args:
        config: of the ensemble that there is.
        instances: how many there shall be in all.
        seeds: weight seeds that its instances were trained with; those of `config` when empty.
        gone: weight seeds of instances that were replaced, which are not drawn again.

    Raises:
        InputError: no more instances than there are, or settings of each instance of which it is
            not known how they go on.

    >>> from ensemble_rsa.config.settings import TrainingConfig
    >>> two = Config(training=TrainingConfig(instances=2, order_seed=(0, 1)))
    >>> extended(two, 4).training.order_seed
    (0, 1, 2, 3)
    >>> extended(two, 4, seeds=(0, 2), gone=(1,)).training.seeds
    (0, 2, 3, 4)
    """
    training = config.training
    least = training.instances + 1
    if not is_whole(instances) or instances < least:
        raise InputError(
            f"instances: expected a whole number of at least {least}, more than there are, got "
            f"{shown(instances)}"
        )
    for name in STACKED:
        if isinstance(values := getattr(training, name), tuple):
            raise _not_known(name, values)
    changes = {
        name: _continued(name, values, instances)
        for name in GROUPED
        if isinstance(values := getattr(training, name), tuple)
    }
    asked, trained = weight_seeds(training), tuple(seeds or weight_seeds(training))
    if trained != asked:  # some were replaced
        first = max(*asked, *trained, *gone) + 1
        more = range(first, first + instances - training.instances)
        changes["seeds"] = (*trained, *more)
    elif training.seeds is not None:
        changes["seeds"] = _continued("seeds", training.seeds, instances)
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


def _continued(name: str, values: tuple[int, ...], instances: int) -> tuple[int, ...]:
    """Values that are all the same, or counted by one, for so many instances."""
    steps = {after - before for before, after in zip(values, values[1:], strict=False)}
    if steps not in ({0}, {1}):
        raise _not_known(name, values)
    step = steps.pop()
    return tuple(values[0] + step * i for i in range(instances))


def _not_known(name: str, values: tuple[int | float, ...]) -> InputError:
    return InputError(
        f"instances: {name} is {shown(values)}, and which further instances would have is not "
        "known; train these as an ensemble of their own"
    )
