"""The available networks by name, and how one is built."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Key

from ensemble_rsa.config.settings import ModelConfig
from ensemble_rsa.errors import InputError, unknown_name
from ensemble_rsa.models import alexnet
from ensemble_rsa.models.all_cnn import ARCHITECTURES, AllCNN, Architecture
from ensemble_rsa.models.by_name import function_by_name
from ensemble_rsa.models.convnet import ConvNet, Convolution
from ensemble_rsa.models.convolution import CONVOLUTIONS
from ensemble_rsa.models.plain_modules import MLP, ViT
from ensemble_rsa.models.resnet import ResNet


@dataclass(frozen=True)
class Blueprint:
    """What a network is built from.

    Attributes:
        config: which network.
        image_shape: (height, width, channel).
        n_categories: number of class maps.
        convolution: one of `CONVOLUTIONS`.
        precision: of the arithmetic; bfloat16 computes in bfloat16 with float32 parameters.
    """

    config: ModelConfig
    image_shape: tuple[int, int, int]
    n_categories: int
    convolution: str = "xla"
    precision: str = "float32"

    def __post_init__(self):
        if module_maker(self.config.model) is None:
            model_entry(self.config.model)
        elif self.precision == "bfloat16":
            raise InputError(
                f"precision: bfloat16 is for networks of convolutions only; {self.config.model} "
                "decides on its own dtype"
            )


@dataclass(frozen=True)
class Model:
    """One entry of the catalogue.

    Attributes:
        layers: names of the recorded layers, from the image to the class maps.
        build: (config, image shape, number of categories, `nnx.Conv` with its algorithm, dtype and
            keys) → the network with its initial parameters.
        surrogate: whether it replaces a network whose description has not been published.
    """

    layers: tuple[str, ...]
    build: Callable[..., ConvNet]
    surrogate: bool = False


def all_cnn(architecture: Architecture) -> Model:
    """The entry of an All-CNN with these layers.

    >>> all_cnn(ARCHITECTURES["all_cnn_7"]).layers[-1]
    'conv7'
    """
    names = tuple(f"conv{i + 1}" for i in range(len(architecture.layers) + 1))
    return Model(names, partial(AllCNN, architecture), architecture.surrogate)


MODELS: Mapping[str, Model] = MappingProxyType(
    {
        **{name: all_cnn(architecture) for name, architecture in ARCHITECTURES.items()},
        "alexnet": Model(tuple(alexnet.LAYERS), alexnet.AlexNet),
    }
)


MODULES: Mapping[str, Callable[..., nnx.Module]] = MappingProxyType(
    {
        **{f"resnet{depth}": partial(ResNet, depth=depth) for depth in (18, 20, 32, 56)},
        "vit": ViT,
        "mlp": MLP,
    }
)


def module_maker(model: str) -> Callable[..., nnx.Module] | None:
    """What makes the Flax module of this name, of the package or of a user; None for the others.

    Raises:
        InputError: `model` has the form `module:Class`, and there is no such class.
    """
    if ":" in model:
        return function_by_name("model", model)[0]
    return MODULES.get(model)


def module_file(model: str) -> Path | None:
    """The file of a user's module; None for the networks of the package."""
    return function_by_name("model", model)[1] if ":" in model else None


def is_surrogate(model: str) -> bool:
    """Whether a network replaces one whose description has not been published."""
    return model in MODELS and MODELS[model].surrogate


def model_entry(model: str) -> Model:
    """The catalogue entry of a model.

    Raises:
        InputError: no such model.
    """
    if model not in MODELS:
        raise unknown_name("model", model, [*MODELS, *MODULES, "module:Class"])
    return MODELS[model]


def layer_names(model: str) -> tuple[str, ...]:
    """Names of the recorded layers, from the image to the class maps.

    >>> layer_names("alexnet")[-3:]
    ('fc6', 'fc7', 'fc8')
    """
    return model_entry(model).layers


def build(blueprint: Blueprint, key: Key[Array, ""]) -> ConvNet:
    """A network of one instance, whose initial parameters depend only on `key`."""
    convolution = partial(
        Convolution,
        conv_general_dilated=CONVOLUTIONS[blueprint.convolution],
        dtype=jnp.bfloat16 if blueprint.precision == "bfloat16" else jnp.float32,
        rngs=nnx.Rngs(params=key),  # each layer has its own key
    )
    return model_entry(blueprint.config.model).build(
        blueprint.config, blueprint.image_shape, blueprint.n_categories, convolution
    )
