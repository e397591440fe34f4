"""Comparisons of RDMs with missing distances, which are NaN.

RDMs of brains often lack pairs of stimuli, because a condition was not measured or an estimate
failed. With `missing="drop"` every two RDMs are compared over the stimulus pairs that both have
(pairwise deletion), and a warning says how many these are. This has to be asked for: without it NaN
is refused, since it is more often a mistake, and since values from different pairs of stimuli are
not strictly comparable. `rsatoolbox.rdm.compare` drops a pair for all RDMs if one of them lacks it;
where all RDMs lack the same pairs, the results are equal.
"""

import warnings
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from ensemble_rsa.errors import InputError
from ensemble_rsa.numerics import pair_indices
from ensemble_rsa.rdm.compare import ComparisonName, compare_pairs, compare_rows

_FEWEST = 3  # distances in common: with two, any correlation is ±1


class MissingDistancesWarning(UserWarning):
    """RDMs that lack distances are compared over those that they have in common."""


def lacks_distances(rows: Any) -> bool:
    """Whether an entry is NaN."""
    return bool(np.isnan(np.asarray(rows)).any())


def compare_rows_present(
    name: str,
    rows: Any,
    others: Any = None,
    comparison: ComparisonName = "pearson_squared",
    present: Bool[np.ndarray, " all_columns"] | None = None,
) -> Float[np.ndarray, "... row other_row"]:
    """`compare_rows`, for every two rows over the columns that neither lacks.

    Raises:
        InputError: two rows with fewer than three such columns, or a row that is constant there.

    >>> rows = np.array([[1.0, 2.0, 4.0, np.nan], [3.0, 5.0, 9.0, 0.0]])
    >>> compare_rows_present("rdms", rows).round(6)
    array([[1., 1.],
           [1., 1.]])
    """
    groups = [np.asarray(group) for group in ([rows] if others is None else [rows, others])]
    lead = np.broadcast_shapes(*(group.shape[:-2] for group in groups))
    groups = [np.broadcast_to(group, (*lead, *group.shape[-2:])) for group in groups]
    result = np.empty((*lead, groups[0].shape[-2], groups[-1].shape[-2]))
    for position in np.ndindex(lead):
        ours, theirs = groups[0][position], groups[-1][position]
        for mine, has in _by_mask(ours):
            for other, other_has in _by_mask(theirs):
                common = has & other_has
                where = f"RDMs {[*position, int(mine[0])]} and {[*position, int(other[0])]}"
                if common.sum() < _FEWEST:
                    raise InputError(
                        f"{name}: expected {_FEWEST} distances or more that two RDMs have in "
                        f"common, got {common.sum()} of {where}; leave one of them out"
                    )
                similarity = compare_rows(
                    ours[mine][:, common],
                    theirs[other][:, common],
                    comparison,
                    common if present is None else _within(present, common),
                )
                if np.isnan(similarity).any():
                    raise InputError(
                        f"{name}: expected distances that differ by more than rounding, got a "
                        f"constant RDM over the {common.sum()} distances that {where} have in "
                        f"common; leave it out"
                    )
                result[position][np.ix_(mine, other)] = similarity
    return result


def compare_pairs_present(
    name: str,
    rows: Any,
    comparison: ComparisonName = "pearson_squared",
    present: Bool[np.ndarray, " all_columns"] | None = None,
) -> Float[np.ndarray, "... row_pair"]:
    """`compare_pairs`, over the columns that neither row lacks; the fast way if none lacks any."""
    if not lacks_distances(rows):
        return compare_pairs(name, rows, comparison, present)
    similarity = compare_rows_present(name, rows, None, comparison, present)
    return similarity[..., *pair_indices(rows.shape[-2])]


def report_missing(name: str, rows: Any, others: Any = None) -> None:
    """Warn if RDMs lack distances, with the number of those that two of them have in common."""
    groups = [np.asarray(group) for group in ([rows] if others is None else [rows, others])]
    present = [(~np.isnan(group)).astype(np.float32) for group in groups]
    lacking = sum(int((group.min(-1) == 0).sum()) for group in present)
    if not lacking:
        return
    common = present[0] @ np.swapaxes(present[-1], -1, -2)
    if others is None and rows.shape[-2] > 1:
        common = common[..., *pair_indices(rows.shape[-2])]
    n_rdms = sum(int(np.prod(group.shape[:-1])) for group in groups)
    warnings.warn(
        f"{name}: {lacking} of {n_rdms} RDMs lack distances, which are left out; between "
        f"{common.min():.0f} and {common.max():.0f} of {rows.shape[-1]} are used",
        MissingDistancesWarning,
        stacklevel=3,
    )


def _within(
    present: Bool[np.ndarray, " all_columns"], common: Bool[np.ndarray, " present_column"]
) -> Bool[np.ndarray, " all_columns"]:
    both = present.copy()
    both[present] = common
    return both


def _by_mask(rows: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Rows that lack the same columns: their numbers, and which columns they have."""
    masks, codes = np.unique(~np.isnan(rows), axis=0, return_inverse=True)
    return [(np.flatnonzero(codes.ravel() == code), mask) for code, mask in enumerate(masks)]
