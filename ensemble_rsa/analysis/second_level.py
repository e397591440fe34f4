"""Second-level distances: how far apart RDMs are from each other, across layers and instances."""

import numpy as np
from jaxtyping import Float

from ensemble_rsa.arrays import ArrayLike, check_rdms, check_varied
from ensemble_rsa.numerics import correlation_matrix


def second_level_distances(rdms: ArrayLike) -> Float[np.ndarray, "... rdm rdm"]:
    """1 − Pearson correlation of any two RDMs, `(..., rdm, rdm)`: symmetric, diagonal exactly 0.

    Unlike consistency it is not squared: RDMs that run against each other are far apart (paper.md
    §5.12; our choice). For the matrix over layers and instances (Fig. 3), put both on one axis
    first: `second_level_distances(rdms.reshape(layer * instance, stimulus_pair))`. The result goes
    into `mds` as it is.

    Args:
        rdms: condensed RDMs `(..., rdm, stimulus_pair)`.

    Returns:
        Distances from 0 to 2, float64.

    Raises:
        InputError: NaN, a constant RDM, or a last axis that is no condensed RDM.

    >>> rdms = np.array([[1.0, 2.0, 3.0], [3.0, 5.0, 7.0], [3.0, 2.0, 1.0]])
    >>> second_level_distances(rdms).round(6) + 0.0
    array([[0., 0., 2.],
           [0., 0., 2.],
           [2., 2., 0.]])
    """
    array, _ = check_rdms("rdms", rdms, 2, "(..., rdm, stimulus_pair)")
    correlations = correlation_matrix(array)
    check_varied("rdms", correlations)
    diagonal = np.eye(array.shape[-2], dtype=bool)
    return np.where(diagonal, 0.0, 1 - (correlations + np.swapaxes(correlations, -1, -2)) / 2)
