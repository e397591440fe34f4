"""Stimuli through one network, layer after layer: each layer is handed on as soon as it exists.

Only the maps of two layers are in memory at a time, so that a wide layer of many stimuli fits.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import jax
from jaxtyping import Array, Float, Key

from ensemble_rsa.models.dropout import Dropout
from ensemble_rsa.models.ensemble import Network, Parameters
from ensemble_rsa.models.execution import Execution


@dataclass(frozen=True)
class LayerRunner:
    """Compiled layers of one network, shared by all its instances.

    Attributes:
        layers: names, from the image to the class maps.
        run: (parameters of one instance, index of a layer, maps, `Masks` or None) → maps.
    """

    layers: tuple[str, ...]
    run: Callable


class Masks(NamedTuple):
    """Dropout while stimuli are shown: how likely a zero is, and the key of the masks."""

    rate: Float[Array, ""] | float
    key: Key[Array, ""]


def compile_layers(network: Network, execution: Execution, one_mask: bool = False) -> LayerRunner:
    """Compile each layer on its own; compiled on first use.

    Args:
        network: the static half.
        execution: how convolutions are computed.
        one_mask: with dropout, the same mask for all stimuli instead of one for each.
    """
    options = execution.compiler_options or None

    @partial(jax.jit, static_argnums=1, compiler_options=options)
    def run(parameters: Parameters, index: int, maps: Array, masks: Masks | None) -> Array:
        dropout = None if masks is None else Dropout(*masks, one_mask=one_mask)
        with jax.default_matmul_precision("float32"):  # else a GPU rounds factors to ten bits
            return network.layer(parameters, index, maps, dropout)

    return LayerRunner(network.layers, run)


def layer_activations(
    runner: LayerRunner,
    parameters: Parameters,
    images: Float[Array, "stimulus h w c"],
    masks: Masks | None = None,
) -> Iterator[tuple[str, Float[Array, "stimulus unit"]]]:
    """Yield the name and the activations of each layer, after its ReLU and flattened (paper.md §4).

    Args:
        runner: of the network.
        parameters: of one instance.
        images: preprocessed stimuli.
        masks: of dropout (paper.md §7); None for none.
    """
    maps = images
    for index, name in enumerate(runner.layers):
        maps = runner.run(parameters, index, maps, masks)
        yield name, maps.reshape(maps.shape[0], -1)
