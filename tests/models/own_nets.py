"""Modules as a user would write them, right ones and wrong ones."""

import jax.numpy as jnp
from flax import nnx


class Block(nnx.Module):
    def __init__(self, channels, rngs):
        self.conv = nnx.Conv(channels, channels, (3, 3), use_bias=False, rngs=rngs)
        self.norm = nnx.BatchNorm(channels, momentum=0.75, rngs=rngs)
        self.drop = nnx.Dropout(0.25, rngs=rngs)

    def __call__(self, x):
        return self.drop(nnx.relu(self.norm(self.conv(x))))


class Net(nnx.Module):
    """Everything that the contract allows: statistics, dropout, lists, sown values."""

    layers = ("stem", "blocks.1", "pooled")

    def __init__(self, image_shape, n_categories, *, rngs, width=4):
        self.stem = nnx.Conv(image_shape[-1], width, (3, 3), strides=2, rngs=rngs)
        self.blocks = nnx.List([Block(width, rngs) for _ in range(2)])
        self.head = nnx.Linear(width, n_categories, rngs=rngs)

    def __call__(self, images):
        x = self.stem(images)
        for block in self.blocks:
            x = block(x)
        x = x.mean((1, 2))
        self.sow(nnx.Intermediate, "pooled", x)
        return self.head(x)


class Automatic(Net):
    layers = None


class Twice(nnx.Module):
    """A layer that is used twice, and one that is never used."""

    def __init__(self, image_shape, n_categories, *, rngs):
        size = image_shape[0] * image_shape[1] * image_shape[2]
        self.shared = nnx.Linear(size, size, rngs=rngs)
        self.unused = nnx.Linear(size, size, rngs=rngs)
        self.head = nnx.Linear(size, n_categories, rngs=rngs)

    def __call__(self, images):
        x = images.reshape(len(images), -1)
        return self.head(self.shared(self.shared(x)))


class NoLogits(Twice):
    def __call__(self, images):
        return super().__call__(images).mean(-1)


class Absent(Twice):
    layers = ("shared", "third")


class Counts(Twice):
    calls = 0

    def __call__(self, images):
        self.calls += 1
        return super().__call__(images)


class Branches(Twice):
    def __call__(self, images):
        return super().__call__(images) if images.sum() > 0 else jnp.zeros((len(images), 10))


class Stray(Twice):
    def __init__(self, image_shape, n_categories, *, rngs, size):
        super().__init__(image_shape, n_categories, rngs=rngs)


def no_module(image_shape, n_categories, *, rngs):
    return "a network"
