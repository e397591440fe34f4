"""Estimated training time of ensembles, from a short measurement on this device."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import NamedTuple

from ensemble_rsa.config.settings import Config, DataConfig
from ensemble_rsa.data.category_map import category_groups, grouped_categories
from ensemble_rsa.data.folder import folder_source
from ensemble_rsa.device import device_name
from ensemble_rsa.models.catalogue import Blueprint
from ensemble_rsa.training.throughput import images_per_second, multiplications

MEASURED_INSTANCES = 4


class Contents(NamedTuple):
    """The training images of a data set, of which a configuration may use a part."""

    image_shape: tuple[int, int, int]
    n_categories: int
    n_images: int


KNOWN = {
    "cifar10": Contents((32, 32, 3), 10, 50_000),
    "imagenet2012": Contents((224, 224, 3), 1000, 1_281_167),
    "digits": Contents((8, 8, 1), 10, 1442),
}


def estimate_in_words(configs: Mapping[str, Config], base: Config) -> Sequence[str]:
    """A line for each ensemble and one for the total; the throughput of `base` is measured."""
    if not configs:
        return []
    n_instances = min(MEASURED_INSTANCES, base.training.instances)
    image_shape = KNOWN[base.data.dataset].image_shape
    rate = images_per_second(base, image_shape, n_instances=n_instances)
    found = hours(configs, base, rate)
    lines = [
        f"{name}: {configs[name].training.instances} networks, about {value:,.1f} hours"
        for name, value in found.items()
    ]
    return [*lines, f"total: about {sum(found.values()):,.1f} hours on {device_name()}"]


def hours(configs: Mapping[str, Config], base: Config, rate: float) -> dict[str, float]:
    """Estimated hours of training of each ensemble.

    Other networks are assumed to do as many multiplications per second as the base, which trains
    on `rate` images per second, summed over instances that train together. Testing after each
    epoch and reading images from a disk add to it.
    """
    count = cache(multiplications)

    def cost(config: Config) -> int:
        image_shape, n_categories, _ = _contents(config.data)
        return count(Blueprint(config.model, image_shape, n_categories))

    multiplications_per_hour = 3600 * rate * cost(base)
    found = {}
    for name, config in configs.items():
        training = config.training
        n_images = training_images(config) * training.epochs * training.instances
        found[name] = n_images * cost(config) / multiplications_per_hour
    return found


def training_images(config: Config) -> int:
    """The number of images in an epoch; those in a folder are counted, not opened.

    >>> training_images(Config(DataConfig("cifar10", train_images=4000, part="first_half")))
    2000
    """
    data, contents = config.data, _contents(config.data)
    n_images = data.train_images or contents.n_images
    if data.part != "all":
        n_images //= 2
    if data.categories is None:
        return n_images
    return n_images * len(data.categories) // contents.n_categories


def _contents(data: DataConfig) -> Contents:
    if data.dataset in KNOWN:
        return KNOWN[data.dataset]
    source = folder_source(data)
    groups = category_groups(data.category_map)
    names, of_folder = grouped_categories(source.categories, groups)
    n_images = int((of_folder[source.train.labels] >= 0).sum())
    return Contents(source.image_shape, len(names), n_images)
