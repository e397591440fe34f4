"""Similarities of RDMs under resampled stimuli, without resampling an RDM.

With w_a the number of times that stimulus a is drawn, a pair of stimuli counts w_a w_b times, and
pairs of a stimulus with itself are left out. What is computed from these weights is what
`compare_rows` would give for the resampled RDMs: for values and whitened distances from quadratic
forms (`moments`), for ranks from cumulated weights (`weighted_ranks`), for τ_a from the signs of
differences (`weighted_signs`).

Distances that an RDM lacks have weight zero in its comparisons. If these are all distances of some
stimuli, the others are compared as a smaller RDM.
"""

from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Bool, Float

from ensemble_rsa.analysis.inference.moments import of_moments
from ensemble_rsa.analysis.inference.weighted_ranks import of_weighted_ranks
from ensemble_rsa.analysis.inference.weighted_signs import MOST_STIMULI, of_weighted_signs
from ensemble_rsa.errors import InputError
from ensemble_rsa.numerics import pair_indices
from ensemble_rsa.rdm.compare import COMPARISONS, ComparisonName

Counts = Float[np.ndarray, "resample stimulus"]
Similarities = Float[np.ndarray, "resample row other_row"]
Resampled = Callable[[Counts], Similarities]

_WAYS = {
    "values": of_moments,
    "whitened": of_moments,
    "ranks": of_weighted_ranks,
    "concordance": of_weighted_signs,
}


def resampled_similarities(
    rows: Float[np.ndarray, "row stimulus_pair"],
    others: Float[np.ndarray, "other_row stimulus_pair"],
    n_stimuli: int,
    comparison: ComparisonName,
) -> Resampled:
    """A function of multiplicities that returns the similarity of every row with every other row.

    Similarities are not squared; they are NaN where an RDM is constant, or has too few distances.

    Raises:
        InputError: τ_a of too many stimuli; whitened distances of which an RDM lacks some, but not
            all of a stimulus.
    """
    how = COMPARISONS[comparison]
    if how.form == "concordance" and n_stimuli > MOST_STIMULI:
        raise InputError(
            f"comparison: {comparison!r} under resampling takes hours with {n_stimuli} stimuli, "
            f"expected at most {MOST_STIMULI}; use 'rho_a', or leave 'stimuli' out of over"
        )
    parts = []
    for mine, theirs, common in _groups(rows, others):
        kept, pairs, whole = _stimuli_of(common, n_stimuli)
        if how.form == "whitened" and not whole:
            raise InputError(
                f"comparison: {comparison!r} under resampling needs RDMs that lack either all "
                "distances of a stimulus or none; leave 'stimuli' out of over, or use 'pearson'"
            )
        present = None if whole else common[pairs]
        ours, other = rows[mine][:, pairs], others[theirs][:, pairs]
        similarities = _WAYS[how.form](ours, other, len(kept), how, present)
        parts.append((mine, theirs, kept, similarities))

    def resampled(counts: Counts) -> Similarities:
        result = np.empty((len(counts), len(rows), len(others)))
        for mine, theirs, kept, similarities in parts:
            result[np.ix_(range(len(counts)), mine, theirs)] = similarities(counts[:, kept])
        return result

    return resampled


def _groups(
    rows: np.ndarray, others: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray, Bool[np.ndarray, " stimulus_pair"]]]:
    """Rows and other rows that lack the same distances, and which ones both have."""
    by_mask = []
    for group in (rows, others):
        if not np.isnan(group).any():
            by_mask.append([(np.arange(len(group)), np.ones(group.shape[1], bool))])
            continue
        masks, codes = np.unique(~np.isnan(group), axis=0, return_inverse=True)
        by_mask.append([(np.flatnonzero(codes.ravel() == i), m) for i, m in enumerate(masks)])
    for mine, has in by_mask[0]:
        for theirs, other_has in by_mask[1]:
            yield mine, theirs, has & other_has


def _stimuli_of(
    common: Bool[np.ndarray, " stimulus_pair"], n_stimuli: int
) -> tuple[np.ndarray, np.ndarray, bool]:
    """Stimuli with any distance, positions of the pairs of them, and whether none is lacking."""
    first, second = pair_indices(n_stimuli)
    has = np.zeros(n_stimuli, bool)
    has[first[common]] = has[second[common]] = True
    pairs = np.flatnonzero(has[first] & has[second])
    return np.flatnonzero(has), pairs, bool(common[pairs].all())
