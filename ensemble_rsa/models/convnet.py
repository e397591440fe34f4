"""Base of all networks: a stack of convolutions whose last maps are averaged over space."""

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from ensemble_rsa.models.convolution import NHWC, add_bias
from ensemble_rsa.models.dropout import Dropout


@dataclass(frozen=True)
class Conv:
    """One layer: `window × window` kernels and a ReLU."""

    channels: int
    window: int = 3
    stride: int = 1
    padding: str = "SAME"


class Convolution(nnx.Conv):
    """`flax.nnx.Conv` for batches of maps, with `add_bias` for its bias."""

    def __call__(
        self, inputs: Float[Array, "stimulus h w c"], out_sharding: Any = None
    ) -> Float[Array, "stimulus _h _w _c"]:
        """Convolve a batch and add the bias."""
        del out_sharding  # instances are mapped instead
        assert self.bias is not None
        leaves = inputs, self.kernel[...], self.bias[...]
        x, kernel, bias = self.promote_dtype(leaves, dtype=self.dtype)
        strides = (self.strides, self.strides)  # one number in our networks
        maps = self.conv_general_dilated(x, kernel, strides, self.padding, dimension_numbers=NHWC)
        return add_bias(maps, bias)


class ConvNet(nnx.Module):
    """A stack of convolutions; the last has one map per category."""

    convolutions: nnx.List[nnx.Conv]

    def layer(
        self, index: int, x: Float[Array, "stimulus h w c"], dropout: Dropout | None = None
    ) -> Array:
        """Recorded activations of layer `index`, from those of the layer before it."""
        raise NotImplementedError

    def __call__(
        self, images: Float[Array, "stimulus h w c"], dropout: Dropout | None = None
    ) -> Float[Array, "stimulus category"]:
        """Logits."""
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
    """Side of a layer's maps for input maps of side `size`."""
    lost = spec.window - 1 if padding == "VALID" else 0
    return -(-(size - lost) // spec.stride)
