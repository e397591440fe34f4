"""How many hours the networks of some experiments will take, told before any is trained."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ensemble_rsa.config.settings import Config, DataConfig
from ensemble_rsa.data.category_map import grouped_categories, read_category_map
from ensemble_rsa.data.folder import folder_source
from ensemble_rsa.data.source import SourceOptions
from ensemble_rsa.device import device_name
from ensemble_rsa.models.catalogue import Blueprint
from ensemble_rsa.training.throughput import images_per_second, multiplications

MEASURED_INSTANCES = 4


class Contents(NamedTuple):
    """What a data set holds to train on, of which a configuration may choose a part."""

    image_shape: tuple[int, int, int]
    n_categories: int
    n_images: int


# Without a look at the images.
KNOWN = {
    "cifar10": Contents((32, 32, 3), 10, 50_000),
    "imagenet2012": Contents((224, 224, 3), 1000, 1_281_167),
    "digits": Contents((8, 8, 1), 10, 1437),
}


def measured_rate(config: Config) -> float:
    """Training images a second of an All-CNN ensemble on this device, over all its instances.

    Args:
        config: with images of a kind in `KNOWN`.
    """
    n_instances = min(MEASURED_INSTANCES, config.training.instances)
    image_shape = KNOWN[config.data.dataset].image_shape
    return images_per_second(config, image_shape, n_instances=n_instances)


def hours(configs: Mapping[str, Config], base: Config, rate: float) -> dict[str, float]:
    """Hours that each ensemble trains.

    Rates of other networks are those of as many multiplications at the speed of the base. Tests
    after each epoch add some parts in a hundred, waiting for images from a disk more.

    Args:
        configs: name → ensemble.
        base: the ensemble whose rate was measured.
        rate: its training images a second, over all instances that train at once.

    Raises:
        InputError: a folder that is not one of images by category.

    >>> from ensemble_rsa.reproduce.scales import make_scale
    >>> paper = make_scale("paper").ensembles
    >>> found = hours(paper, paper["all_cnn_c"], rate=1000.0)
    >>> round(found["all_cnn_c"], 1), round(found["dropout"], 1), round(found["first_half"], 1)
    (48.6, 388.9, 24.3)
    """
    pace = rate * _multiplications(base, _contents(base.data))
    found = {}
    for name, config in configs.items():
        contents, training = _contents(config.data), config.training
        seen = _chosen(config.data, contents) * training.epochs * training.instances
        found[name] = seen * _multiplications(config, contents) / pace / 3600
    return found


def training_images(config: Config) -> int:
    """How many images an epoch has; those in a folder are counted, not opened.

    Raises:
        InputError: a folder that is not one of images by category.

    >>> training_images(Config(DataConfig("cifar10", train_images=4000, part="first_half")))
    2000
    """
    return _chosen(config.data, _contents(config.data))


def estimate_in_words(configs: Mapping[str, Config], base: Config) -> Sequence[str]:
    """A line for each ensemble and one for all, from a short measurement on this device.

    Args:
        configs: those that are yet to be trained.
        base: the All-CNN-C ensemble of the scale.
    """
    if not configs:
        return []
    found = hours(configs, base, measured_rate(base))
    lines = [
        f"{name}: {configs[name].training.instances} networks, about {value:,.1f} hours"
        for name, value in found.items()
    ]
    return [*lines, f"all of it: about {sum(found.values()):,.1f} hours on {device_name()}"]


def _contents(data: DataConfig) -> Contents:
    """What is known of a data set, or counted in a folder."""
    if data.dataset in KNOWN:
        return KNOWN[data.dataset]
    groups = None if data.category_map is None else read_category_map(data.category_map)
    source = folder_source(
        SourceOptions(
            path=Path(data.dataset.removeprefix("folder:")).expanduser(),
            category_map=groups,
            image_size=data.image_size,
            test_fraction=data.test_fraction,
        )
    )
    names, of_folder = grouped_categories(source.categories, groups)
    n_images = int((of_folder[source.train.labels] >= 0).sum())
    return Contents(source.image_shape, len(names), n_images)


def _chosen(data: DataConfig, contents: Contents) -> int:
    chosen = data.train_images or contents.n_images
    if data.part != "all":
        chosen //= 2
    if data.categories is None:
        return chosen
    return chosen * len(data.categories) // contents.n_categories


def _multiplications(config: Config, contents: Contents) -> int:
    shape, n_categories, _ = contents
    return multiplications(Blueprint(config.model, shape, n_categories))
