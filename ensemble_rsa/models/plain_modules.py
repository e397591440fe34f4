"""A multilayer perceptron and a small vision transformer, as Flax modules."""

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from ensemble_rsa.arrays.checks import check_count
from ensemble_rsa.errors import InputError
from ensemble_rsa.models.convnet import scaled_channels


class Dense(nnx.Module):
    """A linear layer with a ReLU."""

    def __init__(self, inputs: int, outputs: int, rngs: nnx.Rngs):
        self.linear = nnx.Linear(
            inputs, outputs, kernel_init=nnx.initializers.he_normal(), rngs=rngs
        )

    def __call__(self, x: Float[Array, "image unit"]) -> Float[Array, "image _unit"]:
        """Activations after the ReLU."""
        return nnx.relu(self.linear(x))


class MLP(nnx.Module):
    """Hidden layers of equal size with ReLUs, recorded like the logits (sizes are ours)."""

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        n_categories: int,
        *,
        hidden: int = 512,
        depth: int = 3,
        width: float = 1.0,
        rngs: nnx.Rngs,
    ):
        height, wide, channels = image_shape
        check_count("depth", depth, 0)
        size = scaled_channels(check_count("hidden", hidden, 1), width)
        sizes = [height * wide * channels, *[size] * depth]
        self.hidden = nnx.List([Dense(*pair, rngs) for pair in zip(sizes, sizes[1:], strict=False)])
        self.head = nnx.Linear(sizes[-1], n_categories, rngs=rngs)
        self.layers = (*(f"hidden.{i}" for i in range(depth)), "head")

    def __call__(self, images: Float[Array, "image h w c"]) -> Float[Array, "image category"]:
        """Logits."""
        x = images.reshape(len(images), -1)
        for layer in self.hidden:
            x = layer(x)
        return self.head(x)


class Encoder(nnx.Module):
    """Self-attention and a perceptron, each after layer normalisation and with a shortcut."""

    def __init__(self, size: int, heads: int, rngs: nnx.Rngs):
        self.norm1 = nnx.LayerNorm(size, rngs=rngs)
        self.attention = nnx.MultiHeadAttention(heads, size, decode=False, rngs=rngs)
        self.norm2 = nnx.LayerNorm(size, rngs=rngs)
        self.wide = nnx.Linear(size, 4 * size, rngs=rngs)
        self.narrow = nnx.Linear(4 * size, size, rngs=rngs)

    def __call__(self, x: Float[Array, "image token unit"]) -> Float[Array, "image token unit"]:
        """Tokens after both."""
        x = x + self.attention(self.norm1(x))
        return x + self.narrow(nnx.gelu(self.wide(self.norm2(x))))


class ViT(nnx.Module):
    """A vision transformer that averages its tokens, after Dosovitskiy et al. 2021.

    The image is cut into `patch × patch` pixels; sizes are ours: 6 encoders of 192 units with 3
    heads at width 1. Recorded are the tokens after the embedding and each encoder, and the logits.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        n_categories: int,
        *,
        patch: int = 4,
        depth: int = 6,
        heads: int = 3,
        width: float = 1.0,
        rngs: nnx.Rngs,
    ):
        height, wide, channels = image_shape
        for name, n in (("patch", patch), ("depth", depth), ("heads", heads)):
            check_count(name, n, 1)
        if height % patch or wide % patch:
            raise InputError(
                f"patch: expected a divisor of the image's sides, {height} and {wide} pixels, "
                f"got {patch}"
            )
        size = scaled_channels(64, width) * heads
        self.patch = nnx.Conv(channels, size, (patch, patch), strides=patch, rngs=rngs)
        n_tokens = (height // patch) * (wide // patch)
        noise = nnx.initializers.normal(0.02)
        self.places = nnx.Param(noise(rngs.params(), (1, n_tokens, size)))
        self.encoders = nnx.List([Encoder(size, heads, rngs) for _ in range(depth)])
        self.norm = nnx.LayerNorm(size, rngs=rngs)
        self.head = nnx.Linear(size, n_categories, rngs=rngs)
        self.layers = ("embedding", *(f"encoders.{i}" for i in range(depth)), "head")

    def __call__(self, images: Float[Array, "image h w c"]) -> Float[Array, "image category"]:
        """Logits."""
        maps = self.patch(images)
        x = maps.reshape(len(maps), -1, maps.shape[-1]) + self.places[...]
        self.sow(nnx.Intermediate, "embedding", x)
        for encoder in self.encoders:
            x = encoder(x)
        return self.head(jnp.mean(self.norm(x), axis=1))
