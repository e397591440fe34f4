"""Training time and memory of ensembles, known before they are trained.

Time follows from a short measurement on this device, memory from the compiler. Both are stored, so
that a reproduction in many pieces finds them once.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

from ensemble_rsa import files
from ensemble_rsa.config.serialize import config_hash
from ensemble_rsa.config.settings import Config, DataConfig
from ensemble_rsa.data.category_map import category_groups, grouped_categories
from ensemble_rsa.data.folder import folder_source
from ensemble_rsa.device import device_name, free_bytes
from ensemble_rsa.models.catalogue import Blueprint
from ensemble_rsa.reproduce.cache import REMOVE
from ensemble_rsa.training.throughput import images_per_second, multiplications, training_bytes

MEASURED_INSTANCES = 4
MOST_TOGETHER = 10  # instances whose memory is asked for; more are trained in groups that fit


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


def estimate_in_words(configs: Mapping[str, Config], base: Config, store: Path) -> Sequence[str]:
    """A line for each ensemble, one for the total of hours, and one for each network's memory.

    The throughput of `base` is measured, unless it is in `store`, a JSON file. A training that was
    begun counts whole.
    """
    if not configs:
        return []
    n_instances = min(MEASURED_INSTANCES, base.training.instances)
    image_shape = KNOWN[base.data.dataset].image_shape
    measure = lambda: images_per_second(base, image_shape, n_instances=n_instances)
    rate = _stored(store, f"images per second, {config_hash(base)}", measure)
    found = hours(configs, base, rate)
    lines = [
        f"{name}: {configs[name].training.instances} networks, about {value:,.1f} hours"
        for name, value in found.items()
    ]
    total = f"total: about {sum(found.values()):,.1f} hours on {device_name()}"
    return [*lines, total, *_memory_in_words(configs, store)]


def _memory_in_words(configs: Mapping[str, Config], store: Path) -> list[str]:
    """A line for each kind of network: bytes of its instances together, images, and free memory."""
    lines, free = [], free_bytes() / 1e9
    for model, config in {config.model: config for config in reversed([*configs.values()])}.items():
        contents, n = _contents(config.data), min(config.training.instances, MOST_TOGETHER)
        make = partial(training_bytes, config, contents.image_shape, contents.n_categories, n)
        program = _stored(store, f"bytes of {n}, {config_hash(config)}", make) / 1e9
        images = training_images(config) * math.prod(contents.image_shape) / 1e9
        lines.append(
            f"memory: {n} × {model.model} (width {model.width:g}) together {program:,.1f} GB, "
            f"images {images:,.1f} GB in memory or on disk; {free:,.1f} GB are free"
        )
    return lines


def _stored(store: Path, name: str, make: Callable[[], float]) -> float:
    """A number of this device from a JSON file; made and stored if it is not there."""
    known = files.read_table(store, REMOVE) if store.is_file() else {}
    name = f"{device_name()}: {name}"
    if name not in known:
        known[name] = make()
        files.write_json(store, known)
    return known[name]


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
