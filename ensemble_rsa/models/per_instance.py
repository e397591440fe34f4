"""Convolutions that stay those of one instance under `vmap`, side by side in one program.

`vmap` over stacked kernels makes a convolution in groups, whose gradients a GPU computes by
routines meant for something else (see docs/explanation/accelerators.md). Here each instance has its
own convolution and its own two gradients, which cuDNN has routines for, and everything between them
is still computed for all instances together.
"""

from collections.abc import Callable
from functools import cache, partial

import jax
import jax.numpy as jnp
from jax import lax
from jax.custom_batching import custom_vmap
from jaxtyping import Array, Float

Maps = Float[Array, "_ _ _ _"]  # stimulus, height, width, channel
Kernel = Float[Array, "_ _ _ _"]  # window, window, channel, channel of the result
Pads = tuple[tuple[int, int], tuple[int, int]]
Sizes = tuple[int, ...]


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def per_instance(x: Maps, kernel: Kernel, stride: int, pads: Pads) -> Maps:
    """Convolve, with NHWC maps and an HWIO kernel.

    >>> x, kernels = jnp.ones((2, 1, 3, 3, 1)), jnp.ones((2, 3, 3, 1, 1))
    >>> jax.vmap(lambda x, kernel: per_instance(x, kernel, 1, ((0, 0), (0, 0))))(x, kernels).shape
    (2, 1, 1, 1, 1)
    """
    return _forward(stride, pads)(x, kernel)


def _backward(stride: int, pads: Pads, saved: tuple[Maps, Kernel], dy: Maps):
    x, kernel = saved
    dx = _input_gradient(stride, pads, x.shape)(dy, kernel)
    return dx, _kernel_gradient(stride, pads, kernel.shape)(x, dy)


per_instance.defvjp(
    lambda x, kernel, stride, pads: (_forward(stride, pads)(x, kernel), (x, kernel)), _backward
)


def _one_after_the_other(function: Callable[[Array, Array], Array]) -> Callable:
    """A function of two arrays that `vmap` applies to each pair, unless they share one of them."""
    mapped = custom_vmap(function)

    @mapped.def_vmap
    def of_all(axis_size: int, in_batched: list[bool], first: Array, second: Array):
        if all(in_batched):
            each = [mapped(first[i], second[i]) for i in range(axis_size)]
            return jnp.stack(each), True
        axes = [0 if batched else None for batched in in_batched]
        return jax.vmap(function, axes)(first, second), True  # more channels of one convolution

    return mapped


def _convolve(stride: int, pads: Pads, x: Maps, kernel: Kernel) -> Maps:
    return lax.conv_general_dilated(
        x, kernel, (stride, stride), pads, dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


@cache
def _forward(stride: int, pads: Pads) -> Callable:
    return _one_after_the_other(partial(_convolve, stride, pads))


@cache
def _input_gradient(stride: int, pads: Pads, shape: Sizes) -> Callable:
    def gradient(dy: Maps, kernel: Kernel) -> Maps:
        return _transposed(lambda x: _convolve(stride, pads, x, kernel), shape, dy)

    return _one_after_the_other(gradient)


@cache
def _kernel_gradient(stride: int, pads: Pads, shape: Sizes) -> Callable:
    def gradient(x: Maps, dy: Maps) -> Kernel:
        return _transposed(lambda kernel: _convolve(stride, pads, x, kernel), shape, dy)

    return _one_after_the_other(gradient)


def _transposed(linear: Callable[[Array], Array], shape: Sizes, dy: Maps) -> Array:
    """The gradient by the argument, of this shape, of a linear function."""
    (gradient,) = jax.linear_transpose(linear, jax.ShapeDtypeStruct(shape, dy.dtype))(dy)
    return gradient
