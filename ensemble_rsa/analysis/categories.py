"""Category labels and RDMs: the category clustering index, and pairs that share a category.

"The paper" is Mehrer et al. 2020, doi:10.1038/s41467-020-19632-w.
"""

import warnings
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from jaxtyping import Bool, Float, Int

from ensemble_rsa.analysis.stacked import check_no_missing, pair_sums, sums_within
from ensemble_rsa.arrays import (
    ArrayLike,
    LabelCodes,
    LabelsLike,
    check_agreement,
    check_labels,
    check_rdms,
    is_zero,
)
from ensemble_rsa.arrays.constant import MOST_ROUNDING
from ensemble_rsa.arrays.rdms import Missing
from ensemble_rsa.arrays.stacks import RdmStack
from ensemble_rsa.errors import FewStimuliWarning, InputError, check_name
from ensemble_rsa.numerics import pair_indices
from ensemble_rsa.rdm.missing import report_missing

if TYPE_CHECKING:  # at run time a wrong name is refused by us, with the choices
    Aggregate = Literal["pooled", "per_category"]
else:
    Aggregate = str
AGGREGATES = ("pooled", "per_category")
MOST_BY_CHANCE = 0.05  # r² of unrelated networks, above which few stimuli are warned of (ours)


def category_clustering_index(
    rdms: ArrayLike, labels: LabelsLike, missing: Missing = "refuse"
) -> Float[np.ndarray, "..."]:
    """(across − within) / (across + within) of the mean distances of each RDM (paper, Fig. 8c).

    `within` is the mean over pairs of stimuli that share a category, `across` over all other pairs.
    The index is 0 if categories make no difference, and 1 if the members of a category coincide.

    Args:
        rdms: RDMs `(..., stimulus_pair)`.
        labels: the category of each stimulus.
        missing: `"refuse"` NaN, or `"drop"`: leave missing distances out of each RDM's means.

    Returns:
        The index of each RDM, `(...)`, float64.

    Raises:
        InputError: labels of another length, one category only, no two stimuli that share one, NaN,
            or an RDM whose mean distances add up to 0, to rounding.

    >>> category_clustering_index(np.array([1.0, 3, 3, 3, 3, 1]), ["cat", "cat", "dog", "dog"])
    array(0.5)
    """
    if isinstance(rdms, RdmStack):
        check_no_missing(missing)
        if rdms.ndim == 1:
            one = category_clustering_index(rdms.reshape(1, rdms.n_pairs), labels)
            return one.reshape(())
        return _of_stack(rdms, *check_labels("labels", labels, rdms.n_stimuli))
    check_agreement({"rdms": rdms, "labels": labels})
    array, n_stimuli = check_rdms("rdms", rdms, 1, "(..., stimulus_pair)", missing)
    codes, categories = check_labels("labels", labels, n_stimuli)
    if missing == "drop":
        report_missing("rdms", array[..., None, :])
    return clustering_index(array, codes, categories)


def _of_stack(
    stack: RdmStack, codes: LabelCodes, categories: np.ndarray
) -> Float[np.ndarray, "..."]:
    """`category_clustering_index` of RDMs on disk."""
    _check_several_categories(categories)
    check_groups(codes, categories, "pooled")
    every, within = pair_sums(stack), sums_within(stack, codes)
    n_pairs, n_within = (np.asarray(each.n)[..., None] for each in (every, within))
    if not (every.sums > 0).all():
        raise InputError("rdms: expected mean distances above 0, got RDMs without any")
    _check_not_negative(every.sums, within.sums, n_pairs, n_within, 2.0**-22)
    return np.asarray(index_of_sums(every.sums, within.sums, n_pairs, n_within))


def clustering_index(
    rdms: Any, codes: LabelCodes, categories: np.ndarray
) -> Float[np.ndarray, "..."]:
    """`category_clustering_index` of checked RDMs, in which NaN is missing, and labels."""
    _check_several_categories(categories)
    same = same_category(codes)
    distances = np.asarray(rdms)
    total, within = (
        chosen.sum(-1, dtype=np.float64) for chosen in (distances, distances[..., same])
    )
    n_pairs, n_within = same.size, same.sum()
    if np.isnan(total).any():
        present = ~np.isnan(distances)
        n_pairs, n_within = present.sum(-1), present[..., same].sum(-1)
        distances = np.where(present, distances, 0)
        total = distances.sum(-1, dtype=np.float64)
        within = distances[..., same].sum(-1, dtype=np.float64)
        if (np.minimum(n_within, n_pairs - n_within) == 0).any():
            raise InputError(
                "rdms: expected a distance within and one across categories in each RDM, got only "
                "missing ones (NaN)"
            )
    index = np.asarray(index_of_sums(total, within, n_pairs, n_within))
    suspects = np.argwhere(~(np.abs(total) > MOST_ROUNDING * same.size))
    zero = [where for where in suspects.tolist() if is_zero(distances[tuple(where)])]
    empty = [*zero, *np.argwhere(~np.isfinite(index)).tolist()]
    if empty:
        raise InputError(
            f"rdms: expected mean distances above 0, got {len(empty)} RDM(s) without any, "
            f"the first at {empty[0]}"
        )
    rounding = 2.0**-22 if distances.dtype == np.float32 else 0.0  # of 1 − r
    _check_not_negative(total, within, n_pairs, n_within, rounding)
    return index


