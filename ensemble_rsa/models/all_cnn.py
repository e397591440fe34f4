"""All-CNN-C and the seven-layer surrogates: convolutions only, class maps averaged over space.

All-CNN-C follows Springenberg et al. 2014 as Mehrer et al. 2020 used it: a ReLU on the ten class
maps too, and no dropout unless asked for. The published description of All-CNN-7 could not be had:
both networks offered under that name are ours, and are called surrogates wherever they are shown.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from ensemble_rsa.config.settings import DropoutAfter
from ensemble_rsa.models.dropout import Dropout, drop_out


@dataclass(frozen=True)
class Conv:
    """One layer: `window × window` kernels, then a ReLU; dropout may follow a strided one."""

    channels: int
    window: int = 3
    stride: int = 1
    padding: str = "SAME"


@dataclass(frozen=True)
class Architecture:
    """The layers before the class maps, and whether they stand in for unpublished ones."""

    layers: tuple[Conv, ...]
    surrogate: bool = False


ARCHITECTURES: Mapping[str, Architecture] = MappingProxyType(
    {
        "all_cnn_c": Architecture(
            (
                Conv(96), Conv(96), Conv(96, stride=2),
                Conv(192), Conv(192), Conv(192, stride=2),
                Conv(192, padding="VALID"), Conv(192, window=1),
            )
        ),
        # All-CNN-C less one 3 × 3 layer in each block, the shape of Springenberg's All-CNN-A
        "all_cnn_7": Architecture(
            (
                Conv(96), Conv(96, stride=2),
                Conv(192), Conv(192, stride=2),
                Conv(192, padding="VALID"), Conv(192, window=1),
            ),
            surrogate=True,
        ),
        # large kernels first, in the manner of the second network of the preprint
        "all_cnn_7b": Architecture(
            (
                Conv(96, window=7, stride=2), Conv(128, window=5, stride=2),
                Conv(256), Conv(512), Conv(512, stride=2), Conv(1024, window=1),
            ),
            surrogate=True,
        ),
    }
)  # fmt: skip


class AllCNN(nnx.Module):
    """Convolutions with ReLU, then the mean of each class map over space.

    The paper's padding of the third-last layer is "VALID"; on inputs so small that its window no
    longer fits (8 × 8 digits), it is "SAME". That fallback is ours.

    Args:
        architecture: the layers before the class maps.
        image_shape: (height, width, channel) of an image.
        n_categories: how many class maps.
        width: factor on the number of channels (1.0 is the paper's).
        last_relu: whether the class maps pass through a ReLU, as in the paper.
        valid_padding: whether the layers for which the paper has none go without padding.
        dropout_after: where dropout acts: a name of `ensemble_rsa.config.settings.DropoutAfter`.
        convolution: the way convolutions are computed, one of `CONVOLUTIONS`.
        dtype: of the arithmetic; parameters are float32.
        rngs: the stream "params" gives every layer a key of its own.
    """

    def __init__(
        self,
        architecture: Architecture,
        image_shape: tuple[int, int, int],
        n_categories: int,
        width: float,
        last_relu: bool,
        valid_padding: bool,
        dropout_after: DropoutAfter,
        convolution: Callable,
        dtype: DTypeLike,
        rngs: nnx.Rngs,
    ):
        height, wide, channels = image_shape
        convolutions = []
        for spec in (*architecture.layers, Conv(n_categories, window=1)):
            is_last = len(convolutions) == len(architecture.layers)
            out = spec.channels if is_last else scaled_channels(spec.channels, width)
            fits = valid_padding and min(height, wide) >= spec.window
            padding = spec.padding if fits else "SAME"
            convolutions.append(
                nnx.Conv(
                    channels,
                    out,
                    (spec.window, spec.window),
                    strides=spec.stride,
                    padding=padding,
                    kernel_init=nnx.initializers.he_normal(),
                    conv_general_dilated=convolution,
                    dtype=dtype,
                    rngs=rngs,
                )
            )
            channels = out
            height, wide = (map_size(n, spec, padding) for n in (height, wide))
        self.convolutions = nnx.List(convolutions)
        self.last_relu = last_relu
        self.dropout_after = dropout_after

    def layer(
        self, index: int, x: Float[Array, "stimulus h w c"], dropout: Dropout | None = None
    ) -> Array:
        """What layer `index` makes of the maps before it, after its ReLU: what is recorded."""
        if dropout is not None and index == 0 and self.dropout_after == "input_and_strided":
            x = drop_out(x, dropout, len(self.convolutions))
        convolution = self.convolutions[index]
        x = convolution(x)
        is_last = index == len(self.convolutions) - 1
        if not is_last or self.last_relu:
            x = jax.nn.relu(x)
        drops = not is_last if self.dropout_after == "all" else convolution.strides != 1
        return drop_out(x, dropout, index) if dropout is not None and drops else x

    def __call__(
        self, images: Float[Array, "stimulus h w c"], dropout: Dropout | None = None
    ) -> Float[Array, "stimulus category"]:
        """Logits: network outputs before the softmax."""
        for index in range(len(self.convolutions)):
            images = self.layer(index, images, dropout)
        return images.astype(jnp.float32).mean(axis=(1, 2))


def scaled_channels(channels: int, width: float) -> int:
    """Channels at a width factor, at least one.

    >>> scaled_channels(96, 0.25)
    24
    """
    return max(1, round(channels * width))


def map_size(size: int, spec: Conv, padding: str) -> int:
    """Side of the maps that a layer makes of maps of this side."""
    lost = spec.window - 1 if padding == "VALID" else 0
    return -(-(size - lost) // spec.stride)
