"""Distances whitened by their covariance under independent noise of the patterns.

Distances that share a stimulus share its noise. Whitening by the covariance of squared distances
is the same as double-centring them: with the matrix D of distances, −½ HDH (H = I − 1/n) holds the
inner products of centred patterns, and the inner product of two such matrices is that of whitened
distances (Diedrichsen et al. 2021, arXiv 2007.02789). Where distances are missing, the matrices are
changed as little as possible so that every row sums to zero.
"""

from typing import Any

import numpy as np
import scipy.sparse
from jaxtyping import Bool, Float

from ensemble_rsa.arrays import is_constant, stimuli_of_pairs
from ensemble_rsa.numerics import pair_indices


def whitened(
    rows: Any, centre: bool, present: Bool[np.ndarray, " all_columns"] | None = None
) -> Float[np.ndarray, "... column"]:
    """Double-centred matrices as rows whose inner products are those of the whole matrices.

    Args:
        rows: distances `(..., present_column)`.
        centre: whether the mean of the distances is subtracted first; then a constant row gives
            zeros.
        present: which distances of a complete RDM the columns are; None for all.

    >>> pair = whitened(np.array([[1.0, 2.0, 3.0], [0.0, 1.0, 0.0]]), centre=False)
    >>> kernels = [-0.5 * h @ d @ h for h in [np.eye(3) - 1 / 3] for d in np.array(
    ...     [[[0, 1, 2], [1, 0, 3], [2, 3, 0]], [[0, 0, 1], [0, 0, 0], [1, 0, 0]]])]
    >>> bool(np.isclose(pair[0] @ pair[1], (kernels[0] * kernels[1]).sum()))
    True
    """
    n_columns = rows.shape[-1] if present is None else len(present)
    n = stimuli_of_pairs("rdms", n_columns)
    first, second = pair_indices(n)
    if present is not None:
        first, second = first[present], second[present]
    products = rows.reshape(-1, rows.shape[-1]).astype(np.float64)
    if centre:
        products -= products.mean(-1, keepdims=True)
        products[[is_constant(row) for row in rows.reshape(-1, rows.shape[-1])]] = 0
    products *= -0.5
    places = np.arange(len(first))
    of_stimulus = scipy.sparse.csr_array(
        (np.ones(2 * len(first)), (np.concatenate([first, second]), np.tile(places, 2))),
        shape=(n, len(first)),
    )
    shared = np.zeros((n, n))
    shared[first, second] = shared[second, first] = 0.5
    shared[np.diag_indices(n)] = shared.sum(-1) + 1
    excess = np.linalg.solve(shared, of_stimulus @ products.T).T  # of the sum of each row
    products -= (excess[:, first] + excess[:, second]) / 2
    products *= np.sqrt(2)  # each is in the matrix twice
    result = np.concatenate([products, -excess], axis=-1)
    return result.reshape(*rows.shape[:-1], -1)
