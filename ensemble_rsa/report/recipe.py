"""What a configuration says of data, networks and training, as values for methods paragraphs."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ensemble_rsa.arrays import readable
from ensemble_rsa.config.serialize import SECTIONS, config_from_dict
from ensemble_rsa.config.settings import (
    STACKED,
    Config,
    DataConfig,
    ModelConfig,
    TrainingConfig,
    weight_seeds,
)
from ensemble_rsa.errors import InputError
from ensemble_rsa.figures.wording import MODEL_NAMES, as_ranges

_DATASETS = {
    "digits": "the handwritten digits of scikit-learn",
    "cifar10": "CIFAR-10",
    "imagenet2012": "ImageNet (ILSVRC 2012)",
}
_PARTS = {
    "first_half": "the first half of each category's",
    "second_half": "the second half of each category's",
}
_PREPROCESSING = {
    "gcn_zca": "Images were normalised in contrast (by mean and standard deviation of all training "
    "pixels) and ZCA-whitened.",
    "gcn_zca_per_image": "Each image was normalised in contrast (its mean subtracted, its norm set "
    "to 55), and images were ZCA-whitened.",
    "standardize": "Pixels were standardised by the mean and standard deviation of all training "
    "pixels.",
    "symmetric": "Pixels were scaled to the range from −1 to 1.",
    "none": "Pixels were scaled to the range from 0 to 1.",
}
_RESIZED = {
    "crop": "the short side scaled, and the centre cropped",
    "squash": "regardless of their proportions",
}
_SEEDS = {
    "order_seed": "the seed of the order of training images",
    "dropout_seed": "the seed of dropout",
    "augmentation_seed": "the seed of augmentation",
}
_SETTINGS = {
    "learning_rate": "the learning rate",
    "l2": "the coefficient of the L2 penalty",
    "dropout": "the probability of dropout",
}
# Who described a network, by how its name begins
CITED = {"all_cnn_c": "Springenberg et al. 2015", "resnet": "He et al. 2016"}
_AFTER = {
    "strided": "after the strided layers",
    "input_and_strided": "on the input and after the strided layers",
    "all": "after all layers but the last",
}


def known_config(values: Mapping[str, Any]) -> Config | None:
    """Return the configuration of a trained run; None for anything else.

    Settings that a run of an earlier version does not have are those it was trained with.
    """
    if "training" not in values:
        return None
    try:
        return config_from_dict({name: values[name] for name in SECTIONS if name in values})
    except (InputError, TypeError, ValueError):
        return None


def recipe_values(config: Config, n_train: int | None = None) -> dict[str, Any]:
    """Return what the templates `methods/networks` and `methods/recipe` need of a configuration.

    `n_train` is the number of training images that were used, if it is known.
    """
    training, data = config.training, config.data
    return {
        "network": {"name": model_name(config.model), "notes": _notes(config.model)},
        "data": {
            "name": dataset_name(data),
            "n_train": n_train or data.train_images,
            "part": _PARTS.get(data.part, ""),
            "categories": data.categories or (),
            "map": map_name(data.category_map),
            "size": data.image_size if _is_resized(data) else None,
            "resize": _RESIZED[data.resize],
            "preprocessing": _PREPROCESSING[data.preprocessing],
        },
        "n_trained": training.instances,
        "recipe": training,
        "learning_rate": value_of_all(training.learning_rate),
        "l2": value_of_all(training.l2),
        "is_module": config.model.is_module,
        "drops": _drops(training),
        "dropout_text": _dropout(config),
        **_differences(training),
    }


def model_name(model: ModelConfig) -> str:
    """Return what a network is called in a sentence.

    >>> model_name(ModelConfig("resnet20")), model_name(ModelConfig("nets:Small"))
    ('ResNet-20', 'the Flax module Small')
    """
    if ":" in model.model:
        return f"the Flax module {readable(model.model.rpartition(':')[2])}"
    name = MODEL_NAMES.get(model.model, model.model)
    return f"{name} (our surrogate)" if model.model.startswith("all_cnn_7") else name


def dataset_name(data: DataConfig) -> str:
    """Return what a data set is called in a sentence.

    >>> dataset_name(DataConfig("folder:/data/birds")), dataset_name(DataConfig("tfds:mnist"))
    ('the images in the folder birds', 'mnist of TensorFlow Datasets')
    """
    kind, _, place = data.dataset.partition(":")
    name = readable(Path(place).name)
    named = {
        "folder": f"the images in the folder {name}",
        "tfds": f"{readable(place)} of TensorFlow Datasets",
        "arrays": f"the images in {name}",
    }
    return named.get(kind) or _DATASETS[data.dataset]


def map_name(category_map: str | None) -> str:
    """Return what a mapping of categories is called in a sentence; nothing where there is none.

    >>> map_name("animals"), map_name("/data/birds.json"), map_name(None)
    ('animals', 'birds.json', '')
    """
    return readable(Path(category_map).name) if category_map else ""


def value_of_all(setting: Any) -> Any:
    """Return the value of a setting that all instances have; None where it differs.

    >>> value_of_all(0.1), value_of_all((0.1, 0.1)), value_of_all((0.1, 0.2))
    (0.1, 0.1, None)
    """
    values = {*setting} if isinstance(setting, tuple) else {setting}
    return values.pop() if len(values) == 1 else None


def _is_resized(data: DataConfig) -> bool:
    return data.folder is not None or data.dataset == "imagenet2012"


def _notes(model: ModelConfig) -> list[str]:
    is_own = ":" in model.model  # a module of the user, whatever its name
    found = [words for name, words in CITED.items() if model.model.startswith(name) and not is_own]
    found += [] if model.width == 1 else [f"{model.width:g} times the usual number of channels"]
    found += [] if model.last_relu else ["no ReLU on the class maps"]
    found += [] if model.valid_padding else ["padding in the last 3 × 3 layer"]
    return [*found, *map(readable, model.model_arg)]


def _drops(training: TrainingConfig) -> dict[int, list[int]]:
    """What the rate is divided by → after which epochs; several drops may fall on one epoch."""
    if training.schedule != "drops":
        return {}
    counts = Counter(round(share * training.epochs) for share in training.drop_after)
    drops: dict[int, list[int]] = {}
    for epoch, n_drops in counts.items():
        if epoch < training.epochs:
            drops.setdefault(10**n_drops, []).append(epoch)
    return drops


def _dropout(config: Config) -> str:
    """A sentence on dropout; none for modules, which decide on it themselves."""
    if config.model.is_module:
        return ""
    rates = {*np.atleast_1d(config.training.dropout).tolist()}
    if rates == {0.0}:
        return "There was no dropout."
    where = "" if config.model.model == "alexnet" else f" {_AFTER[config.model.dropout_after]}"
    if len(rates) == 1:
        return f"Units were dropped with probability {rates.pop():g}{where}."
    return f"Dropout acted{where}, with the probability of each instance."


def _differences(training: TrainingConfig) -> dict[str, Any]:
    """What instances differ in, in words, and how many have the same settings but for seeds."""
    differ, seeds = [], weight_seeds(training)
    if len({*seeds}) > 1:
        differ.append(f"the seed of their initial weights (seeds {_distinct(seeds)})")
    for name, words in _SEEDS.items():
        own = getattr(training, name)
        if isinstance(own, tuple) and len({*own}) > 1:
            differ.append(f"{words} (seeds {_distinct(own)})")
    stacked = [getattr(training, name) for name in STACKED]
    each = [np.broadcast_to(own, training.instances).tolist() for own in stacked]
    rows = list(zip(*each, strict=True))
    for name, own in zip(STACKED, stacked, strict=True):
        if isinstance(own, tuple) and len({*own}) > 1:
            values = ", ".join(f"{value:g}" for value in dict.fromkeys(own))
            differ.append(f"{_SETTINGS[name]} ({values})")
    sizes = {rows.count(row) for row in rows}
    several = len({*rows}) > 1 and len(sizes) == 1
    return {
        "differ": differ,
        "n_settings": sum(isinstance(own, tuple) and len({*own}) > 1 for own in stacked),
        "n_each": sizes.pop() if several else None,
    }


def _distinct(seeds: Sequence[int]) -> str:
    return as_ranges(list(dict.fromkeys(seeds)))
