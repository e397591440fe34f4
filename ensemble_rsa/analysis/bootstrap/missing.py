"""Sums over resampled stimulus pairs for RDMs that lack distances.

With V_i = 1 where RDM i has a distance and X_i its distances there, 0 elsewhere, the sums over the
pairs that RDMs i and j both have are quadratic forms as in `forms`: N = V_i∘V_j, S_i = X_i∘V_j,
S_j = V_i∘X_j, Q_i = X_i²∘V_j, Q_j = V_i∘X_j² and P = X_i∘X_j.
"""

import numpy as np
from jaxtyping import Float, Int

from ensemble_rsa.analysis.bootstrap.forms import least_variance
from ensemble_rsa.numerics import pair_indices


def values_squares_present(
    rdms: Float[np.ndarray, "instance stimulus_pair"],
) -> Float[np.ndarray, "row stimulus_pair"]:
    """X, X² and V of all RDMs, each after the other: centred, over their reach, float32.

    >>> values_squares_present(np.array([[1.0, 3.0, np.nan]])).tolist()
    [[-1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [1.0, 1.0, 0.0]]
    """
    present = ~np.isnan(rdms)
    rows = rdms.astype(np.float64) - np.nanmin(rdms, axis=-1, keepdims=True)
    rows -= np.nanmean(rows, axis=-1, keepdims=True)
    reach = np.nanmax(np.abs(rows), axis=-1, keepdims=True)
    rows = np.where(present, rows / np.where(reach > 0, reach, 1), 0)
    return np.concatenate([rows, rows**2, present]).astype(np.float32)


def forms_of_pairs(
    n_instances: int,
) -> tuple[Int[np.ndarray, " form"], Int[np.ndarray, " form"]]:
    """The two rows of `values_squares_present` in each form: N, S_i, S_j, Q_i, Q_j, P of all pairs.

    >>> [side.tolist() for side in forms_of_pairs(2)]
    [[4, 0, 4, 2, 4, 0], [5, 5, 1, 5, 3, 1]]
    """
    i, j = (side.astype(np.int64) for side in pair_indices(n_instances))
    of_squares, of_present = n_instances, 2 * n_instances
    first = [i + of_present, i, i + of_present, i + of_squares, i + of_present, i]
    second = [j + of_present, j + of_present, j, j + of_present, j + of_squares, j]
    return np.concatenate(first), np.concatenate(second)


def shared_variance_present(
    sums: Float[np.ndarray, "form resample"],
) -> Float[np.ndarray, "resample instance_pair"]:
    """r² of every instance pair in every resample; NaN where an RDM is constant, or none is left.

    The sums are in the order of `forms_of_pairs`.
    """
    n_pairs, *rest = np.split(sums, 6)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean_i, mean_j, square_i, square_j, product = (each / n_pairs for each in rest)
        variances = least_variance(square_i - mean_i**2, square_i) * least_variance(
            square_j - mean_j**2, square_j
        )
        return ((product - mean_i * mean_j) ** 2 / variances).T
