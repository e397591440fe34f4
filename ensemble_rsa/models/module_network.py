"""Networks made of a Flax NNX module that is written for one instance and one batch.

The module is called as `module(images)`, and its layers are what its submodules return. Dropout and
other random layers draw from a key of the step; normalisation uses the batch in training and stored
statistics otherwise. `nnx.Module.train()` and `.eval()` switch between the two.
"""

import zlib
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, Key

from ensemble_rsa.errors import InputError
from ensemble_rsa.models.dropout import Dropout
from ensemble_rsa.models.network import Images, Logits, Network, Parameters
from ensemble_rsa.models.recording import Recording
from ensemble_rsa.rng import stream


class ModuleNetwork(Network):
    """A network whose layers are recorded while its module is called.

    Batches are not split, since normalisation over a batch needs all of its images. The variables
    of an instance are `{"parameters": …, "statistics": …}`; the latter are all variables of the
    module that are neither parameters nor random keys. A network equals no other one.
    """

    splits_batches = False

    def __init__(self, name: str, module: nnx.Module, layers: tuple[str, ...]):
        self.name, self.layers = name, layers
        self._graph, _, random, _ = split(module)
        self._random = nnx.to_pure_dict(random)
        self.is_random = bool(jax.tree.leaves(self._random))

    def separated(self, variables: Parameters) -> tuple[Parameters, Parameters]:
        """The parameters and the statistics."""
        return variables["parameters"], variables["statistics"]

    def joined(self, parameters: Parameters, statistics: Parameters) -> Parameters:
        """The inverse of `separated`."""
        return {"parameters": parameters, "statistics": statistics}

    def logits(
        self, variables: Parameters, images: Images, dropout: Dropout | None = None
    ) -> Logits:
        """Logits as at test; the recipe's dropout is refused, as the module has its own."""
        if dropout is not None:
            raise InputError(
                f"dropout: expected 0 for {self.name}, whose own dropout is used in training only"
            )
        return self.recording(variables).call(images).astype(jnp.float32)

    def training_logits(
        self, variables: Parameters, images: Images, dropout: Dropout | None
    ) -> tuple[Logits, Parameters]:
        """Logits of a batch in training, and the statistics after it."""
        key = None if dropout is None else dropout.key
        recording = self.recording(variables, training=True, key=key)
        logits = recording.call(images).astype(jnp.float32)
        return logits, nnx.to_pure_dict(split(recording.module)[3])

    def activations(
        self, variables: Parameters, images: Images
    ) -> Iterator[tuple[str, Float[Array, "stimulus ..."]]]:
        """Names and activations of the layers, from one call of the module."""
        recording = self.recording(variables)
        recording.call(images)
        return ((name, recording.values[name]) for name in self.layers)

    def recording(
        self, variables: Parameters, training: bool = False, key: Key[Array, ""] | None = None
    ) -> Recording:
        """A recording of the module with one instance's variables, as in training or at test."""
        module = self.merged(variables, key)
        module.train() if training else module.eval()
        return Recording(module)

    def merged(self, variables: Parameters, key: Key[Array, ""] | None = None) -> nnx.Module:
        """A module with one instance's variables and the keys of a step in place."""
        parameters, statistics = map(nnx.State, self.separated(variables))
        keys = nnx.State(_streams(self._random, stream(0, "unused") if key is None else key))
        return nnx.merge(self._graph, parameters, keys, statistics)


def split(module: nnx.Module) -> tuple[nnx.GraphDef, nnx.State, nnx.State, nnx.State]:
    """The graph of a module, its parameters, its random keys, and its other variables."""
    return nnx.split(module, nnx.Param, nnx.RngState, ...)  # pyright: ignore[reportReturnType]


def variables_of(module: nnx.Module) -> Parameters:
    """The variables of a module, as `ModuleNetwork` keeps them."""
    _, parameters, _, statistics = split(module)
    return {
        "parameters": nnx.to_pure_dict(parameters),
        "statistics": nnx.to_pure_dict(statistics),
    }


def _streams(random: Any, key: Key[Array, ""]) -> Any:
    """For each random layer a key of its own, which depends on its place in the module."""

    def own(path: Any, leaf: Any) -> Array:
        if not jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            return jnp.zeros(leaf.shape, leaf.dtype)  # how often the stream was used
        return jax.random.fold_in(key, zlib.crc32(jax.tree_util.keystr(path).encode()))

    return jax.tree_util.tree_map_with_path(own, random)
