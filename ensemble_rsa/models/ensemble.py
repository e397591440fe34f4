"""The instance axis: stacked parameters of an ensemble, and functions mapped over them.

A network is written for one instance and split into a static half and a tree of variables; an
ensemble is that tree with a leading instance axis. No other module stacks or maps instances.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache, partial

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array

from ensemble_rsa.jax_settings import fixed_settings
from ensemble_rsa.models.catalogue import Blueprint, build, layer_names, module_maker
from ensemble_rsa.models.network import LayeredNetwork, Network, Parameters
from ensemble_rsa.models.own_modules import module_kind
from ensemble_rsa.rng import stream


@fixed_settings()
def init_ensemble(blueprint: Blueprint, seeds: Sequence[int]) -> tuple[Network, Parameters]:
    """One network and the stacked initial parameters of an instance for each seed.

    The parameters of an instance depend only on its own seed; each layer has its own key.

    >>> from ensemble_rsa.config.settings import ModelConfig
    >>> blueprint = Blueprint(ModelConfig(width=0.1), (8, 8, 1), 10)
    >>> network, parameters = init_ensemble(blueprint, [0, 1])
    >>> {leaf.shape[0] for leaf in jax.tree.leaves(parameters)}
    {2}
    """
    # Compiling with optimisation takes ten times as long (16 s instead of 1.6 s on a CPU) and saves
    # nothing in a program that runs once.
    network, initial_variables = _open(blueprint)
    initial = jax.jit(
        jax.vmap(initial_variables), compiler_options={"xla_backend_optimization_level": 0}
    )
    return network, initial(jnp.asarray(seeds, jnp.uint32))


@fixed_settings()
def ensemble_shapes(blueprint: Blueprint, n_instances: int) -> tuple[Network, Parameters]:
    """The network of `init_ensemble`, and the shapes of its stacked parameters."""
    if module_maker(blueprint.config.model):
        network, initial_variables = _open(blueprint)
        one = jax.eval_shape(initial_variables, jax.ShapeDtypeStruct((), jnp.uint32))
    else:
        network, one = _layered(blueprint)
    stacked = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct((n_instances, *leaf.shape), leaf.dtype), one
    )
    return network, stacked


@fixed_settings()
def map_shapes(blueprint: Blueprint, n_images: int) -> list[jax.ShapeDtypeStruct]:
    """Shapes of the images and of every layer's maps, for one instance."""
    network, stacked = ensemble_shapes(blueprint, 1)
    parameters = jax.eval_shape(partial(member, index=0), stacked)
    images = jax.ShapeDtypeStruct((n_images, *blueprint.image_shape), jnp.float32)
    maps = jax.eval_shape(
        lambda p, x: [each for _, each in network.activations(p, x)], parameters, images
    )
    return [images, *maps]


def _open(blueprint: Blueprint) -> tuple[Network, Callable[[Array], Parameters]]:
    """The network of a blueprint, and the initial variables of an instance from its weight seed."""
    config = blueprint.config
    if maker := module_maker(config.model):
        kind = module_kind(
            config.model,
            maker,
            config.model_arg
            if ":" in config.model
            else (f"width={config.width!r}", *config.model_arg),
            blueprint.image_shape,
            blueprint.n_categories,
            blueprint.convolution,
        )
        return kind.network(), kind.variables
    return _layered(blueprint)[0], partial(_initial, blueprint)


@lru_cache(maxsize=16)  # a module is traced for half a second
def _layered(blueprint: Blueprint) -> tuple[Network, Parameters]:
    """A network of the paper's kind, and the shapes of one instance's parameters."""
    graph, shapes = nnx.split(
        nnx.eval_shape(lambda: build(blueprint, stream(0, "init"))), nnx.Param
    )
    network = LayeredNetwork(graph, layer_names(blueprint.config.model))
    return network, nnx.to_pure_dict(shapes)


def _initial(blueprint: Blueprint, seed: Array) -> Parameters:
    return nnx.to_pure_dict(nnx.state(build(blueprint, stream(seed, "init")), nnx.Param))


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
