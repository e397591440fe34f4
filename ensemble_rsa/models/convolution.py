"""How a convolution and its two gradients are computed: one signature, several ways underneath.

A network asks for a convolution; which way computes it is a choice for the device at hand. Every
way takes the arguments that `flax.nnx.Conv(conv_general_dilated=...)` passes, so a network does not
know which one it runs on.

Why there is a choice: XLA on CPU rewrites convolutions for its fast code only at the top level of a
program. Inside a loop (`lax.scan`, `lax.map`) the gradients of a plain convolution run naive code,
a hundred times slower, and under `vmap` a stack of kernels becomes a grouped convolution, five
times slower.
"""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

NHWC = ("NHWC", "HWIO", "NHWC")
Image = Float[
    Array, "_ _ _ _"
]  # stimulus, height, width, channel; in the gradients, axes trade places
Kernel = Float[Array, "_ _ _ _"]  # window, window, channel, channel of the result
Pads = tuple[tuple[int, int], tuple[int, int]]


def spatial_pads(padding: Any, size: tuple[int, int], window: tuple[int, int], stride: int) -> Pads:
    """Zeros before and after the rows and the columns, for "SAME", "VALID" or explicit pads.

    >>> spatial_pads("SAME", (8, 8), (3, 3), 2)
    ((0, 1), (0, 1))
    """
    if not isinstance(padding, str):
        return tuple((int(low), int(high)) for low, high in padding)  # pyright: ignore[reportReturnType]
    return tuple(lax.padtype_to_pads(size, window, (stride, stride), padding))  # pyright: ignore[reportReturnType]


def _convolve(x: Image, kernel: Kernel, stride: int, pads: Pads, spread: int = 1) -> Image:
    return lax.conv_general_dilated(
        x, kernel, (stride, stride), pads, rhs_dilation=(spread, spread), dimension_numbers=NHWC
    )


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _plain_gradients(x: Image, kernel: Kernel, stride: int, pads: Pads) -> Image:
    """A convolution whose gradients are written as plain NHWC × HWIO convolutions."""
    return _convolve(x, kernel, stride, pads)


def _forward(x: Image, kernel: Kernel, stride: int, pads: Pads):
    return _convolve(x, kernel, stride, pads), (x, kernel)


def _backward(stride: int, pads: Pads, saved: tuple[Image, Kernel], dy: Image):
    x, kernel = saved
    return _input_gradient(x, kernel, stride, pads, dy), _kernel_gradient(
        x, kernel, stride, pads, dy
    )


def _input_gradient(x: Image, kernel: Kernel, stride: int, pads: Pads, dy: Image) -> Image:
    """Convolve the upstream gradient, spread out by the stride, with the turned kernel."""
    if stride > 1:
        rows, columns = ((n - 1) * stride + 1 for n in dy.shape[1:3])
        spread = jnp.zeros((dy.shape[0], rows, columns, dy.shape[3]), dy.dtype)
        dy = spread.at[:, ::stride, ::stride].set(dy)
    turned = kernel[::-1, ::-1].swapaxes(2, 3)
    back = []
    for axis, (low, _) in enumerate(pads):
        window, size, given = kernel.shape[axis], x.shape[axis + 1], dy.shape[axis + 1]
        before = window - 1 - low
        back.append((before, size - given - before + window - 1))
    return _convolve(dy, turned, 1, tuple(back))  # pyright: ignore[reportArgumentType]


def _kernel_gradient(x: Image, kernel: Kernel, stride: int, pads: Pads, dy: Image) -> Kernel:
    """Convolve the input with the upstream gradient, channels in the place of the batch."""
    channels_first = x.transpose(3, 1, 2, 0)
    gradient = _convolve(channels_first, dy.transpose(1, 2, 0, 3), 1, pads, spread=stride)
    return gradient[:, : kernel.shape[0], : kernel.shape[1]].transpose(1, 2, 0, 3)


_plain_gradients.defvjp(_forward, _backward)


def _patches(x: Image, kernel: Kernel, stride: int, pads: Pads) -> Image:
    """Shifted slices side by side and one matrix product: it stays one under `vmap`."""
    padded = jnp.pad(x, ((0, 0), *pads, (0, 0)))
    rows, columns = ((padded.shape[a + 1] - kernel.shape[a]) // stride + 1 for a in (0, 1))
    slices = [
        padded[
            :, i : i + (rows - 1) * stride + 1 : stride, j : j + (columns - 1) * stride + 1 : stride
        ]
        for i in range(kernel.shape[0])
        for j in range(kernel.shape[1])
    ]
    return jnp.concatenate(slices, axis=-1) @ kernel.reshape(-1, kernel.shape[-1])


def _pointwise(x: Image, kernel: Kernel) -> Image:
    """A 1 × 1 convolution is a matrix product over channels."""
    return x @ kernel[0, 0]


def _as_flax_convolution(way: Callable[..., Any]) -> Callable[..., Image]:
    """Give `way(x, kernel, stride, pads)` the signature of `lax.conv_general_dilated`."""

    def convolution(
        lhs, rhs, window_strides, padding, lhs_dilation=None, rhs_dilation=None, **options
    ):
        del lhs_dilation, rhs_dilation, options  # none of our networks dilates or groups
        stride, pads = window_strides[0], None
        pads = spatial_pads(padding, lhs.shape[1:3], rhs.shape[:2], stride)
        if rhs.shape[:2] == (1, 1) and stride == 1 and pads == ((0, 0), (0, 0)):
            return _pointwise(lhs, rhs)
        return way(lhs, rhs, stride, pads)

    return convolution


CONVOLUTIONS: Mapping[str, Callable[..., Image]] = MappingProxyType(
    {
        "xla": lax.conv_general_dilated,
        "plain_gradients": _as_flax_convolution(_plain_gradients),
        "patches": _as_flax_convolution(_patches),
    }
)
