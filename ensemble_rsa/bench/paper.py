"""How long the networks of the whole paper take to train, from images per second."""

from collections.abc import Mapping
from dataclasses import dataclass

from ensemble_rsa.models.all_cnn import Conv, architecture
from ensemble_rsa.models.ensemble import Blueprint, map_shapes

EPOCHS = 350
CIFAR10 = (32, 32, 3)
_CATEGORIES = 10


@dataclass(frozen=True)
class Networks:
    """Networks that the paper needs; how many images those on other data see is our choice."""

    what: str
    model: str
    number: int
    images: int


PAPER = (
    Networks("All-CNN-C", "all_cnn_c", 10, 50_000),
    Networks("All-CNN-7 (our surrogate)", "all_cnn_7", 10, 50_000),
    Networks("All-CNN-C with nine rates of dropout", "all_cnn_c", 90, 50_000),
    Networks("All-CNN-C on different images (two halves)", "all_cnn_c", 20, 25_000),
    Networks("All-CNN-C on different categories (two fives)", "all_cnn_c", 20, 25_000),
)
ALEXNET, ALEXNET_NUMBER, ALEXNET_EPOCHS, IMAGENET_IMAGES = "AlexNet", 10, 90, 1_281_167
# Side of the maps, window, channels before and after: the variant without local normalisation.
ALEXNET_LAYERS = (
    (54, 11, 3, 64),
    (26, 5, 64, 192),
    (12, 3, 192, 384),
    (12, 3, 384, 384),
    (12, 3, 384, 256),
    (1, 5, 256, 4096),
    (1, 1, 4096, 4096),
    (1, 1, 4096, 1000),
)


@dataclass(frozen=True)
class Hours:
    """How long some networks train; None where their rate was not measured.

    Attributes:
        what: which networks.
        number: how many.
        epochs: of each.
        images: in an epoch.
        hours: without tests, which add some seven parts in a hundred if made after each epoch.
        included: whether this package trains them, so that they count in the total.
    """

    what: str
    number: int
    epochs: int
    images: int
    hours: float | None
    included: bool = True


def paper_hours(rates: Mapping[str, float]) -> list[Hours]:
    """Hours for each set of networks, and in the last row for AlexNet, which is not included.

    AlexNet's are those of as many multiplications at the speed of All-CNN-C; reading its images
    does not count.

    Args:
        rates: model → training images per second, over all instances that train at once.

    >>> round(paper_hours({"all_cnn_c": 1000.0})[0].hours, 1)
    48.6
    """
    rows = []
    for one in PAPER:
        rate = rates.get(one.model)
        hours = one.number * EPOCHS * one.images / rate / 3600 if rate else None
        rows.append(Hours(one.what, one.number, EPOCHS, one.images, hours))
    rate = rates.get("all_cnn_c")
    heavier = alexnet_products() / products("all_cnn_c", CIFAR10)
    seen = ALEXNET_NUMBER * ALEXNET_EPOCHS * IMAGENET_IMAGES
    hours = seen * heavier / rate / 3600 if rate else None
    return [
        *rows, Hours(ALEXNET, ALEXNET_NUMBER, ALEXNET_EPOCHS, IMAGENET_IMAGES, hours, False)
    ]  # fmt: skip


def total_hours(rows: list[Hours]) -> float | None:
    """Of all that is included; None where one of them is not known."""
    hours = [row.hours for row in rows if row.included]
    known = [value for value in hours if value is not None]
    return sum(known) if len(known) == len(hours) else None


def products(model: str, image: tuple[int, int, int]) -> int:
    """Multiplications of a forward pass for one image."""
    shapes = [shape.shape for shape in map_shapes(Blueprint(model, image, _CATEGORIES), 1)]
    windows = [spec.window for spec in (*architecture(model).layers, Conv(_CATEGORIES, window=1))]
    return sum(
        height * width * after * window**2 * before[-1]
        for window, before, (_, height, width, after) in zip(
            windows, shapes[:-1], shapes[1:], strict=True
        )
    )


def alexnet_products() -> int:
    """The same for AlexNet."""
    return sum(side**2 * window**2 * i * o for side, window, i, o in ALEXNET_LAYERS)
