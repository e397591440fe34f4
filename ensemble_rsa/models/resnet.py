"""Residual networks: the small ones for CIFAR-10, and ResNet-18 for larger images.

After He et al. 2016, doi:10.1109/CVPR.2016.90. The small ones have three stages of 16, 32 and 64
channels and shortcuts without parameters (zeros in the place of new channels, their option A);
ResNet-18 has four stages and projections (their option B). Recorded are the stem and every block,
after the ReLU, and the logits. Group normalisation, after Wu and He 2018, uses 8 groups (ours).
"""

from collections.abc import Callable
from functools import partial
from math import gcd
from typing import TYPE_CHECKING, Literal

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from ensemble_rsa.errors import InputError, check_name
from ensemble_rsa.models.convnet import scaled_channels
from ensemble_rsa.models.normalisation import BatchNorm, GroupNorm

if TYPE_CHECKING:  # at run time a wrong name is refused by us, with the choices
    Norm = Literal["batch", "group"]
else:
    Norm = str
NORMS = ("batch", "group")
N_GROUPS = 8
CIFAR_CHANNELS, IMAGENET_CHANNELS = (16, 32, 64), (64, 128, 256, 512)


class Block(nnx.Module):
    """Two 3 × 3 convolutions, each normalised, and a shortcut around both."""

    def __init__(
        self,
        inputs: int,
        channels: int,
        stride: int,
        norm: Norm,
        projects: bool,
        rngs: nnx.Rngs,
    ):
        convolution = partial(_convolution, rngs=rngs)
        self.conv1 = convolution(inputs, channels, 3, stride)
        self.norm1 = _norm(norm, channels, rngs)
        self.conv2 = convolution(channels, channels, 3)
        self.norm2 = _norm(norm, channels, rngs)
        changes = stride != 1 or inputs != channels
        self.projection = convolution(inputs, channels, 1, stride) if projects and changes else None
        self.projection_norm = _norm(norm, channels, rngs) if projects and changes else None
        self.stride, self.new_channels = stride, channels - inputs

    def __call__(self, x: Float[Array, "image h w c"]) -> Float[Array, "image _h _w _c"]:
        """Maps after the block's last ReLU."""
        y = nnx.relu(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        return nnx.relu(y + self._shortcut(x))

    def _shortcut(self, x: Array) -> Array:
        if self.projection is not None and self.projection_norm is not None:
            return self.projection_norm(self.projection(x))
        x = x[:, :: self.stride, :: self.stride]
        before = self.new_channels // 2
        return jnp.pad(x, ((0, 0), (0, 0), (0, 0), (before, self.new_channels - before)))


class ResNet(nnx.Module):
    """A residual network of two-layer blocks.

    Args:
        image_shape: (height, width, channel).
        n_categories: number of logits.
        depth: 18, or 6n + 2 for the small networks (20, 32, 56, …).
        width: factor on the number of channels.
        norm: `"batch"` or `"group"`.
        rngs: keys of the initial parameters.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        n_categories: int,
        *,
        depth: int,
        width: float = 1.0,
        norm: Norm = "batch",
        rngs: nnx.Rngs,
    ):
        check_name("norm", norm, NORMS)
        self.is_large = depth == 18
        if not self.is_large and (depth < 8 or depth % 6 != 2):
            raise InputError(f"depth: expected 18, or 6n + 2 such as 20, 32 or 56, got {depth}")
        channels = [
            scaled_channels(n, width)
            for n in (IMAGENET_CHANNELS if self.is_large else CIFAR_CHANNELS)
        ]
        each = 2 if self.is_large else (depth - 2) // 6
        self.stem = Stem(image_shape[-1], channels[0], self.is_large, norm, rngs)
        blocks, inputs = [], channels[0]
        for stage, n in enumerate(channels):
            for place in range(each):
                stride = 2 if stage and not place else 1
                blocks.append(Block(inputs, n, stride, norm, self.is_large, rngs))
                inputs = n
        self.blocks = nnx.List(blocks)
        self.head = nnx.Linear(inputs, n_categories, rngs=rngs)
        self.layers = ("stem", *(f"blocks.{i}" for i in range(len(blocks))), "head")

    def __call__(self, images: Float[Array, "image h w c"]) -> Float[Array, "image category"]:
        """Logits."""
        x = self.stem(images)
        for block in self.blocks:
            x = block(x)
        return self.head(x.mean((1, 2)))


class Stem(nnx.Module):
    """The first convolution, normalised, with a ReLU; for large images also a maximum of 3 × 3."""

    def __init__(self, inputs: int, channels: int, is_large: bool, norm: Norm, rngs: nnx.Rngs):
        window, stride = (7, 2) if is_large else (3, 1)
        self.conv = _convolution(inputs, channels, window, stride, rngs=rngs)
        self.norm = _norm(norm, channels, rngs)
        self.is_large = is_large

    def __call__(self, x: Float[Array, "image h w c"]) -> Float[Array, "image _h _w _c"]:
        """Maps."""
        x = nnx.relu(self.norm(self.conv(x)))
        return _maximum(x) if self.is_large else x


def _maximum(x: Array) -> Array:
    """Of windows of 3 × 3 with stride 2; maps after a ReLU, so that zeros around change nothing."""
    padded = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    return nnx.max_pool(padded, (3, 3), (2, 2))


def _convolution(
    inputs: int, channels: int, window: int, stride: int = 1, *, rngs: nnx.Rngs
) -> nnx.Conv:
    return nnx.Conv(
        inputs,
        channels,
        (window, window),
        strides=stride,
        padding=(window // 2, window // 2),
        use_bias=False,
        kernel_init=nnx.initializers.he_normal(),
        rngs=rngs,
    )


def _norm(norm: Norm, channels: int, rngs: nnx.Rngs) -> Callable[[Array], Array]:
    if norm == "batch":
        return BatchNorm(channels, momentum=0.9, rngs=rngs)
    return GroupNorm(channels, num_groups=gcd(channels, N_GROUPS), rngs=rngs)
