"""The networks there are by name: what each is built from, and the layers it records."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike
from jaxtyping import Array, Key

from ensemble_rsa.config.settings import DropoutAfter
from ensemble_rsa.errors import unknown_name
from ensemble_rsa.models import alexnet
from ensemble_rsa.models.alexnet import AlexNet
from ensemble_rsa.models.all_cnn import ARCHITECTURES, AllCNN, Architecture
from ensemble_rsa.models.convolution import CONVOLUTIONS


@dataclass(frozen=True)
class Blueprint:
    """What a network is built from.

    Attributes:
        model: one of `MODELS`.
        image_shape: (height, width, channel).
        n_categories: number of class maps.
        width: factor on the number of channels.
        last_relu: ReLU on the class maps of an All-CNN, as in the paper.
        valid_padding: no padding in the last 3 × 3 layer of an All-CNN, as in the paper.
        dropout_after: where dropout acts in an All-CNN.
        convolution: one of `CONVOLUTIONS`.
        precision: of the arithmetic; bfloat16 computes in bfloat16 with float32 parameters.
    """

    model: str
    image_shape: tuple[int, int, int]
    n_categories: int
    width: float = 1.0
    last_relu: bool = True
    valid_padding: bool = True
    dropout_after: DropoutAfter = "strided"
    convolution: str = "xla"
    precision: str = "float32"

    def __post_init__(self):
        model_entry(self.model)


@dataclass(frozen=True)
class Model:
    """One entry of the catalogue.

    Attributes:
        layers: names of the recorded layers, from the image to the class maps.
        build: (blueprint, convolution, dtype, keys) → the network with its first parameters.
        surrogate: whether it stands in for a network whose description was never published.
    """

    layers: tuple[str, ...]
    build: Callable[[Blueprint, Callable, DTypeLike, nnx.Rngs], AllCNN | AlexNet]
    surrogate: bool = False


def all_cnn(architecture: Architecture) -> Model:
    """The entry of an All-CNN with these layers.

    >>> all_cnn(ARCHITECTURES["all_cnn_7"]).layers[-1]
    'conv7'
    """
    names = tuple(f"conv{i + 1}" for i in range(len(architecture.layers) + 1))
    return Model(names, partial(_all_cnn, architecture), architecture.surrogate)


def _all_cnn(
    architecture: Architecture,
    blueprint: Blueprint,
    convolution: Callable,
    dtype: DTypeLike,
    rngs: nnx.Rngs,
) -> AllCNN:
    return AllCNN(
        architecture,
        blueprint.image_shape,
        blueprint.n_categories,
        blueprint.width,
        blueprint.last_relu,
        blueprint.valid_padding,
        blueprint.dropout_after,
        convolution,
        dtype,
        rngs,
    )


def _alexnet(
    blueprint: Blueprint, convolution: Callable, dtype: DTypeLike, rngs: nnx.Rngs
) -> AlexNet:
    shape, n, width = blueprint.image_shape, blueprint.n_categories, blueprint.width
    return AlexNet(shape, n, width, convolution, dtype, rngs)


MODELS: Mapping[str, Model] = MappingProxyType(
    {
        "all_cnn_c": all_cnn(ARCHITECTURES["all_cnn_c"]),
        "all_cnn_7": all_cnn(ARCHITECTURES["all_cnn_7"]),
        "all_cnn_7b": all_cnn(ARCHITECTURES["all_cnn_7b"]),
        "alexnet": Model(tuple(alexnet.LAYERS), _alexnet),
    }
)


def model_entry(model: str) -> Model:
    """The entry of that name.

    Raises:
        InputError: no such model.
    """
    if model not in MODELS:
        raise unknown_name("model", model, MODELS)
    return MODELS[model]


def layer_names(model: str) -> tuple[str, ...]:
    """Names of the recorded layers, from the image to the class maps.

    >>> layer_names("alexnet")[-3:]
    ('fc6', 'fc7', 'fc8')
    """
    return model_entry(model).layers


def build(blueprint: Blueprint, key: Key[Array, ""]) -> AllCNN | AlexNet:
    """A network of one instance, whose first parameters hang on `key`."""
    dtype = jnp.bfloat16 if blueprint.precision == "bfloat16" else jnp.float32
    convolution = CONVOLUTIONS[blueprint.convolution]
    return model_entry(blueprint.model).build(blueprint, convolution, dtype, nnx.Rngs(params=key))
