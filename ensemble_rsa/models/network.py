"""Networks as pure functions of one instance's variables, whatever they are made of.

The variables of an instance are a tree of arrays: its parameters and, for some networks, statistics
that training changes beside them, such as those of batch normalisation.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import jax
from flax import nnx
from jaxtyping import Array, Float

from ensemble_rsa.models.convnet import ConvNet
from ensemble_rsa.models.dropout import Dropout

Parameters = Any  # a tree of arrays: of one instance, or stacked on a leading instance axis
Images = Float[Array, "stimulus h w c"]
Logits = Float[Array, "stimulus category"]


class Network(ABC):
    """The static half of a network.

    Attributes:
        layers: names of the recorded layers, from the image to the logits.
        splits_batches: whether the gradient of a batch is the mean of those of its parts, so that a
            batch can be computed part by part, or be spread over devices.
        is_random: whether training draws random numbers whatever the recipe's dropout.
    """

    layers: tuple[str, ...]
    splits_batches: bool
    is_random: bool

    @abstractmethod
    def logits(
        self, variables: Parameters, images: Images, dropout: Dropout | None = None
    ) -> Logits:
        """Logits of images as at test, or with dropout left on."""

    @abstractmethod
    def training_logits(
        self, variables: Parameters, images: Images, dropout: Dropout | None
    ) -> tuple[Logits, Parameters]:
        """Logits of a batch in training, and the statistics after it (see `separated`)."""

    @abstractmethod
    def activations(
        self, variables: Parameters, images: Images
    ) -> Iterator[tuple[str, Float[Array, "stimulus ..."]]]:
        """Names and activations of the recorded layers as at test, in order."""

    def separated(self, variables: Parameters) -> tuple[Parameters, Parameters]:
        """The parameters, which have a gradient, and the statistics."""
        return variables, ()

    def joined(self, parameters: Parameters, statistics: Parameters) -> Parameters:
        """The inverse of `separated`."""
        del statistics
        return parameters


class LayeredNetwork(Network):
    """A network whose layers are computed one after the other, from each other's maps alone."""

    splits_batches = True
    is_random = False

    def __init__(self, graph: nnx.GraphDef, layers: tuple[str, ...]):
        self.graph, self.layers = graph, layers

    def _key(self) -> tuple[Any, ...]:
        return self.graph, self.layers

    def __eq__(self, other: object) -> bool:
        """Whether both were built from the same blueprint; such networks share their programs."""
        return isinstance(other, LayeredNetwork) and self._key() == other._key()

    def __hash__(self) -> int:
        """Of the static graph and the names of the layers."""
        return hash(self._key())

    def logits(
        self, variables: Parameters, images: Images, dropout: Dropout | None = None
    ) -> Logits:
        """Logits of images."""
        return self.merged(variables)(images, dropout)

    def training_logits(
        self, variables: Parameters, images: Images, dropout: Dropout | None
    ) -> tuple[Logits, Parameters]:
        """Logits of a batch; there are no statistics."""
        return self.logits(variables, images, dropout), ()

    def layer(
        self,
        variables: Parameters,
        index: int,
        maps: Float[Array, "stimulus h w c"],
        dropout: Dropout | None = None,
    ) -> Array:
        """Activations of one layer, as maps, from those of the layer before."""
        return self.merged(variables).layer(index, maps, dropout)

    def activations(
        self, variables: Parameters, images: Images
    ) -> Iterator[tuple[str, Float[Array, "stimulus ..."]]]:
        """Names and maps of the layers."""
        for index, name in enumerate(self.layers):
            images = self.layer(variables, index, images)
            yield name, images

    def merged(self, variables: Parameters) -> ConvNet:
        """The module with one instance's parameters in place."""
        return nnx.merge(self.graph, nnx.State(variables))


def float_bytes(shapes: Any) -> int:
    """Bytes of arrays or shapes in float32."""
    return sum(4 * leaf.size for leaf in jax.tree.leaves(shapes))
