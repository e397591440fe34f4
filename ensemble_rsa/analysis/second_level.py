"""Second-level distances: distances between RDMs, across layers and instances."""

import numpy as np
from jaxtyping import Float

from ensemble_rsa.arrays import ArrayLike, check_rdms, check_varied
from ensemble_rsa.rdm.compare import ComparisonName, compare_rows


def second_level_distances(
    rdms: ArrayLike, comparison: ComparisonName = "pearson"
) -> Float[np.ndarray, "... rdm rdm"]:
    """1 − Pearson correlation of every two RDMs, `(..., rdm, rdm)`: symmetric with a zero diagonal.

    Unlike in consistency, the correlation is not squared (our choice), so opposite RDMs are far
    apart. For all layers and instances (Mehrer et al. 2020, doi:10.1038/s41467-020-19632-w,
    Fig. 3), put both on one axis: `rdms.reshape(layer * instance, stimulus_pair)`. `mds` takes the
    result.

    Args:
        rdms: RDMs `(..., rdm, stimulus_pair)`.
        comparison: a similarity as in `consistency`, which is subtracted from 1.

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
