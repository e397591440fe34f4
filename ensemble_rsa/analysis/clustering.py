"""How tightly a representation holds the members of a category together."""

import numpy as np
from jaxtyping import Float

from ensemble_rsa.analysis.categories import clustering_index
from ensemble_rsa.arrays import ArrayLike, check_labels, check_rdms


def category_clustering_index(rdms: ArrayLike, labels) -> Float[np.ndarray, "..."]:
    """(across − within) / (across + within) of the mean distances, per RDM (paper.md §5.6).

    `within` is the mean over pairs of stimuli that share a category, `across` over all other pairs.
    0: categories make no difference; 1: the members of a category coincide.

    Args:
        rdms: condensed RDMs `(..., stimulus_pair)`.
        labels: one category per stimulus, of any type that sorts.

    Returns:
        The index of each RDM, `(...)`, float64.

    Raises:
        InputError: labels of another length, one category only, no two stimuli that share one, NaN,
            or an RDM whose mean distances add up to 0.

    >>> category_clustering_index(np.array([1.0, 3, 3, 3, 3, 1]), ["cat", "cat", "dog", "dog"])
    array(0.5)
    """
    array, n_stimuli = check_rdms("rdms", rdms, 1, "(..., stimulus_pair)")
    codes, categories = check_labels("labels", labels, n_stimuli)
    return clustering_index(array, codes, categories)
