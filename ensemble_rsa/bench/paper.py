"""How long the networks of the whole paper take to train, from images per second."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import jax

from ensemble_rsa.config.settings import ModelConfig
from ensemble_rsa.models.catalogue import Blueprint
from ensemble_rsa.models.ensemble import ensemble_shapes, map_shapes

EPOCHS = 350
ALEXNET_EPOCHS = 90
CIFAR10 = Blueprint(ModelConfig(), (32, 32, 3), 10)
IMAGENET = Blueprint(ModelConfig("alexnet"), (224, 224, 3), 1000)


@dataclass(frozen=True)
class Networks:
    """Networks that the paper needs; how many images those on other data see is our choice."""

    what: str
    model: str
    number: int
    images: int
    epochs: int = EPOCHS


PAPER = (
    Networks("All-CNN-C", "all_cnn_c", 10, 50_000),
    Networks("All-CNN-7 (our surrogate)", "all_cnn_7", 10, 50_000),
    Networks("All-CNN-C with nine rates of dropout", "all_cnn_c", 90, 50_000),
    Networks("All-CNN-C on different images (two halves)", "all_cnn_c", 20, 25_000),
    Networks("All-CNN-C on different categories (two fives)", "all_cnn_c", 20, 25_000),
    Networks("AlexNet", "alexnet", 10, 1_281_167, ALEXNET_EPOCHS),
)


@dataclass(frozen=True)
class Hours:
    """How long some networks train; None where their rate was not measured.

    Attributes:
        what: which networks.
        number: how many.
        epochs: of each.
        images: in an epoch.
        hours: without tests, which add some seven parts in a hundred if made after each epoch, and
            without waiting for images.
        estimated: whether the rate is that of another network, scaled by multiplications.
    """

    what: str
    number: int
    epochs: int
    images: int
    hours: float | None
    estimated: bool = False


def paper_hours(rates: Mapping[str, float]) -> list[Hours]:
    """Hours for each set of networks.

    Where AlexNet's rate was not measured, it is that of as many multiplications at the speed of
    All-CNN-C.

    Args:
        rates: model → training images per second, over all instances that train at once.

    >>> round(paper_hours({"all_cnn_c": 1000.0})[0].hours, 1)
    48.6
    """
    estimates = dict(rates)
    if "all_cnn_c" in rates:
        estimates.setdefault("alexnet", rates["all_cnn_c"] * products(CIFAR10) / products(IMAGENET))
    rows = []
    for one in PAPER:
        rate = estimates.get(one.model)
        hours = one.number * one.epochs * one.images / rate / 3600 if rate else None
        estimated = rate is not None and one.model not in rates
        rows.append(Hours(one.what, one.number, one.epochs, one.images, hours, estimated))
    return rows


def total_hours(rows: list[Hours]) -> float | None:
    """Of all networks; None where one of them is not known."""
    known = [row.hours for row in rows if row.hours is not None]
    return sum(known) if len(known) == len(rows) else None


def products(blueprint: Blueprint) -> int:
    """Multiplications of a forward pass for one image: each kernel at each place of its map."""
    leaves = jax.tree.leaves(ensemble_shapes(blueprint, 1)[1])
    kernels = [math.prod(leaf.shape) for leaf in leaves if len(leaf.shape) == 5]
    places = [math.prod(maps.shape[1:3]) for maps in map_shapes(blueprint, 1)[1:]]
    return sum(kernel * n for kernel, n in zip(kernels, places, strict=True))
