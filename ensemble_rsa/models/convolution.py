"""Algorithms for a convolution and its gradients, for `flax.nnx.Conv(conv_general_dilated=...)`.

XLA on CPU uses its fast convolutions only at the top level of a program: inside a loop (`lax.scan`,
`lax.map`) the gradients of a plain convolution are a hundred times slower, and under `vmap` a stack
of kernels becomes a grouped convolution, five times slower. All algorithms give the same numbers to
rounding; which is fastest depends on the device and the network.
"""

import math
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from ensemble_rsa.models.few_channels import convolve_few, few_kernel_gradient
from ensemble_rsa.models.per_instance import per_instance
from ensemble_rsa.models.winograd import winograd, winograd_kernel_gradient

NHWC = ("NHWC", "HWIO", "NHWC")
Image = Float[Array, "_ _ _ _"]  # stimulus, height, width, channel; other axes in gradients
Kernel = Float[Array, "_ _ _ _"]  # window, window, channel, channel of the result
Pads = tuple[tuple[int, int], tuple[int, int]]

LEAST_CHANNELS = 12  # below, transforming tiles costs more than it saves
FEW_INPUTS = 32  # values of a window, up to which a convolution is one matrix product


def spatial_pads(padding: Any, size: tuple[int, int], window: tuple[int, int], stride: int) -> Pads:
    """Zeros before and after the rows and the columns, for "SAME", "VALID" or explicit pads.

    >>> spatial_pads("SAME", (8, 8), (3, 3), 2)
    ((0, 1), (0, 1))
    """
    if not isinstance(padding, str):
        return tuple((int(low), int(high)) for low, high in padding)  # pyright: ignore[reportReturnType]
    return tuple(lax.padtype_to_pads(size, window, (stride, stride), padding))  # pyright: ignore[reportReturnType]


@jax.custom_vjp
def add_bias(maps: Image, bias: Float[Array, " _"]) -> Image:
    """Add one number to each channel.

    The gradient is a product with ones, since XLA's sum over all but the last axis takes five times
    as long on a CPU (0.7 instead of 0.13 ms for 32 maps of 32 × 32 × 24 values).
    """
    return maps + bias[None, None, None]


def _bias_backward(_: None, dy: Image) -> tuple[Image, Float[Array, " _"]]:
    flat = dy.reshape(-1, dy.shape[-1])
    return dy, jnp.ones(len(flat), dy.dtype) @ flat


add_bias.defvjp(lambda maps, bias: (maps + bias[None, None, None], None), _bias_backward)


def _convolve(
    x: Image,
    kernel: Kernel,
    strides: tuple[int, int],
    pads: Pads,
    spread: tuple[int, int] = (1, 1),
) -> Image:
    return lax.conv_general_dilated(
        x, kernel, strides, pads, rhs_dilation=spread, dimension_numbers=NHWC
    )


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _plain_gradients(x: Image, kernel: Kernel, stride: int, pads: Pads) -> Image:
    """A convolution whose gradients are written as plain NHWC × HWIO convolutions."""
    return _forward(x, kernel, stride, pads)


def _forward(x: Image, kernel: Kernel, stride: int, pads: Pads) -> Image:
    """Convolve; with few values in a window (3 × 3 × 3 of an image) as one matrix product.

    The product takes 0.5 to 0.7 of the convolution's time on a CPU, its gradient would take longer.
    """
    if math.prod(kernel.shape[:3]) <= FEW_INPUTS:
        return _patches(x, kernel, stride, pads)
    if stride == 1:
        return convolve_few(x, kernel, pads, _convolve)
    return _convolve(x, kernel, (stride, stride), pads)


def _backward(stride: int, pads: Pads, saved: tuple[Image, Kernel], dy: Image):
    x, kernel = saved
    dx = _input_gradient(x, kernel, stride, pads, dy)
    return dx, _kernel_gradient(x, kernel, stride, pads, dy)


def _input_gradient(x: Image, kernel: Kernel, stride: int, pads: Pads, dy: Image) -> Image:
    """Convolve the upstream gradient with the rotated kernel.

    With a stride, inputs that lie a stride apart depend on the same part of the kernel; the
    gradient of each such grid of inputs is a small convolution, without multiplications by zeros.
    """
    height, width = x.shape[1:3]
    one_grid = partial(_grid_gradient, kernel, stride, pads, dy, (height, width))
    grids = [[one_grid((row, column)) for column in range(stride)] for row in range(stride)]
    if stride == 1:
        return grids[0][0]
    rows, columns = grids[0][0].shape[1:3]
    full = [
        [jnp.pad(g, ((0, 0), (0, rows - g.shape[1]), (0, columns - g.shape[2]), (0, 0))) for g in r]
        for r in grids
    ]
    dx = jnp.stack([jnp.stack(row, 3) for row in full], 2)
    return dx.reshape(-1, rows * stride, columns * stride, x.shape[3])[:, :height, :width]


