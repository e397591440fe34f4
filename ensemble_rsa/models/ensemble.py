"""The instance axis: stacked parameters of an ensemble, and functions mapped over them.

A network is written for one instance and split into a static half and a tree of variables; an
ensemble is that tree with a leading instance axis. No other module stacks or maps instances.
"""

from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache, partial

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array

from ensemble_rsa.jax_settings import fixed_settings
from ensemble_rsa.models.catalogue import Blueprint, build, layer_names, module_maker
from ensemble_rsa.models.network import LayeredNetwork, Network, Parameters
from ensemble_rsa.models.own_modules import ModuleKind, module_kind
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
    kind = _kind(blueprint)
    network = kind.network()  # tries a module, so before its variables are asked for
    # Compiling with optimisation takes ten times as long (16 s instead of 1.6 s on a CPU) and saves
    # nothing in a program that runs once.
    initial = jax.jit(
        jax.vmap(kind.variables), compiler_options={"xla_backend_optimization_level": 0}
    )
    return network, initial(jnp.asarray(seeds, jnp.uint32))


@fixed_settings()
def ensemble_shapes(blueprint: Blueprint, n_instances: int) -> tuple[Network, Parameters]:
    """The network of `init_ensemble`, and the shapes of its stacked parameters."""
    kind = _kind(blueprint)
    network, one = kind.network(), kind.shapes()
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


class LayeredKind:
    """A network of the paper's kind: layers in a row, as `catalogue.build` makes them."""

    def __init__(self, blueprint: Blueprint):
        self._blueprint = blueprint

    def variables(self, seed: Array) -> Parameters:
        """The initial parameters of the instance with a weight seed."""
        return nnx.to_pure_dict(nnx.state(self._build(seed), nnx.Param))

    def network(self) -> Network:
        """The network."""
        return LayeredNetwork(self._split[0], layer_names(self._blueprint.config.model))

    def shapes(self) -> Parameters:
        """Shapes of an instance's parameters."""
        return self._split[1]

    @cached_property  # half a second
    def _split(self) -> tuple[nnx.GraphDef, Parameters]:
        graph, shapes = nnx.split(nnx.eval_shape(lambda: self._build(0)), nnx.Param)
        return graph, nnx.to_pure_dict(shapes)

    def _build(self, seed: Array | int) -> nnx.Module:
        return build(self._blueprint, stream(seed, "init"))


_layered_kind = lru_cache(maxsize=16)(LayeredKind)


def _kind(blueprint: Blueprint) -> ModuleKind | LayeredKind:
    """What makes the network of a blueprint, and the initial variables of its instances."""
    config = blueprint.config
    maker = module_maker(config.model)
    if maker is None:
        return _layered_kind(blueprint)
    of_user = ":" in config.model  # its arguments are its own
    return module_kind(
        config.model,
        maker,
        config.model_arg if of_user else (f"width={config.width!r}", *config.model_arg),
        blueprint.image_shape,
        blueprint.n_categories,
        blueprint.convolution,
    )


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
