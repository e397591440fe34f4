"""How many hours the networks of some experiments will take, told before any is trained."""

import time
from collections.abc import Mapping, Sequence

import jax

from ensemble_rsa.backend import candidates, device_name
from ensemble_rsa.bench.paper import products
from ensemble_rsa.bench.steps import Setup, ready_to_train
from ensemble_rsa.bench.training import on_this_device
from ensemble_rsa.config import Config
from ensemble_rsa.models.catalogue import Blueprint

MEASURED_INSTANCES = 4
_CIFAR10 = ((32, 32, 3), 10, 50_000)
# Image shape, categories and training images, where they are known without a look at the images.
KNOWN = {
    "cifar10": _CIFAR10,
    "imagenet2012": ((224, 224, 3), 1000, 1_281_167),
    "digits": ((8, 8, 1), 10, 1437),
}


def measured_rate(config: Config) -> float:
    """Training images a second of an All-CNN ensemble on this device, over all its instances.

    Args:
        config: with images of a kind in `KNOWN`.
    """
    training = config.training
    shape = KNOWN[config.data.dataset][0]
    n = min(MEASURED_INSTANCES, training.instances)
    setup = on_this_device(
        Setup(
            n,
            config.model.width,
            shape,
            training.batch_size,
            model=config.model.model,
            precision=training.precision,
        )
    )
    call = ready_to_train(setup, candidates()[0])
    jax.block_until_ready(call())  # compiles
    began = time.perf_counter()
    jax.block_until_ready(call())
    return n * setup.batch * setup.steps / (time.perf_counter() - began)


def hours(configs: Mapping[str, Config], base: Config, rate: float) -> dict[str, float | None]:
    """Hours that each ensemble trains; None where nothing is known of its images.

    Rates of other networks are those of as many multiplications at the speed of the base. Tests
    after each epoch add some parts in a hundred, waiting for images from a disk more.

    Args:
        configs: name → ensemble.
        base: the ensemble whose rate was measured.
        rate: its training images a second, over all instances that train at once.

    >>> from ensemble_rsa.reproduce.scales import make_scale
    >>> paper = make_scale("paper").ensembles
    >>> found = hours(paper, paper["all_cnn_c"], rate=1000.0)
    >>> round(found["all_cnn_c"], 1), round(found["dropout"], 1), round(found["first_half"], 1)
    (48.6, 388.9, 24.3)
    """
    pace = rate * _products(base)
    found: dict[str, float | None] = {}
    for name, config in configs.items():
        images = training_images(config)
        seen = None if images is None else images * config.training.epochs
        found[name] = (
            None if seen is None else seen * config.training.instances * _products(config)
            / pace / 3600
        )  # fmt: skip
    return found


def training_images(config: Config) -> int | None:
    """How many images an epoch has; None where the folder would have to be looked at.

    >>> from ensemble_rsa.config import DataConfig
    >>> training_images(Config(DataConfig("cifar10", train_images=4000, part="first_half")))
    2000
    """
    data = config.data
    if data.dataset not in KNOWN:
        return None
    _, n_categories, every = KNOWN[data.dataset]
    chosen = data.train_images or every
    if data.part != "all":
        chosen //= 2
    return chosen if data.categories is None else chosen * len(data.categories) // n_categories


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
        f"{name}: {configs[name].training.instances} networks, "
        + ("hours not known" if value is None else f"about {value:,.1f} hours")
        for name, value in found.items()
    ]
    total = sum(value for value in found.values() if value is not None)
    return [*lines, f"all of it: about {total:,.1f} hours on {device_name()}"]


def _products(config: Config) -> int:
    shape, n_categories, _ = KNOWN.get(config.data.dataset, _CIFAR10)
    model = config.model
    return products(Blueprint(model.model, shape, n_categories, width=model.width))
