"""τ_a under resampled stimuli, from the signs of the differences of every two distances."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float

from ensemble_rsa.numerics import blocks, pair_indices
from ensemble_rsa.rdm.compare import Comparison

MOST_STIMULI = 100  # 12 million pairs of distances; the time grows with the fourth power


def of_weighted_signs(
    rows: Float[np.ndarray, "row stimulus_pair"],
    others: Float[np.ndarray, "other_row stimulus_pair"],
    n_stimuli: int,
    how: Comparison,
    present: Bool[np.ndarray, " stimulus_pair"] | None,
) -> Callable[[np.ndarray], Float[np.ndarray, "resample row other_row"]]:
    """See `resampled_similarities`; `present` says which distances count, None for all."""
    del how
    one, other = pair_indices(n_stimuli)

    def resampled(counts: np.ndarray) -> Float[np.ndarray, "resample row other_row"]:
        weights = counts[:, one] * counts[:, other]
        if present is not None:
            weights = weights * present
        n = weights.sum(-1)
        first, second = pair_indices(len(one))
        result = np.zeros((len(counts), len(rows), len(others)))
        varies = [np.zeros((len(counts), len(group)), bool) for group in (rows, others)]
        for block in blocks(len(first), len(rows) + len(others)):
            i, j = first[block], second[block]
            signs = [np.sign(g[:, i] - g[:, j]).astype(np.float32) for g in (rows, others)]
            signs = [np.nan_to_num(each) for each in signs]
            for b, weight in enumerate(weights):
                both = (weight[i] * weight[j]).astype(np.float32)
                kept = np.flatnonzero(both)
                mine, theirs = (each[:, kept] for each in signs)
                result[b] += (mine * both[kept]) @ theirs.T
                for known, each in zip(varies, (mine, theirs), strict=True):
                    known[b] |= each.any(-1)
        with np.errstate(invalid="ignore", divide="ignore"):
            result /= (n * (n - 1) / 2)[:, None, None]
        result[~(varies[0][:, :, None] & varies[1][:, None, :])] = np.nan
        return result

    return resampled
