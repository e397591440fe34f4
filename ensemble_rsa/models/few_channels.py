"""3 × 3 convolutions between few channels on a CPU, by blocks of 2 × 2 results.

XLA makes a matrix product of a convolution: a row for each window, a column for each channel of the
result. With four or eight columns, copying the windows takes longer than the arithmetic. A window
of 4 × 4 that gives all results of a block has four times the columns and copies half as often; the
zeros in its kernel cost less than that. A training step of ResNet-20 takes 0.65 of the time with
4, 8 and 16 channels, and 0.95 with 8, 16 and 32.
"""

from collections.abc import Callable

import jax.numpy as jnp
from jaxtyping import Array, Float

Maps = Float[Array, "_ _ _ _"]  # stimulus, height, width, channel
Kernel = Float[Array, "_ _ _ _"]  # window, window, channel, channel of the result
Pads = tuple[tuple[int, int], tuple[int, int]]
Convolve = Callable[..., Maps]  # of maps, kernel, strides, pads and dilation of the kernel

FEW = 8  # channels, and channels of the result, up to which blocks are used
SIDE = 2  # of a block of results


def convolve_few(x: Maps, kernel: Kernel, pads: Pads, convolve: Convolve) -> Maps:
    """Convolve with stride 1 between few channels, else by `convolve`."""
    if _wins(kernel.shape[:2], kernel.shape[2:], _result(x, kernel, pads)):
        return _in_blocks(x, kernel, pads, convolve)
    return convolve(x, kernel, (1, 1), pads, (1, 1))


def few_kernel_gradient(x: Maps, dy: Maps, window: tuple[int, int], pads: Pads, convolve: Convolve):
    """The gradient of such a convolution by its kernel; None where blocks of results do not win."""
    if not _wins(window, (x.shape[3], dy.shape[3]), dy.shape[1:3]):
        return None
    blocks = _to_blocks(dy)
    # The input's channels are a batch of images, and results that lie SIDE apart are one kernel.
    gradient = convolve(
        x.transpose(3, 1, 2, 0), blocks.transpose(1, 2, 0, 3), (1, 1), pads, (SIDE, SIDE)
    )
    of_places = gradient.reshape(*gradient.shape[:3], SIDE, SIDE, dy.shape[3])
    total = sum(
        of_places[:, i : i + window[0], j : j + window[1], i, j]
        for i in range(SIDE)
        for j in range(SIDE)
    )
    return jnp.transpose(total, (1, 2, 0, 3))


def _result(x: Maps, kernel: Kernel, pads: Pads) -> tuple[int, ...]:
    return tuple(
        n + sum(pad) - window + 1
        for n, pad, window in zip(x.shape[1:3], pads, kernel.shape[:2], strict=True)
    )


def _wins(window: tuple[int, ...], channels: tuple[int, ...], size: tuple[int, ...]) -> bool:
    return window == (3, 3) and max(channels) <= FEW and all(n % SIDE == 0 for n in size)


def _in_blocks(x: Maps, kernel: Kernel, pads: Pads, convolve: Convolve) -> Maps:
    """All results of a block as channels of one convolution with a stride of a block."""
    reach = range(SIDE)
    large = jnp.stack(
        [
            jnp.pad(kernel, ((i, SIDE - 1 - i), (j, SIDE - 1 - j), (0, 0), (0, 0)))
            for i in reach
            for j in reach
        ],
        3,
    )
    blocks = convolve(x, large.reshape(*large.shape[:3], -1), (SIDE, SIDE), pads, (1, 1))
    n, rows, columns, _ = blocks.shape
    places = blocks.reshape(n, rows, columns, SIDE, SIDE, -1)
    return places.transpose(0, 1, 3, 2, 4, 5).reshape(n, rows * SIDE, columns * SIDE, -1)


def _to_blocks(y: Maps) -> Maps:
    """Maps with the places of a block as further channels."""
    n, rows, columns, channels = y.shape
    places = y.reshape(n, rows // SIDE, SIDE, columns // SIDE, SIDE, channels)
    return places.transpose(0, 1, 3, 2, 4, 5).reshape(n, rows // SIDE, columns // SIDE, -1)
