"""Small exact pieces of mathematics that several analyses share: pairs, squares, correlations."""

import math
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

_BLOCK_ENTRIES = 2**20  # 4 MiB of float32: a block and what is made of it stay in a CPU cache


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


def to_condensed(square: Float[Array, "... n n"]) -> Float[Array, "... pair"]:
    """Upper triangle without the diagonal, row by row."""
    rows, columns = pair_indices(square.shape[-1])
    return square[..., rows, columns]


def to_square(condensed: Float[Array, "... pair"], n: int) -> Float[Array, "... n n"]:
    """Symmetric matrix with a zero diagonal from a condensed one."""
    rows, columns = pair_indices(n)
    upper = (
        jnp.zeros((*condensed.shape[:-1], n, n), condensed.dtype)
        .at[..., rows, columns]
        .set(condensed)
    )
    return upper + jnp.swapaxes(upper, -1, -2)


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


def row_statistics(rows: Any) -> RowStatistics:
    """Mean and reach of each row of `(..., column)`, block by block.

    Deviations are taken from a row's first entry, not from 0: close numbers subtract exactly, so a
    large common offset costs no digits. That holds for float64 rows too, which are rounded to
    float32 only after it.
    """
    first = _as_float(rows[..., :1])
    total = np.zeros(first.shape)
    reach = np.zeros(first.shape)
    for columns in blocks(rows.shape[-1], math.prod(rows.shape[:-1])):
        block_total, block_reach = _total_and_reach(_deviations(rows, columns, first))
        total += np.asarray(block_total, np.float64)
        reach = np.maximum(reach, np.asarray(block_reach, np.float64))
    return RowStatistics(first, total / rows.shape[-1], reach)


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


def correlation_matrix(rows: Any) -> Float[np.ndarray, "... row row"]:
    """Pearson correlation of every row with every other, `(..., row, column)` -> `(..., row, row)`.

    The columns pass through in blocks: working memory stays bounded, and the float32 products of
    each block (highest precision, all rows at once) are added up in float64. A constant row gives
    NaN; callers must look.

    >>> correlation_matrix(np.array([[1.0, 2.0, 4.0], [3.0, 5.0, 9.0], [0.0, -1.0, -3.0]])).round(6)
    array([[ 1.,  1., -1.],
           [ 1.,  1., -1.],
           [-1., -1.,  1.]])
    """
    # No jit around a block: joined with the steps before it, XLA's CPU compiler runs the product 3
    # times slower.
    n_columns = rows.shape[-1]
    statistics = row_statistics(rows)
    products, totals = np.zeros((*rows.shape[:-1], rows.shape[-2])), np.zeros(rows.shape[:-1])
    for columns in blocks(n_columns, math.prod(rows.shape[:-1])):
        block = standardised(rows, statistics, columns)
        product = jnp.matmul(block, jnp.swapaxes(block, -1, -2), precision="highest")
        products += np.asarray(product, np.float64)
        totals += np.asarray(jnp.sum(block, -1), np.float64)
    # The float32 means are off by a rounding; what is left of them goes here.
    covariance = products - totals[..., :, None] * totals[..., None, :] / n_columns
    variance = np.diagonal(covariance, axis1=-2, axis2=-1)
    deviation = np.sqrt(np.where(statistics.reach[..., 0] > 0, variance, np.nan))
    return np.clip(covariance / (deviation[..., :, None] * deviation[..., None, :]), -1, 1)


def _as_float(block: Any) -> Any:
    """Floating point to subtract in: integers would wrap, half precision would round."""
    return block if block.dtype in (np.float32, np.float64) else block.astype(np.float32)


def _deviations(rows: Any, columns: slice, first: Any) -> Float[Array, "... column"]:
    return jnp.asarray(_as_float(rows[..., columns]) - first, jnp.float32)


@jax.jit
def _total_and_reach(
    deviations: Float[Array, "... column"],
) -> tuple[Float[Array, "... 1"], Float[Array, "... 1"]]:
    return jnp.sum(deviations, -1, keepdims=True), jnp.max(jnp.abs(deviations), -1, keepdims=True)
