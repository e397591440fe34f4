"""Activations of one network, layer by layer.

In a network of layers each is yielded as soon as it is computed, so that only the maps of two are
in memory. A module is called as a whole for some stimuli at a time, and then its layers are yielded
one after the other.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float, Key

from ensemble_rsa.errors import InputError
from ensemble_rsa.jax_settings import fixed_settings
from ensemble_rsa.models.dropout import Dropout
from ensemble_rsa.models.execution import Execution
from ensemble_rsa.models.network import LayeredNetwork, Network, Parameters

AT_ONCE = 100  # stimuli that a module is called with


class Masks(NamedTuple):
    """Dropout while stimuli are shown: the probability of a zero, and the key of the masks."""

    rate: Float[Array, ""] | float
    key: Key[Array, ""]


class LayerRunner(NamedTuple):
    """The compiled layers of one network, shared by all its instances.

    Attributes:
        layers: names, from the image to the logits.
        run: (variables of one instance, images, `Masks` or None) → names and activations of the
            layers, `(stimulus, …)`.
    """

    layers: tuple[str, ...]
    run: Callable[..., Iterator[tuple[str, Float[Array, "stimulus ..."]]]]


def compile_layers(network: Network, execution: Execution, one_mask: bool = False) -> LayerRunner:
    """Return the layers as functions that are each compiled on first use.

    Networks built from the same blueprint share them. With `one_mask`, dropout has the same mask
    for all stimuli instead of one for each.
    """
    options = tuple(execution.compiler_options.items())
    if isinstance(network, LayeredNetwork):
        return _compile_layers(network, options, one_mask)
    return _compile_module(network, options)


@lru_cache(maxsize=8)
def _compile_layers(
    network: LayeredNetwork, options: tuple[tuple[str, str], ...], one_mask: bool
) -> LayerRunner:
    @fixed_settings()
    @partial(jax.jit, static_argnums=1, compiler_options=dict(options) or None)
    def layer(parameters: Parameters, index: int, maps: Array, masks: Masks | None) -> Array:
        dropout = None if masks is None else Dropout(*masks, one_mask=one_mask)
        with jax.default_matmul_precision("float32"):  # a GPU would use TF32 otherwise
            return network.layer(parameters, index, maps, dropout)

    def run(parameters: Parameters, images: Array, masks: Masks | None):
        maps = images
        for index, name in enumerate(network.layers):
            maps = layer(parameters, index, maps, masks)
            yield name, maps

    return LayerRunner(network.layers, run)


@lru_cache(maxsize=8)
def _compile_module(network: Network, options: tuple[tuple[str, str], ...]) -> LayerRunner:
    @fixed_settings()
    @partial(jax.jit, compiler_options=dict(options) or None)
    def all_layers(variables: Parameters, images: Array) -> dict[str, Array]:
        with jax.default_matmul_precision("float32"):
            return dict(network.activations(variables, images))

    def run(variables: Parameters, images: Array, masks: Masks | None):
        if masks is not None:
            raise InputError("dropout_sample: a module has dropout in training only; leave it out")
        parts = [
            jax.device_get(all_layers(variables, images[start : start + AT_ONCE]))
            for start in range(0, len(images), AT_ONCE)
        ]
        for name in network.layers:
            yield name, jax.numpy.asarray(np.concatenate([part.pop(name) for part in parts]))

    return LayerRunner(network.layers, run)


def layer_activations(
    runner: LayerRunner,
    parameters: Parameters,
    images: Float[Array, "stimulus h w c"],
    masks: Masks | None = None,
) -> Iterator[tuple[str, Float[Array, "stimulus unit"]]]:
    """Yield the name and the activations of each layer of one instance, flattened."""
    for name, maps in runner.run(parameters, images, masks):
        yield name, maps.reshape(maps.shape[0], -1)
