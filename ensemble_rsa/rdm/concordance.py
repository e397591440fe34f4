"""Kendall's τ_a of RDMs: concordant minus discordant pairs of distances, over all pairs."""

from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.stats import kendalltau

from ensemble_rsa.arrays import is_constant


def tau_a_matrix(rows: Any, others: Any = None) -> Float[np.ndarray, "... row other_row"]:
    """τ_a of every row with every other, in O(n log n) each; NaN where a row is constant.

    >>> tau_a_matrix(np.array([[1.0, 2.0, 3.0], [1.0, 1.0, 2.0]])).round(6)
    array([[1.      , 0.666667],
           [0.666667, 0.666667]])
    """
    groups = [np.asarray(group) for group in ([rows] if others is None else [rows, others])]
    lead = np.broadcast_shapes(*(group.shape[:-2] for group in groups))
    groups = [np.broadcast_to(group, (*lead, *group.shape[-2:])) for group in groups]
    result = np.empty((*lead, groups[0].shape[-2], groups[-1].shape[-2]))
    for position in np.ndindex(lead):
        ranked = [[_ordered(row) for row in group[position]] for group in groups]
        for i, (x, free_x) in enumerate(ranked[0]):
            for j, (y, free_y) in enumerate(ranked[-1]):
                if others is None and j < i:
                    result[*position, i, j] = result[*position, j, i]
                elif free_x and free_y:
                    tau_b = kendalltau(x, y, method="asymptotic")[0]
                    result[*position, i, j] = tau_b * np.sqrt(free_x) * np.sqrt(free_y)
                else:
                    result[*position, i, j] = np.nan
    return result


def _ordered(row: np.ndarray) -> tuple[np.ndarray, float]:
    """Ranks without gaps, and the share of pairs that are no ties; 0 for a constant row."""
    if is_constant(row):
        return np.zeros(row.size, np.int32), 0.0
    _, ranks, sizes = np.unique(row, return_inverse=True, return_counts=True)
    n = row.size
    return ranks.astype(np.int32), 1 - float((sizes * (sizes - 1)).sum()) / (n * (n - 1))
