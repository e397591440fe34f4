"""Ensembles whose instances differ in more, or in less, than the seed of their initial weights."""

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ensemble_rsa.config.settings import (
    GROUPED,
    STACKED,
    Config,
    TrainingConfig,
    changes_images,
    weight_seeds,
)
from ensemble_rsa.errors import InputError, check_name, shown
from ensemble_rsa.scalars import is_number

SWEPT = (*STACKED, *GROUPED)
SOURCES = {
    "weights": "seeds",
    "order": "order_seed",
    "augmentation": "augmentation_seed",
    "dropout": "dropout_seed",
}


def sweep(config: Config, **values: Sequence[int | float]) -> Config:
    """One ensemble for all combinations of some settings, each with the same instances.

    The instances of the first combination come first. Every combination has the weight seeds of
    `config`, so that instances of equal seed differ in their settings alone. Seeds of the data
    order or of dropout are thus crossed with weight seeds (see `crossed_variance_components`).

    Args:
        config: what the combinations share.
        values: `learning_rate`, `l2`, `dropout`, `order_seed`, `dropout_seed` or
            `augmentation_seed`, and the values each takes.

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


def own_seeds(training: TrainingConfig) -> dict[str, tuple[int, ...]]:
    """The seeds, besides those of weights, that instances do not share: setting → one for each.

    >>> from ensemble_rsa.config.settings import TrainingConfig
    >>> own_seeds(TrainingConfig(instances=2, order_seed=(0, 7)))
    {'order_seed': (0, 7)}
    """
    values = {name: getattr(training, name) for name in GROUPED}
    return {name: seeds for name, seeds in values.items() if isinstance(seeds, tuple)}


def vary(config: Config, what: Sequence[str]) -> Config:
    """An ensemble whose instances differ in these sources of chance, and in no other.

    Instance i has the seed of the first instance plus i for each source in `what`, and the seed of
    the first instance for the others.

    Args:
        config: its instances' first seeds.
        what: one or more of `weights`, `order`, `augmentation` and `dropout`.

    Raises:
        InputError: an unknown source, none, one that has no effect in this recipe, seeds that
            differ already, or instances that would be replaced by others with other initial
            weights.

    >>> from ensemble_rsa.config.settings import TrainingConfig
    >>> varied = vary(Config(training=TrainingConfig(instances=3)), ["order"]).training
    >>> varied.seeds, varied.order_seed, varied.dropout_seed
    ((0, 0, 0), (0, 1, 2), 0)
    """
    listed = [what] if isinstance(what, str) else list(what)
    if not listed:
        raise InputError(f"vary: expected one or more of {', '.join(SOURCES)}, got none")
    for name in listed:
        check_name("vary", name, SOURCES)
    training = config.training
    drawn = {
        "augmentation": changes_images(training) or training.mixup > 0,
        "dropout": config.model.is_module or np.any(np.asarray(training.dropout) > 0),
    }
    for name in listed:
        if not drawn.get(name, True):
            raise InputError(f"vary: expected a recipe with {name}, got one without")
    if "weights" not in listed and training.unconverged == "replace":
        raise InputError(
            "vary: expected --unconverged keep, since networks that replace others have other "
            "initial weights, got replace"
        )
    seeds: dict[str, int | tuple[int, ...]] = {}
    for source, field in SOURCES.items():
        first = training.seed if field == "seeds" else getattr(training, field)
        if isinstance(first, tuple) or (field == "seeds" and training.seeds is not None):
            raise InputError(
                f"vary: expected one {field.removesuffix('s')} for all instances, got "
                f"{shown(getattr(training, field))}"
            )
        numbers = range(first, first + training.instances)
        if source in listed:
            seeds[field] = tuple(numbers)
        elif field == "seeds":
            seeds[field] = (first,) * training.instances
    return replace(config, training=replace(training, **seeds))
