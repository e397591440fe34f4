"""Exact small computations that several analyses share: pairs, blocks, correlations of rows.

`correlation_matrix` is not made from the Gram engine of `rdm.gram`. It serves few rows, often two
groups of them at thousands of leading positions: there, products in small pieces on one thread take
a third of the time of BLAS `syrk` (10 rows of 50,000 columns: 0.2 ms instead of 0.5), and calls of
the engine for each position would take longer than all products.
"""

import math
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from ensemble_rsa.arrays.constant import MOST_ROUNDING, MOST_SPREAD, is_constant, is_zero

_BLOCK_ENTRIES = 2**20  # 4 MiB of float32: a block and its temporaries stay in a CPU cache
_HOST_SHARE = 2  # NumPy writes out every step, so blocks of rows are half of that
_NARROWEST = 1024  # columns: with fewer, adding up products of many rows costs more than they do
_LARGEST_ON_ONE_THREAD = 2**18  # multiplications of a product that OpenBLAS gives to one thread
_NARROWEST_PIECE = 64  # columns; for more than 64 rows by 64, one product is faster
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
    """What centring rows without loss of digits needs."""

    first: Float[np.ndarray, "... 1"]  # entry of each row, in the rows' own precision
    shift: Float[np.ndarray, "... 1"]  # the mean of the row, counted from `first`
    reach: Float[np.ndarray, "... 1"]  # the largest deviation from `first`; 0 only if constant


def row_statistics(rows: Any, centre: bool = True) -> RowStatistics:
    """Mean and reach of each row, block by block.

    Deviations are taken from a row's first entry, not from 0: close numbers subtract exactly, so a
    large common offset costs no digits. Without `centre` they are taken from 0, and the mean counts
    as 0.
    """
    first = _as_float(rows[..., :1])
    first = first if centre else first * 0
    total, reach = np.zeros(first.shape), np.zeros(first.shape)
    for columns in _column_blocks([rows]):
        deviations = _as_float(rows[..., columns]) - first
        total += deviations.sum(-1, keepdims=True)
        largest = np.maximum(deviations.max(-1, keepdims=True), -deviations.min(-1, keepdims=True))
        reach = np.maximum(reach, largest)
    return RowStatistics(first, total / rows.shape[-1] if centre else 0 * total, reach)


def standardised(rows: Any) -> Float[np.ndarray, "... column"]:
    """Rows minus their means and over their reach, in float32, whose range their squares keep."""
    rows = np.asarray(rows)
    first, shift, reach = row_statistics(rows)
    deviations = (_as_float(rows) - first).astype(np.float32)
    deviations -= shift.astype(np.float32)
    deviations /= np.where(reach > 0, reach, 1).astype(np.float32)
    return deviations


