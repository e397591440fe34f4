"""Noise ceilings: how well RDMs of one group, of subjects or of networks, predict each other.

The lower bound compares each RDM with the mean of the others, the upper bound with the mean of all,
which includes itself (Nili et al. 2014, doi:10.1371/journal.pcbi.1003553). A model that knew the
truth would be expected between the two. RDMs are averaged so that the mean RDM is the best
prediction under the comparison: as z scores, at equal length, or as ranks.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ensemble_rsa.analysis.stacked import check_no_missing, check_of_sums, similarities
from ensemble_rsa.arrays import ArrayLike, check_instance_rdms
from ensemble_rsa.arrays.rdms import Missing
from ensemble_rsa.arrays.stacks import RdmStack, check_instance_stack
from ensemble_rsa.errors import check_name
from ensemble_rsa.rdm.compare import (
    COMPARISONS,
    Comparison,
    ComparisonName,
    compare_pairs,
    compare_rows,
    ranks_of,
)
from ensemble_rsa.rdm.missing import compare_rows_present, lacks_distances, report_missing
from ensemble_rsa.rdm.whitening import whitened


@dataclass(frozen=True)
class Ceiling:
    """Bounds of a noise ceiling, `(...)`, float64.

    Attributes:
        lower: mean similarity of each RDM with the mean of the others.
        upper: mean similarity of each RDM with the mean of all.
    """

    lower: Float[np.ndarray, "..."]
    upper: Float[np.ndarray, "..."]


def noise_ceiling(
    rdms: ArrayLike,
    comparison: ComparisonName = "pearson_squared",
    missing: Missing = "refuse",
) -> Ceiling:
    """Return how well the RDMs of one group predict each other, as bounds of a noise ceiling.

    For instances of a network, the lower bound says how well the other instances predict one. For
    subjects it says how well the others predict one, which a good model should reach.

    Args:
        rdms: RDMs `(..., instance, stimulus_pair)`, of two or more instances or subjects.
        comparison: as in `consistency`.
        missing: as in `consistency`; a mean RDM consists of the distances that there are.

    Raises:
        InputError: as `consistency`.

    >>> ceiling = noise_ceiling(np.array([[1.0, 2.0, 4.0], [3.0, 5.0, 9.0]]))
    >>> float(ceiling.lower.round(6)), float(ceiling.upper.round(6))
    (1.0, 1.0)
    """
    if isinstance(rdms, RdmStack):
        check_no_missing(missing)
        return _of_stack(check_instance_stack("rdms", rdms), comparison)
    array, _ = check_instance_rdms("rdms", rdms, missing=missing)
    check_name("comparison", comparison, COMPARISONS)
    if missing == "refuse":
        compare_pairs("rdms", array, comparison)  # refuses constant RDMs
    else:
        report_missing("rdms", array)
    return ceiling_of(as_floats(np.asarray(array)), comparison)


def _of_stack(stack: RdmStack, comparison: ComparisonName) -> Ceiling:
    """`noise_ceiling` of RDMs on disk, from the similarities of every two."""
    how = check_of_sums("rdms", stack, comparison)
    unsquared = comparison.removesuffix("_squared")
    similarity = similarities("rdms", stack, unsquared)  # pyright: ignore[reportArgumentType]
    with_all = similarity.sum(-1) / np.sqrt(similarity.sum((-2, -1)))[..., None]
    bounds = [leave_one_out(similarity), with_all]
    lower, upper = (np.mean(each**2 if how.square else each, axis=-1) for each in bounds)
    return Ceiling(np.asarray(lower), np.asarray(upper))


def as_floats(array: np.ndarray) -> Float[np.ndarray, "..."]:
    """Numbers that can be NaN and subtracted: float32 as it is, all others in float64."""
    return array if array.dtype == np.float32 else array.astype(np.float64)


def ceiling_of(
    rdms: Float[np.ndarray, "... instance stimulus_pair"], comparison: ComparisonName
) -> Ceiling:
    """The same without checks; NaN for a single RDM, or where a mean RDM is constant."""
    if rdms.shape[-2] < 2:
        nothing = np.full(rdms.shape[:-2], np.nan)
        return Ceiling(nothing, nothing)
    bounds: list[np.ndarray] = []
    for position in np.ndindex(rdms.shape[:-2]):
        rows = rdms[position]
        each = _comparable(rows.astype(np.float64), COMPARISONS[comparison])
        present = ~np.isnan(each)
        filled = np.where(present, each, 0)
        total, n = filled.sum(0), present.sum(0)
        with np.errstate(invalid="ignore"):  # where all others lack a distance
            others, everyone = (total - filled) / (n - present), total / n
        if COMPARISONS[comparison].form == "ranks" and present.all():
            pair = [_of_ranks(each, mean, comparison) for mean in (others, everyone[None])]
        else:
            whole = np.broadcast_to(everyone, rows.shape)
            pair = [_mean_similarity(rows, mean, comparison) for mean in (others, whole)]
        bounds.append(np.array(pair))
    lower, upper = np.reshape(bounds, (*rdms.shape[:-2], 2)).transpose(-1, *range(rdms.ndim - 2))
    return Ceiling(np.asarray(lower), np.asarray(upper))


def _of_ranks(
    ranks: Float[np.ndarray, "row column"],
    means: Float[np.ndarray, "#row column"],
    comparison: ComparisonName,
) -> float:
    """`_mean_similarity` of rows that are ranked already."""
    how, placed, n = COMPARISONS[comparison], ranks_of(means), ranks.shape[-1]
    squares = np.vecdot(ranks, ranks) * np.vecdot(placed, placed)
    length = (float(n) ** 3 - n) / 12 if how.untied else np.sqrt(squares)
    with np.errstate(invalid="ignore", divide="ignore"):
        similarity = np.where(squares > 0, np.vecdot(ranks, placed) / length, np.nan)
    return float((similarity**2 if how.square else similarity).mean())


def _mean_similarity(rows: np.ndarray, means: np.ndarray, comparison: ComparisonName) -> float:
    """Mean similarity of each row with its own mean RDM."""
    pairs = rows[:, None].astype(np.float64), np.asarray(means)[:, None]
    if any(map(lacks_distances, pairs)):
        return float(compare_rows_present("rdms", *pairs, comparison).mean())
    return float(compare_rows(*pairs, comparison).mean())


def _comparable(
    rows: Float[np.ndarray, "row column"], how: Comparison
) -> Float[np.ndarray, "row column"]:
    """Rows on a common scale; missing distances stay NaN."""
    result = rows.copy()
    for row in result:
        present = ~np.isnan(row)
        known = row[present]
        if how.form in ("ranks", "concordance"):
            row[present] = ranks_of(known) * (row.size / known.size)  # exact if none is missing
            continue
        known = known - known.mean() if how.centre else known
        whole = whitened(known[None], how.centre, present) if how.form == "whitened" else known
        row[present] = known / np.sqrt(np.mean(whole**2))
    return result


def leave_one_out(similarity: Float[np.ndarray, "... n n"]) -> Float[np.ndarray, "... n"]:
    """Similarity of each RDM with the mean of the others, from those of every two.

    With z the RDMs as vectors whose inner products are their similarities, it is
    z_j · Σz_l / |Σz_l| over l ≠ j. The mean is not ranked again: for ranks it is an approximation.

    >>> leave_one_out(np.array([[1.0, 0.5, 0.5], [0.5, 1.0, 0.5], [0.5, 0.5, 1.0]])).round(6)
    array([0.57735, 0.57735, 0.57735])
    """
    own = np.diagonal(similarity, axis1=-2, axis2=-1)
    to_others = similarity.sum(-1) - own
    length = similarity.sum((-2, -1))[..., None] - own - 2 * to_others
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.clip(to_others / np.sqrt(length), -1, 1)
