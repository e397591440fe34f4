"""Small exact pieces of mathematics that several analyses share: pairs, squares, correlations."""

import math
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

_BLOCK_ENTRIES = 2**20  # 4 MiB of float32: a block and what is made of it stay in a CPU cache
_HOST_SHARE = 2  # NumPy writes out every step, so its blocks are half of that
_NARROWEST = 1024  # columns: with fewer, adding up products of many rows costs more than they do
_TILE = 64  # rows: a product of 64³ multiplications is the largest that OpenBLAS gives one thread
_WORTH_THREADS = 2**30  # multiplications: below, a busy machine loses more by waiting for threads
_SAFE_REACH = 2.0**40  # the square of this, and of its inverse, is far from the ends of float32


@lru_cache(maxsize=32)
def pair_indices(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Row and column of each pair, in the order of `scipy.spatial.distance.pdist`.

    The arrays are cached and read-only.

    >>> [i.tolist() for i in pair_indices(3)]
    [[0, 0, 1], [1, 2, 2]]
    """
    rows, columns = np.triu_indices(n, 1)
    rows, columns = rows.astype(np.int32), columns.astype(np.int32)
    rows.flags.writeable = columns.flags.writeable = False
    return rows, columns


def blocks(length: int, entries_each: int) -> list[slice]:
    """Cut an axis into slices of about 4 MiB of float32, with `entries_each` numbers per position.

    >>> blocks(5, 2**19)
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    width = max(1, _BLOCK_ENTRIES // max(1, entries_each))
    return [slice(start, min(start + width, length)) for start in range(0, length, width)]


class RowStatistics(NamedTuple):
    """What it takes to centre rows without losing digits.

    Attributes:
        first: the first entry of each row, in the rows' own precision.
        shift: the mean of the row, counted from `first`.
        reach: the largest deviation from `first`; 0 exactly where a row is constant.
    """

    first: Any
    shift: Float[np.ndarray, "... 1"]
    reach: Float[np.ndarray, "... 1"]


def row_statistics(rows: Any, centre: bool = True) -> RowStatistics:
    """Mean and reach of each row of `(..., column)`, block by block.

    Deviations are taken from a row's first entry, not from 0: close numbers subtract exactly, so a
    large common offset costs no digits. Without `centre` they are taken from 0, and the mean counts
    as 0.
    """
    first = _as_float(rows[..., :1])
    first = first if centre else first * 0
    total = np.zeros(first.shape)
    reach = np.zeros(first.shape)
    for columns in _column_blocks([rows]):
        block_total, block_reach = _total_and_reach(_as_float(rows[..., columns]) - first)
        total += np.asarray(block_total, np.float64)
        reach = np.maximum(reach, np.asarray(block_reach, np.float64))
    shift = total / rows.shape[-1] if centre else np.zeros(first.shape)
    return RowStatistics(first, shift, reach)


def centred(
    rows: Any, statistics: RowStatistics, columns: slice = slice(None)
) -> Float[Array, "... column"]:
    """The chosen columns of `rows` minus the rows' means, in float32."""
    shift = jnp.asarray(statistics.shift, jnp.float32)
    return _deviations(rows, columns, statistics.first) - shift


def standardised(
    rows: Any, statistics: RowStatistics, columns: slice = slice(None)
) -> Float[Array, "... column"]:
    """`centred` rows over their reach, so that squares stay within float32's range."""
    reach = jnp.asarray(np.where(statistics.reach > 0, statistics.reach, 1), jnp.float32)
    return centred(rows, statistics, columns) / reach


def correlation_matrix(
    rows: Any,
    others: Any = None,
    centre: bool = True,
    transform: Callable[[Any], Any] | None = None,
) -> Float[np.ndarray, "... row other_row"]:
    """Pearson correlation of every row with every other, `(..., row, column)` -> `(..., row, row)`.

    Leading positions and columns pass through in blocks: working memory stays bounded, and the
    products of each block (all rows at once; float64 for float64 rows, else float32 at highest
    precision) are added up in float64. A constant row gives NaN; callers must look. An array on an
    accelerator stays there; for any other NumPy is used, which on a CPU has less to do around
    products so small.

    Args:
        rows: `(..., row, column)`.
        others: `(..., other_row, column)`, its leading axes broadcast against those of `rows`; None
            for `rows` themselves.
        centre: False for the cosine, which is NaN where a row is all zero.
        transform: what is correlated instead of the rows, such as their ranks; it gets them block
            by block of leading positions.

    >>> correlation_matrix(np.array([[1.0, 2.0, 4.0], [3.0, 5.0, 9.0], [0.0, -1.0, -3.0]])).round(6)
    array([[ 1.,  1., -1.],
           [ 1.,  1., -1.],
           [-1., -1.,  1.]])
    """
    transform = transform or (lambda rows: rows)
    groups = [on_host_if_cpu(group) for group in ([rows] if others is None else [rows, others])]
    if any(isinstance(group, jax.Array) for group in groups):
        return _correlations([transform(jnp.asarray(group)) for group in groups], centre)
    lead = np.broadcast_shapes(*(group.shape[:-2] for group in groups))
    groups = [np.broadcast_to(group, (*lead, *group.shape[-2:])) for group in groups]
    result = np.empty((*lead, groups[0].shape[-2], groups[-1].shape[-2]))
    for index in _positions(lead, max(math.prod(group.shape[-2:]) for group in groups)):
        result[index] = _correlations([transform(group[index]) for group in groups], centre)
    return result


def on_host_if_cpu(array: Any) -> Any:
    """A NumPy array or view of one, unless the array lies on an accelerator.

    >>> type(on_host_if_cpu(jnp.ones(2))).__name__
    'ndarray'
    """
    if isinstance(array, jax.Array) and any(d.platform != "cpu" for d in array.devices()):
        return array
    return np.asarray(array)


def _positions(lead: tuple[int, ...], entries_each: int) -> Iterator[tuple[Any, ...]]:
    """Indices of all leading positions: many small ones at once, a large one alone."""
    if not lead:
        yield ()
        return
    for block in blocks(math.prod(lead), _HOST_SHARE * entries_each):
        several = np.unravel_index(np.arange(block.start, block.stop), lead)
        # Integers give a view, where lists of them would copy.
        yield several if block.stop - block.start > 1 else tuple(int(i[0]) for i in several)


def _column_blocks(groups: list[Any]) -> list[slice]:
    share = 1 if isinstance(groups[0], jax.Array) else _HOST_SHARE
    entries_each = share * max(math.prod(rows.shape[:-1]) for rows in groups)
    return blocks(groups[0].shape[-1], min(entries_each, _BLOCK_ENTRIES // _NARROWEST))


def _correlations(groups: list[Any], centre: bool) -> Float[np.ndarray, "... row other_row"]:
    """Correlations of one group of rows with itself, or of the first group with the second."""
    # No jit around a block: joined with the steps before it, XLA's CPU compiler runs the product 3
    # times slower.
    pivoted = [_pivot(rows, centre) for rows in groups]
    products: Any = np.float64(0)
    squares: list[Any] = [np.float64(0) for _ in groups]
    for columns in _column_blocks(groups):
        parts = [_deviations_from_pivot(rows, columns) for rows in pivoted]
        products += np.asarray(_products(parts[0], parts[-1]))
        if len(parts) > 1:
            for i, part in enumerate(parts):
                squares[i] += np.asarray((part * part).sum(-1))
    if len(groups) == 1:
        squares = [np.diagonal(products, axis1=-2, axis2=-1)]
    n_columns, means = groups[0].shape[-1], [rows.mean for rows in pivoted]
    covariance = products - n_columns * means[0][..., :, None] * means[-1][..., None, :]
    deviations = [
        np.sqrt(np.where(rows.varies, square - n_columns * rows.mean**2, np.nan))
        for rows, square in zip(pivoted, squares, strict=True)
    ]
    return np.clip(covariance / (deviations[0][..., :, None] * deviations[-1][..., None, :]), -1, 1)


class _Pivoted(NamedTuple):
    """Rows, and what to subtract and divide by before they are multiplied.

    Attributes:
        rows: as they came.
        pivot: the mean, rounded to the rows' precision so that close numbers subtract exactly.
        divisor: the reach where squares would leave float32's range, else None.
        mean: what the rounded pivot leaves of it, over the divisor.
        varies: False where a row is constant.
    """

    rows: Any
    pivot: Float[np.ndarray, "... row 1"]
    divisor: Float[np.ndarray, "... row 1"] | None
    mean: Float[np.ndarray, "... row"]
    varies: Bool[np.ndarray, "... row"]


def _pivot(rows: Any, centre: bool) -> _Pivoted:
    first, shift, reach = row_statistics(rows, centre)
    start = np.asarray(first, np.float64)
    pivot = (start + shift).astype(first.dtype)
    varies = reach > 0
    safe = ~varies | ((reach > 1 / _SAFE_REACH) & (reach < _SAFE_REACH))
    divisor = None if safe.all() else np.where(varies, reach, 1).astype(first.dtype)
    mean = shift - (pivot - start)
    mean = mean if divisor is None else mean / divisor
    return _Pivoted(rows, pivot, divisor, mean[..., 0], varies[..., 0])


def _deviations_from_pivot(pivoted: _Pivoted, columns: slice) -> Float[Any, "... column"]:
    deviations = _as_float(pivoted.rows[..., columns]) - pivoted.pivot
    return deviations if pivoted.divisor is None else deviations / pivoted.divisor


def _products(left: Any, right: Any) -> Float[Any, "... row other_row"]:
    """All inner products of rows, in the precision of the rows."""
    if isinstance(left, jax.Array):
        return jnp.matmul(left, right.swapaxes(-1, -2), precision="highest")
    (n_rows, n_columns), n_others = left.shape[-2:], right.shape[-2]
    if n_rows * n_others * n_columns > _WORTH_THREADS:
        return left @ right.swapaxes(-1, -2)
    return np.block(
        [
            [_products_on_one_thread(left[..., i, :], right[..., j, :]) for j in _tiles(n_others)]
            for i in _tiles(n_rows)
        ]
    )


def _tiles(length: int) -> list[slice]:
    return [slice(start, start + _TILE) for start in range(0, length, _TILE)]


def _products_on_one_thread(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Products of pieces of columns, too small for OpenBLAS to call threads, and their sum."""
    lead, n_rows, n_others = left.shape[:-2], left.shape[-2], right.shape[-2]
    width = _TILE**3 // (n_rows * n_others)
    n_pieces = left.shape[-1] // width
    cut = n_pieces * width
    right = right.swapaxes(-1, -2)
    pieces = np.matmul(
        left[..., :cut].reshape(*lead, n_rows, n_pieces, width).swapaxes(-2, -3),
        right[..., :cut, :].reshape(*lead, n_pieces, width, n_others),
    )
    return pieces.sum(-3) + left[..., cut:] @ right[..., cut:, :]


def _as_float(block: Any) -> Any:
    """Floating point to subtract in: integers would wrap, half precision would round."""
    if block.dtype in (np.float32, np.float64):
        return block
    exact = isinstance(block, np.ndarray) and block.dtype.kind in "iuf" and block.dtype.itemsize > 2
    return block.astype(np.float64 if exact else np.float32)


def _deviations(rows: Any, columns: slice, first: Any) -> Float[Array, "... column"]:
    return jnp.asarray(_as_float(rows[..., columns]) - first, jnp.float32)


def _total_and_reach(deviations: Any) -> tuple[Any, Any]:
    if isinstance(deviations, jax.Array):
        return _total_and_reach_on_device(deviations)
    reach = np.maximum(deviations.max(-1, keepdims=True), -deviations.min(-1, keepdims=True))
    return deviations.sum(-1, keepdims=True), reach


@jax.jit
def _total_and_reach_on_device(
    deviations: Float[Array, "... column"],
) -> tuple[Float[Array, "... 1"], Float[Array, "... 1"]]:
    return jnp.sum(deviations, -1, keepdims=True), jnp.max(jnp.abs(deviations), -1, keepdims=True)


def power_of_two(length: int) -> int:
    """The least power of two that is no less: what lengths are filled up to.

    >>> [power_of_two(length) for length in (1, 5, 8)]
    [1, 8, 8]
    """
    return 1 << (length - 1).bit_length()
