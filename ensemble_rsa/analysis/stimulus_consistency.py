"""Consistency of single stimuli: how far instances agree about the place of each one.

Consistency (Mehrer et al. 2020, doi:10.1038/s41467-020-19632-w) is one number for all stimuli.
Here every stimulus has its own, so that those that instances agree about least can be looked at.
The definition is ours.
"""

import numpy as np
from jaxtyping import Float, Int, Shaped

from ensemble_rsa.arrays import ArrayLike, check_instance_rdms
from ensemble_rsa.errors import InputError
from ensemble_rsa.numerics import blocks, pair_indices
from ensemble_rsa.rdm.compare import compare_rows

FEWEST = 4  # stimuli: the two distances to two others always correlate perfectly


def stimulus_consistency(rdms: ArrayLike) -> Float[np.ndarray, "... stimulus"]:
    """Squared Pearson correlation of each stimulus's distances, mean of pairs, `(..., stimulus)`.

    With d_a(i, j) the distance of stimuli i and j in instance a of N,

        c_i = 2 / (N (N − 1)) · Σ_{a<b} corr_{j≠i}(d_a(i, j), d_b(i, j))²

    It is 1 where all instances place the others at the same distances from the stimulus, up to
    offset and scale, and about 1 / (n − 2) for n stimuli in unrelated instances. The distances of a
    stimulus are only a part of its instance's RDM, so the mean of c is not the consistency of the
    RDMs: differences between the mean distances of stimuli do not enter.

    Args:
        rdms: RDMs `(..., instance, stimulus_pair)`.

    Returns:
        Values from 0 to 1, float64.

    Raises:
        InputError: fewer than two instances or four stimuli, NaN, a last axis that is no condensed
            RDM, or a stimulus with the same distance to all others, whose correlation is undefined.

    >>> rdms = np.array([[1.0, 2.0, 4.0, 3.0, 5.0, 6.0], [1.0, 2.0, 4.0, 9.0, 1.0, 3.0]])
    >>> stimulus_consistency(rdms).round(3)
    array([1.   , 0.   , 0.022, 0.107])
    """
    array, n_stimuli = check_instance_rdms("rdms", rdms)
    if n_stimuli < FEWEST:
        raise InputError(f"rdms: expected RDMs of at least {FEWEST} stimuli, got {n_stimuli}")
    similarity = rows_compared(np.asarray(array), n_stimuli)
    undefined = np.argwhere(np.isnan(similarity))
    if len(undefined):
        raise InputError(
            f"rdms: expected distances that differ, got stimulus {undefined[0][-1]} at the same "
            "distance from all others in an instance: its correlation is undefined; leave it out"
        )
    return similarity


def rows_compared(
    rdms: Shaped[np.ndarray, "... instance stimulus_pair"], n_stimuli: int
) -> Float[np.ndarray, "... stimulus"]:
    """Return what `stimulus_consistency` does, without checks and with NaN where undefined."""
    leading, n_instances = rdms.shape[:-2], rdms.shape[-2]
    pairs, stimuli = pair_indices(n_instances), np.arange(n_stimuli)
    found = np.empty((*leading, n_stimuli))
    for index in np.ndindex(*leading):
        for part in blocks(n_stimuli, n_instances * n_stimuli):
            rows = rdms[index][:, positions_of_others(stimuli[part], n_stimuli)]
            similar = compare_rows(rows.transpose(1, 0, 2))
            found[index][part] = similar[:, *pairs].mean(-1)
    return found


def positions_of_others(
    stimuli: Int[np.ndarray, " stimulus"], n_stimuli: int
) -> Int[np.ndarray, "stimulus other"]:
    """Where a condensed RDM holds the distances of some stimuli to the others, in their order.

    >>> positions_of_others(np.array([0, 2]), 3)
    array([[0, 1],
           [1, 2]])
    """
    own = stimuli[:, None]
    others = np.arange(n_stimuli - 1)[None]
    others = others + (others >= own)
    low, high = np.minimum(own, others), np.maximum(own, others)
    return low * n_stimuli - low * (low + 1) // 2 + high - low - 1
