"""3 × 3 convolutions with stride 1 in four ninths of the multiplications (Winograd 1980).

A tile of 2 × 2 results and its 4 × 4 inputs are transformed so that the convolution becomes a
product at each of 16 positions: with kernel g, input d and the matrices below,
y = A [(G g Gᵀ) ∘ (B d Bᵀ)] Aᵀ (Lavin & Gray 2016, who write A and B transposed). Over all tiles and
channels each position is one matrix product, fast on a CPU in loops and under `vmap`. The 16 planes
are separate arrays, and a batch is processed in parts that fit into the cache. Larger tiles save
more products, but are less exact and take longer to compile.
"""

from collections.abc import Sequence
from functools import reduce
from math import ceil

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

Maps = Float[Array, "_ _ _ _"]  # stimulus, height, width, channel
Pads = tuple[tuple[int, int], tuple[int, int]]
TileArrays = list[list[Array]]  # the arrays at each place of a tile

TILE = 2  # rows and columns of results
PLANES = 4  # rows and columns of a transformed tile
FROM_KERNEL = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]], np.float32)
FROM_INPUT = np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]], np.float32)
TO_RESULT = np.array([[1, 1, 1, 0], [0, 1, -1, -1]], np.float32)
PART_BYTES = 7e6  # of the planes of a part: the fastest of 3 to 27 MB


def winograd(x: Maps, kernel: Float[Array, "3 3 _ _"], pads: Pads) -> Maps:
    """Convolve with stride 1.

    >>> winograd(jnp.ones((1, 4, 4, 1)), jnp.ones((3, 3, 1, 1)), ((1, 1), (1, 1)))[0, :2, :2, 0]
    Array([[4., 6.],
           [6., 9.]], dtype=float32)
    """
    rows, columns = _result_size(x, pads)
    planes = _apply(FROM_KERNEL, [[kernel[i, j] for j in range(3)] for i in range(3)])

    def of_part(part: Array) -> Array:
        inputs = _input_planes(part, pads, rows, columns)
        products = [
            [v @ u for v, u in zip(*pair, strict=True)] for pair in zip(inputs, planes, strict=True)
        ]
        y = jnp.stack([jnp.stack(row, 3) for row in _apply(TO_RESULT, products)], 2)
        n, r, i, c, j, channels = y.shape
        return y.reshape(n, r * i, c * j, channels)[:, :rows, :columns]

    n = len(x)
    parts = _in_parts(x, _images_per_part(n, rows, columns, max(kernel.shape[2:])))
    if len(parts) == 1:
        return of_part(parts[0])[:n]
    return lax.map(of_part, parts).reshape(-1, rows, columns, kernel.shape[3])[:n]


def winograd_kernel_gradient(x: Maps, dy: Maps, pads: Pads) -> Float[Array, "3 3 _ _"]:
    """The gradient of `winograd` with respect to its kernel."""
    rows, columns = dy.shape[1:3]

    def of_part(part: tuple[Array, Array]) -> TileArrays:
        inputs = _input_planes(part[0], pads, rows, columns)
        results = _apply(TO_RESULT.T, _tile_places(part[1]))
        return [
            [_flat(v).T @ _flat(d) for v, d in zip(*pair, strict=True)]
            for pair in zip(inputs, results, strict=True)
        ]

    size = _images_per_part(len(x), rows, columns, max(x.shape[3], dy.shape[3]))
    parts = _in_parts(x, size), _in_parts(dy, size)
    if len(parts[0]) == 1:
        total = of_part((parts[0][0], parts[1][0]))
    else:
        none = jnp.zeros((x.shape[3], dy.shape[3]), x.dtype)
        total, _ = lax.scan(
            lambda total, part: (jax.tree.map(jnp.add, total, of_part(part)), None),
            [[none] * PLANES] * PLANES,
            parts,
        )
    return jnp.stack([jnp.stack(row) for row in _apply(FROM_KERNEL.T, total)])


def _result_size(x: Array, pads: Pads) -> tuple[int, int]:
    rows, columns = (n + low + high - 2 for n, (low, high) in zip(x.shape[1:3], pads, strict=True))
    return rows, columns


def _images_per_part(n: int, rows: int, columns: int, channels: int) -> int:
    """Size of equal parts of a batch whose planes fit into the cache."""
    tiles = ceil(rows / TILE) * ceil(columns / TILE)
    fitting = max(1, int(PART_BYTES // (4 * PLANES**2 * tiles * channels)))
    return ceil(n / ceil(n / fitting))


def _in_parts(x: Array, size: int) -> Float[Array, "part stimulus height width channel"]:
    """A batch in parts, the last padded with zeros."""
    if missing := -x.shape[0] % size:
        x = jnp.pad(x, ((0, missing), (0, 0), (0, 0), (0, 0)))
    return x.reshape(-1, size, *x.shape[1:])


def _input_planes(x: Array, pads: Pads, rows: int, columns: int) -> TileArrays:
    tiles = ceil(rows / TILE), ceil(columns / TILE)
    edges = [
        (low, TILE * count + 2 - size - low)
        for (low, _), count, size in zip(pads, tiles, x.shape[1:3], strict=True)
    ]
    x = lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), *((*e, 0) for e in edges), (0, 0, 0)])

    def place(row: int, column: int) -> Array:
        ends = row + TILE * (tiles[0] - 1) + 1, column + TILE * (tiles[1] - 1) + 1
        return x[:, row : ends[0] : TILE, column : ends[1] : TILE]

    return _apply(FROM_INPUT, [[place(i, j) for j in range(PLANES)] for i in range(PLANES)])


def _tile_places(y: Array) -> TileArrays:
    """Results by position in a tile, padded with zeros to full tiles."""
    y = jnp.pad(y, ((0, 0), (0, y.shape[1] % TILE), (0, y.shape[2] % TILE), (0, 0)))
    return [[y[:, i::TILE, j::TILE] for j in range(TILE)] for i in range(TILE)]


def _flat(plane: Array) -> Float[Array, "tile channel"]:
    return plane.reshape(-1, plane.shape[-1])


def _apply(matrix: np.ndarray, places: TileArrays) -> TileArrays:
    """Matrix · places · matrixᵀ, each place an array."""
    half = [[_combine(row, column) for column in zip(*places, strict=True)] for row in matrix]
    return [[_combine(row, across) for row in matrix] for across in half]


def _combine(factors: np.ndarray, arrays: Sequence[Array]) -> Array:
    """Sum of the arrays times the factors, without multiplications by 0 or 1."""
    pairs = zip(factors.tolist(), arrays, strict=True)
    terms = (a if f == 1 else -a if f == -1 else a * f for f, a in pairs if f)
    return reduce(jnp.add, terms)
