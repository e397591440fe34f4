"""Small exact pieces of mathematics that several analyses share: pairs, squares, triangles."""

from functools import lru_cache

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


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
    upper = jnp.zeros((*condensed.shape[:-1], n, n), condensed.dtype).at[..., rows, columns].set(condensed)
    return upper + jnp.swapaxes(upper, -1, -2)