def _check_not_negative(
    total: Any, total_within: Any, n_pairs: Any, n_within: Any, rounding: float
) -> None:
    """Raise for a mean distance below 0, beyond rounding: the index is in [−1, 1] without any."""
    within, across = map(np.asarray, _means_of_sums(total, total_within, n_pairs, n_within))
    lowest = np.minimum(within, across)
    reach = np.maximum(rounding, MOST_ROUNDING * (np.abs(within) + np.abs(across)))
    wrong = np.argwhere(lowest < -reach)
    if len(wrong):
        first = wrong[0].tolist()
        where = f" in the RDM at {first}" if first else ""
        raise InputError(
            "rdms: expected mean distances within and across categories of at least 0, got "
            f"{lowest[tuple(first)]:.3g}{where}; the index is not defined for negative ones, such "
            "as crossnobis distances may be"
        )


def _check_several_categories(categories: np.ndarray) -> None:
    if len(categories) < 2:
        raise InputError(f"labels: expected two categories or more, got only '{categories[0]}'")


def index_of_sums(total: Any, total_within: Any, n_pairs: Any, n_within: Any) -> Any:
    """The clustering index from sums over all pairs and over pairs within; NaN without pairs.

    The difference of the sums avoids a copy of the many across-category distances.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        within, across = _means_of_sums(total, total_within, n_pairs, n_within)
        return (across - within) / (across + within)


def _means_of_sums(total: Any, total_within: Any, n_pairs: Any, n_within: Any) -> tuple[Any, Any]:
    """The mean distance within categories, and that across them."""
    return total_within / n_within, (total - total_within) / (n_pairs - n_within)


def same_category(codes: LabelCodes) -> Bool[np.ndarray, " stimulus_pair"]:
    """Which pairs of stimuli share a category; raise if no pair does."""
    rows, columns = pair_indices(codes.size)
    same = codes[rows] == codes[columns]
    if not same.any():
        raise all_different()
    return same


def all_different() -> InputError:
    """The error for labels of which no two are equal."""
    return InputError(
        "labels: expected a category with two stimuli or more, got all different labels"
    )


def same_category_groups(
    codes: LabelCodes, categories: np.ndarray, aggregate: Aggregate
) -> dict[str, Int[np.ndarray, " pair"]]:
    """Same-category pairs, all in one group or one group per category, by their name in messages.

    Raises:
        InputError: no two stimuli share a category; an unknown aggregate; for `"per_category"`, a
            category of fewer than three stimuli.

    Warns:
        FewStimuliWarning: `"per_category"`, with so few stimuli that unrelated networks have a mean
            r² above 0.05: 1 / (number of pairs − 1) in a category.

    >>> groups = same_category_groups(np.array([0, 1, 1, 1]), np.array(["cat", "dog"]), "pooled")
    >>> [pairs.tolist() for pairs in groups.values()]
    [[3, 4, 5]]
    """
    check_groups(codes, categories, aggregate)
    same = same_category(codes)
    if aggregate == "pooled":
        return {"rdms (same-category pairs)": np.flatnonzero(same)}
    rows, _ = pair_indices(codes.size)
    return {
        f"rdms (category '{category}')": np.flatnonzero(same & (codes[rows] == code))
        for code, category in enumerate(categories)
    }


def check_groups(codes: LabelCodes, categories: np.ndarray, aggregate: Aggregate) -> None:
    """Raise or warn as `same_category_groups` does."""
    check_name("aggregate", aggregate, AGGREGATES)
    sizes = np.bincount(codes)
    if sizes.max() < 2:
        raise all_different()
    if aggregate == "pooled":
        return
    small = categories[sizes < 3]
    if small.size:
        raise InputError(
            f"labels: aggregate='per_category' needs three stimuli or more in each category, "
            f"'{small[0]}' has fewer; leave it out or use aggregate='pooled'"
        )
    by_chance = float(np.mean(1 / (sizes * (sizes - 1) / 2 - 1)))
    if by_chance > MOST_BY_CHANCE:
        warnings.warn(
            f"within-category consistency per category of {sizes.min()} to {sizes.max()} stimuli: "
            f"r² of so few distances is {by_chance:.2f} on average for unrelated networks too; use "
            "more stimuli per category, or aggregate='pooled'",
            FewStimuliWarning,
            stacklevel=4,
        )
