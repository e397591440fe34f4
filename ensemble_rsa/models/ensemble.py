"""The instance axis: stacked parameters of an ensemble, and functions mapped over them.

A network is written for one instance and split into a static graph and a tree of parameters; an
ensemble is that tree with a leading instance axis. No other module stacks or maps instances.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from ensemble_rsa.jax_settings import fixed_settings
from ensemble_rsa.models.catalogue import Blueprint, build, layer_names
from ensemble_rsa.models.convnet import ConvNet
from ensemble_rsa.models.dropout import Dropout
from ensemble_rsa.rng import stream

Parameters = Any  # a tree of arrays: of one instance, or stacked on a leading instance axis


@dataclass(frozen=True)
class Network:
    """The static half of a network: pure functions of one instance's parameters."""

    graph: nnx.GraphDef
    layers: tuple[str, ...]

    def logits(
        self,
        parameters: Parameters,
        images: Float[Array, "stimulus h w c"],
        dropout: Dropout | None = None,
    ) -> Float[Array, "stimulus category"]:
        """Compute the logits of images for one instance."""
        return self.merged(parameters)(images, dropout)

    def layer(
        self,
        parameters: Parameters,
        index: int,
        maps: Float[Array, "stimulus h w c"],
        dropout: Dropout | None = None,
    ) -> Array:
        """Activations of one layer, as maps, from those of the layer before."""
        return self.merged(parameters).layer(index, maps, dropout)

    def merged(self, parameters: Parameters) -> ConvNet:
        """The module with one instance's parameters in place."""
        return nnx.merge(self.graph, nnx.State(parameters))


@fixed_settings()
def init_ensemble(blueprint: Blueprint, seeds: Sequence[int]) -> tuple[Network, Parameters]:
    """One network and the stacked first parameters of an instance for each seed.

    The parameters of an instance depend only on its own seed; each layer has its own key.

    >>> from ensemble_rsa.config.settings import ModelConfig
    >>> blueprint = Blueprint(ModelConfig(width=0.1), (8, 8, 1), 10)
    >>> network, parameters = init_ensemble(blueprint, [0, 1])
    >>> {leaf.shape[0] for leaf in jax.tree.leaves(parameters)}
    {2}
    """
    # Compiling with optimisation takes ten times as long (16 s instead of 1.6 s on a CPU) and saves
    # nothing in a program that runs once.
    initial = jax.jit(
        jax.vmap(partial(_initial, blueprint)),
        compiler_options={"xla_backend_optimization_level": 0},
    )
    return _network(blueprint), initial(jnp.asarray(seeds, jnp.uint32))


@fixed_settings()
def ensemble_shapes(blueprint: Blueprint, n_instances: int) -> tuple[Network, Parameters]:
    """The network of `init_ensemble`, and the shapes of its stacked parameters."""
    seeds = jax.ShapeDtypeStruct((n_instances,), jnp.uint32)
    return _network(blueprint), jax.eval_shape(jax.vmap(partial(_initial, blueprint)), seeds)


@fixed_settings()
def map_shapes(blueprint: Blueprint, n_images: int) -> list[jax.ShapeDtypeStruct]:
    """Shapes of the images and of every layer's maps, for one instance."""
    network, stacked = ensemble_shapes(blueprint, 1)
    parameters = jax.eval_shape(partial(member, index=0), stacked)
    maps = [jax.ShapeDtypeStruct((n_images, *blueprint.image_shape), jnp.float32)]
    for index in range(len(network.layers)):
        maps.append(
            jax.eval_shape(lambda p, x, i=index: network.layer(p, i, x), parameters, maps[-1])
        )
    return maps


def _initial(blueprint: Blueprint, seed: Array) -> Parameters:
    return nnx.to_pure_dict(nnx.state(build(blueprint, stream(seed, "init")), nnx.Param))


def _network(blueprint: Blueprint) -> Network:
    graph, _ = nnx.split(nnx.eval_shape(lambda: build(blueprint, stream(0, "init"))), nnx.Param)
    return Network(graph, layer_names(blueprint.config.model))


def map_instances(function: Callable, vmap_batch_size: int | None) -> Callable:
    """Map a function of one instance over the leading axis of its arguments.

    So many instances go through `vmap` together, in a loop over such batches; None for all.
    """
    if vmap_batch_size is None:
        return jax.vmap(function)
    # vmap over a batch of one would still make grouped convolutions
    batch_size = None if vmap_batch_size == 1 else vmap_batch_size
    return lambda *stacked: jax.lax.map(lambda one: function(*one), stacked, batch_size=batch_size)


@fixed_settings()
def member(parameters: Parameters, index: int) -> Parameters:
    """The parameters of one instance."""
    return jax.tree.map(lambda leaf: leaf[index], parameters)


def named_arrays(parameters: Parameters) -> dict[str, np.ndarray]:
    """The parameters of one instance by their path in the network, such as "conv1.kernel".

    >>> named_arrays({"conv1": {"kernel": jnp.ones(2), "bias": jnp.ones(1)}}).keys()
    dict_keys(['conv1.bias', 'conv1.kernel'])
    """
    leaves, _ = jax.tree.flatten_with_path(parameters)
    return {
        jax.tree_util.keystr(path, simple=True, separator="."): np.asarray(leaf)
        for path, leaf in leaves
    }
