"""What category labels make of pairs of stimuli: which share one, and how far apart these are."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from ensemble_rsa.arrays import LabelCodes
from ensemble_rsa.errors import InputError, unknown_name
from ensemble_rsa.numerics import pair_indices

AGGREGATES = ("pooled", "per_category")


class PairGroup(NamedTuple):
    """Same-category pairs that go into one correlation, and what they are called in messages."""

    name: str
    pairs: Int[np.ndarray, " pair"]


def same_category_groups(
    codes: LabelCodes, categories: np.ndarray, aggregate: str
) -> list[PairGroup]:
    """Same-category pairs: all in one group, or the pairs of each category in one of their own.

    Args:
        codes: the category of each stimulus, from `check_labels`.
        categories: names, likewise.
        aggregate: one of `AGGREGATES`.

    Raises:
        InputError: no two stimuli share a category; an unknown aggregate; for `"per_category"`, a
            category of fewer than three stimuli.

    >>> groups = same_category_groups(np.array([0, 1, 1, 1]), np.array(["cat", "dog"]), "pooled")
    >>> [group.pairs.tolist() for group in groups]
    [[3, 4, 5]]
    """
    if aggregate not in AGGREGATES:
        raise unknown_name("aggregate", aggregate, AGGREGATES)
    same = same_category(codes)
    if aggregate == "pooled":
        return [PairGroup("rdms (same-category pairs)", np.flatnonzero(same))]
    small = categories[np.bincount(codes) < 3]
    if small.size:
        raise InputError(
            f"labels: aggregate='per_category' needs three stimuli or more in each category, "
            f"'{small[0]}' has fewer; leave it out or use aggregate='pooled'"
        )
    rows, _ = pair_indices(codes.size)
    return [
        PairGroup(f"rdms (category '{category}')", np.flatnonzero(same & (codes[rows] == code)))
        for code, category in enumerate(categories)
    ]


def same_category(codes: LabelCodes) -> Bool[np.ndarray, " stimulus_pair"]:
    """Which pairs of stimuli share a category.

    Raises:
        InputError: none does.
    """
    rows, columns = pair_indices(codes.size)
    same = codes[rows] == codes[columns]
    if not same.any():
        raise InputError(
            "labels: expected a category with two stimuli or more, got all different labels"
        )
    return same


def clustering_index(
    rdms: Any, codes: LabelCodes, categories: np.ndarray
) -> Float[np.ndarray, "..."]:
    """Category clustering index of each RDM `(..., stimulus_pair)`, in float64.

    Raises:
        InputError: one category only, no two stimuli that share one, or an RDM whose mean distances
            add up to 0.
    """
    if len(categories) < 2:
        raise InputError(f"labels: expected two categories or more, got only '{categories[0]}'")
    same = same_category(codes)
    distances = np.asarray(rdms)
    total, within = (
        chosen.sum(-1, dtype=np.float64) for chosen in (distances, distances[..., same])
    )
    index = index_of_sums(total, within, same.size, same.sum())
    empty = np.argwhere(~np.isfinite(np.atleast_1d(index)))
    if len(empty):
        raise InputError(
            f"rdms: expected mean distances above 0, got {len(empty)} RDM(s) without any, "
            f"the first at {empty[0].tolist()}"
        )
    return np.asarray(index)


def index_of_sums(total: Any, total_within: Any, n_pairs: Any, n_within: Any) -> Any:
    """(across − within) / (across + within) of mean distances; NaN where there are none.

    Subtracting the sums spares a copy of the many across-category distances; float64 has the digits
    for it.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        within = total_within / n_within
        across = (total - total_within) / (n_pairs - n_within)
        return (across - within) / (across + within)
