"""Activations of one network, layer by layer.

Each layer is yielded as soon as it is computed, so that only the maps of two layers are in memory.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from typing import NamedTuple

import jax
from jaxtyping import Array, Float, Key

from ensemble_rsa.jax_settings import fixed_settings
from ensemble_rsa.models.dropout import Dropout
from ensemble_rsa.models.ensemble import Network, Parameters
from ensemble_rsa.models.execution import Execution


class LayerRunner(NamedTuple):
    """Compiled layers of one network, shared by all its instances.

    Attributes:
        layers: names, from the image to the class maps.
        run: (parameters of one instance, index of a layer, maps, `Masks` or None) → maps.
    """

    layers: tuple[str, ...]
    run: Callable


class Masks(NamedTuple):
    """Dropout while stimuli are shown: the probability of a zero, and the key of the masks."""

    rate: Float[Array, ""] | float
    key: Key[Array, ""]


def compile_layers(network: Network, execution: Execution, one_mask: bool = False) -> LayerRunner:
    """Return the layers as functions that are each compiled on first use.

    Networks built from the same blueprint share them. With `one_mask`, dropout has the same mask
    for all stimuli instead of one for each.
    """
    return _compile_layers(network, tuple(execution.compiler_options.items()), one_mask)


@lru_cache(maxsize=8)
def _compile_layers(
    network: Network, options: tuple[tuple[str, str], ...], one_mask: bool
) -> LayerRunner:
    @partial(jax.jit, static_argnums=1, compiler_options=dict(options) or None)
    def run(parameters: Parameters, index: int, maps: Array, masks: Masks | None) -> Array:
        dropout = None if masks is None else Dropout(*masks, one_mask=one_mask)
        with jax.default_matmul_precision("float32"):  # a GPU would use TF32 otherwise
            return network.layer(parameters, index, maps, dropout)

    return LayerRunner(network.layers, fixed_settings()(run))


def layer_activations(
    runner: LayerRunner,
    parameters: Parameters,
    images: Float[Array, "stimulus h w c"],
    masks: Masks | None = None,
) -> Iterator[tuple[str, Float[Array, "stimulus unit"]]]:
    """Yield the name and the activations of each layer of one instance, after ReLU, flattened."""
    maps = images
    for index, name in enumerate(runner.layers):
        maps = runner.run(parameters, index, maps, masks)
        yield name, maps.reshape(maps.shape[0], -1)