def _grid_gradient(
    kernel: Kernel,
    stride: int,
    pads: Pads,
    dy: Image,
    size: tuple[int, int],
    place: tuple[int, int],
) -> Image:
    """The gradient by the inputs at `place`, `place` + `stride`, … along both axes."""
    first = [(at + low) % stride for at, (low, _) in zip(place, pads, strict=True)]
    part = kernel[first[0] :: stride, first[1] :: stride]
    counts = [-(-(n - at) // stride) for n, at in zip(size, place, strict=True)]
    if 0 in part.shape:  # no window covers these inputs
        return jnp.zeros((dy.shape[0], *counts, kernel.shape[2]), dy.dtype)
    back = []
    for axis, (low, _) in enumerate(pads):
        reach = part.shape[axis] - 1
        before = reach - (place[axis] + low - first[axis]) // stride
        back.append((before, counts[axis] + reach - dy.shape[axis + 1] - before))
    rotated = part[::-1, ::-1].swapaxes(2, 3)
    return convolve_few(dy, rotated, tuple(back), _convolve)  # pyright: ignore[reportArgumentType]


def _kernel_gradient(x: Image, kernel: Kernel, stride: int, pads: Pads, dy: Image) -> Kernel:
    """Convolve the input with the upstream gradient, with channels as batch."""
    if stride == 1:
        window = kernel.shape[0], kernel.shape[1]
        if (gradient := few_kernel_gradient(x, dy, window, pads, _convolve)) is not None:
            return gradient
    channels_first, spread = x.transpose(3, 1, 2, 0), (stride, stride)
    gradient = _convolve(channels_first, dy.transpose(1, 2, 0, 3), (1, 1), pads, spread)
    return gradient[:, : kernel.shape[0], : kernel.shape[1]].transpose(1, 2, 0, 3)


_plain_gradients.defvjp(
    lambda x, kernel, stride, pads: (_forward(x, kernel, stride, pads), (x, kernel)), _backward
)


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def _winograd(x: Image, kernel: Kernel, pads: Pads) -> Image:
    """A 3 × 3 convolution with stride 1 and both its gradients, by Winograd's algorithm."""
    return winograd(x, kernel, pads)


def _winograd_backward(pads: Pads, saved: tuple[Image, Kernel], dy: Image):
    x, kernel = saved
    back = tuple((2 - low, 2 - high) for low, high in pads)
    rotated = kernel[::-1, ::-1].swapaxes(2, 3)
    return winograd(dy, rotated, back), winograd_kernel_gradient(x, dy, pads)  # pyright: ignore[reportArgumentType]


_winograd.defvjp(
    lambda x, kernel, pads: (winograd(x, kernel, pads), (x, kernel)), _winograd_backward
)


def _tiles(x: Image, kernel: Kernel, stride: int, pads: Pads) -> Image:
    """Winograd's algorithm for 3 × 3 kernels with stride 1, many channels and float32, else plain.

    In bfloat16 the transforms would lose precision.
    """
    fits = kernel.shape[:2] == (3, 3) and stride == 1 and x.dtype == jnp.float32
    if not fits or min(kernel.shape[2:]) < LEAST_CHANNELS:
        return _plain_gradients(x, kernel, stride, pads)
    return _winograd(x, kernel, pads)


def _patches(x: Image, kernel: Kernel, stride: int, pads: Pads) -> Image:
    """One matrix product with concatenated shifted slices (im2col), also under `vmap`."""
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


def _as_flax_convolution(way: Callable[..., Any]) -> Callable[..., Image]:
    """Give `way(x, kernel, stride, pads)` the signature of `lax.conv_general_dilated`.

    Windows of 1 × 1 or as large as the map are matrix products instead. What `way` cannot do
    (groups, dilation, unequal strides, one dimension or three) is left to `lax`.
    """

    def convolution(
        lhs, rhs, window_strides, padding, lhs_dilation=None, rhs_dilation=None,
        feature_group_count=1, **options,
    ):  # fmt: skip
        dilations = (*(lhs_dilation or ()), *(rhs_dilation or ()))
        stride = window_strides[0]
        if (
            lhs.ndim != 4
            or {*dilations, feature_group_count, 1} != {1}
            or {*window_strides} != {stride}
        ):
            return lax.conv_general_dilated(
                lhs, rhs, window_strides, padding, lhs_dilation, rhs_dilation,
                feature_group_count=feature_group_count, **options,
            )  # fmt: skip
        pads = spatial_pads(padding, lhs.shape[1:3], rhs.shape[:2], stride)
        if rhs.shape[:2] == (1, 1) and stride == 1 and pads == ((0, 0), (0, 0)):
            return lhs @ rhs[0, 0]
        if rhs.shape[:2] == lhs.shape[1:3] and pads == ((0, 0), (0, 0)):
            return (lhs.reshape(len(lhs), -1) @ rhs.reshape(-1, rhs.shape[3]))[:, None, None]
        return way(lhs, rhs, stride, pads)

    return convolution


CONVOLUTIONS: Mapping[str, Callable[..., Image]] = MappingProxyType(
    {
        "xla": lax.conv_general_dilated,
        "plain_gradients": _as_flax_convolution(_plain_gradients),
        "winograd": _as_flax_convolution(_tiles),
        "patches": _as_flax_convolution(_patches),
        "per_instance": _as_flax_convolution(per_instance),
    }
)