def correlation_matrix(
    rows: Any,
    others: Any = None,
    centre: bool = True,
    transform: Callable[[Any], Any] | None = None,
    square_length: float | None = None,
) -> Float[np.ndarray, "... row other_row"]:
    """Pearson correlation of every row with every other, `(..., row, column)` -> `(..., row, row)`.

    Leading positions and columns are processed in blocks: working memory stays bounded, and the
    products of each block (float64 for float64 rows, else float32) are summed in float64. A row
    that `arrays.constant.is_constant` gives NaN, which callers must check for.

    Args:
        rows: `(..., row, column)`.
        others: `(..., other_row, column)`, its leading axes broadcast against those of `rows`; None
            for `rows` themselves.
        centre: False for the cosine, which is NaN where `arrays.constant.is_zero`.
        transform: what is correlated instead of the rows, such as their ranks; it is given blocks
            of leading positions.
        square_length: what inner products are divided by; None for the rows' own lengths.

    >>> correlation_matrix(np.array([[1.0, 2.0, 4.0], [3.0, 5.0, 9.0], [0.0, -1.0, -3.0]])).round(6)
    array([[ 1.,  1., -1.],
           [ 1.,  1., -1.],
           [-1., -1.,  1.]])
    """
    groups = [np.asarray(group) for group in ([rows] if others is None else [rows, others])]
    lead = np.broadcast_shapes(*(group.shape[:-2] for group in groups))
    groups = [np.broadcast_to(group, (*lead, *group.shape[-2:])) for group in groups]
    result = np.empty((*lead, groups[0].shape[-2], groups[-1].shape[-2]))
    for index in _positions(lead, max(math.prod(group.shape[-2:]) for group in groups)):
        parts = [group[index] for group in groups]
        changed = [transform(part) for part in parts] if transform else parts
        similarity = _correlations(changed, centre, square_length)
        if transform:  # ranks differ where rounding does
            varies = [_varies(part, row_statistics(part, centre), centre) for part in parts]
            similarity[~(varies[0][..., :, None] & varies[-1][..., None, :])] = np.nan
        result[index] = similarity
    return result


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
    entries_each = _HOST_SHARE * max(math.prod(rows.shape[:-1]) for rows in groups)
    return blocks(groups[0].shape[-1], min(entries_each, _BLOCK_ENTRIES // _NARROWEST))


def _correlations(
    groups: list[Any], centre: bool, square_length: float | None
) -> Float[np.ndarray, "... row other_row"]:
    """Correlations of one group of rows with itself, or of the first group with the second."""
    pivoted = [_pivot(rows, centre) for rows in groups]
    products: Any = np.float64(0)
    squares: list[Any] = [np.float64(0) for _ in groups]
    for columns in _column_blocks(groups):
        parts = [_as_float(group.rows[..., columns]) - group.pivot for group in pivoted]
        products += _products(parts[0], parts[-1])
        if len(parts) > 1:
            for i, part in enumerate(parts):
                squares[i] += (part * part).sum(-1)
    if len(groups) == 1:
        squares = [np.diagonal(products, axis1=-2, axis2=-1)]
    n_columns, means = groups[0].shape[-1], [rows.mean for rows in pivoted]
    covariance = products - n_columns * means[0][..., :, None] * means[-1][..., None, :]
    own = [square - n_columns * rows.mean**2 for rows, square in zip(pivoted, squares, strict=True)]
    deviations = [
        np.sqrt(np.where(rows.varies, square if square_length is None else square_length, np.nan))
        for rows, square in zip(pivoted, own, strict=True)
    ]
    return np.clip(covariance / (deviations[0][..., :, None] * deviations[-1][..., None, :]), -1, 1)


class _Pivoted(NamedTuple):
    """Rows, and what to subtract from them before they are multiplied."""

    rows: Any  # as given, or scaled where squares would leave float32's range
    pivot: Float[np.ndarray, "... row 1"]  # the mean in the rows' precision: subtracts exactly
    mean: Float[np.ndarray, "... row"]  # of the rows minus the pivot
    varies: Bool[np.ndarray, "... row"]  # False where a row is constant


def _pivot(rows: Any, centre: bool) -> _Pivoted:
    statistics = row_statistics(rows, centre)
    first, shift, reach = statistics
    varies = _varies(rows, statistics, centre)
    if not (~(reach > 0) | ((reach > 1 / _SAFE_REACH) & (reach < _SAFE_REACH))).all():
        scaled = (_as_float(rows) - first) / np.where(reach > 0, reach, 1).astype(first.dtype)
        return _pivot(scaled, centre)._replace(varies=varies)
    start = first.astype(np.float64)
    pivot = (start + shift).astype(first.dtype)
    return _Pivoted(rows, pivot, (shift - (pivot - start))[..., 0], varies)


def _varies(rows: Any, statistics: RowStatistics, centre: bool) -> Bool[np.ndarray, "... row"]:
    """Which rows are not constant (for the cosine: not zero); only suspects are looked at."""
    reach = statistics.reach[..., 0]
    largest = np.abs(statistics.first[..., 0].astype(np.float64)) + reach
    varies = reach > 0
    suspects = varies & ((largest <= MOST_ROUNDING) | (reach <= MOST_SPREAD * largest))
    for index in np.argwhere(suspects):
        row = rows[tuple(index)]
        varies[tuple(index)] = not (is_constant(row) if centre else is_zero(row))
    return varies


def _products(
    left: Float[np.ndarray, "... row column"], right: Float[np.ndarray, "... other_row column"]
) -> Float[np.ndarray, "... row other_row"]:
    """All inner products of rows, in the precision of the rows.

    Of few rows, products of pieces of columns that are too small for OpenBLAS to use threads are
    summed: the threads would gain little, and on a busy machine waiting for them takes longer.
    """
    (n_rows, n_columns), n_others = left.shape[-2:], right.shape[-2]
    width = _LARGEST_ON_ONE_THREAD // (n_rows * n_others)
    if width < _NARROWEST_PIECE:
        return left @ right.mT
    lead, n_pieces = left.shape[:-2], n_columns // width
    cut = n_pieces * width
    pieces = np.matmul(
        left[..., :cut].reshape(*lead, n_rows, n_pieces, width).swapaxes(-2, -3),
        right.mT[..., :cut, :].reshape(*lead, n_pieces, width, n_others),
    )
    return pieces.sum(-3) + left[..., cut:] @ right.mT[..., cut:, :]


def _as_float(block: Any) -> Any:
    """Floating point to subtract in: integers would wrap, half precision would round."""
    if block.dtype in (np.float32, np.float64):
        return block
    exact = block.dtype.kind in "iuf" and block.dtype.itemsize > 2
    return block.astype(np.float64 if exact else np.float32)
