"""Second-level distances: how far apart RDMs are from each other, across layers and instances."""

import numpy as np
from jaxtyping import Float

from ensemble_rsa.arrays import ArrayLike, check_rdms, check_varied
from ensemble_rsa.rdm.compare import compare_rows


def second_level_distances(
    rdms: ArrayLike, comparison: str = "pearson"
) -> Float[np.ndarray, "... rdm rdm"]:
    """1 − Pearson correlation of any two RDMs, `(..., rdm, rdm)`: symmetric, diagonal exactly 0.

    Unlike consistency it is not squared: RDMs that run against each other are far apart (paper.md
    §5.12; our choice). For the matrix over layers and instances (Fig. 3), put both on one axis
    first: `second_level_distances(rdms.reshape(layer * instance, stimulus_pair))`. The result goes
    into `mds` as it is.

    Args:
        rdms: condensed RDMs `(..., rdm, stimulus_pair)`.
        comparison: one of `ensemble_rsa.rdm.compare.COMPARISONS`, to be taken from 1.

    Returns:
        Distances, float64: from 0 to 2 for `"pearson"` and `"spearman"`; from 0 to 1 for the
        squared ones, where opposite RDMs coincide, and for the `"cosine"` of distances.

    Raises:
        InputError: NaN, a constant RDM (for the cosine: an all-zero one), a last axis that is no
            condensed RDM, an unknown comparison.

    >>> rdms = np.array([[1.0, 2.0, 3.0], [3.0, 5.0, 7.0], [3.0, 2.0, 1.0]])
    >>> second_level_distances(rdms).round(6) + 0.0
    array([[0., 0., 2.],
           [0., 0., 2.],
           [2., 2., 0.]])
    """
    array, _ = check_rdms("rdms", rdms, 2, "(..., rdm, stimulus_pair)")
    similarity = compare_rows(array, comparison=comparison)
    check_varied("rdms", similarity)
    diagonal = np.eye(array.shape[-2], dtype=bool)
    return np.where(diagonal, 0.0, 1 - (similarity + np.swapaxes(similarity, -1, -2)) / 2)
