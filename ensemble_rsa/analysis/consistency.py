"""Comparisons of RDMs: consistency, the variance that two RDMs share, and distances between RDMs.

"The paper" is Mehrer et al. 2020, doi:10.1038/s41467-020-19632-w.
"""

import numpy as np
from jaxtyping import Float

from ensemble_rsa.analysis.categories import Aggregate, check_groups, same_category_groups
from ensemble_rsa.analysis.stacked import check_no_missing, similarities
from ensemble_rsa.arrays import (
    ArrayLike,
    LabelsLike,
    check_agreement,
    check_instance_rdms,
    check_labels,
    check_rdms,
    check_varied,
)
from ensemble_rsa.arrays.rdms import Missing
from ensemble_rsa.arrays.stacks import RdmStack, check_instance_stack, side_by_side
from ensemble_rsa.errors import InputError
from ensemble_rsa.numerics import pair_indices
from ensemble_rsa.rdm.compare import ComparisonName, compare_pairs, compare_rows
from ensemble_rsa.rdm.missing import (
    compare_pairs_present,
    compare_rows_present,
    lacks_distances,
    report_missing,
)

_AXES = "(..., instance, stimulus_pair)"


def consistency(
    rdms: ArrayLike,
    comparison: ComparisonName = "pearson_squared",
    missing: Missing = "refuse",
) -> Float[np.ndarray, "... instance_pair"]:
    """Squared Pearson correlation of the RDMs of every two instances, `(..., instance_pair)`.

    This is the shared variance of two upper triangles (paper, Methods); it does not depend on
    the scale or offset of distances. Instance pairs are in `itertools.combinations` order. A whole
    stack, such as `(layer, epoch, instance, stimulus_pair)`, is processed in one call.

    Args:
        rdms: RDMs `(..., instance, stimulus_pair)`, of stimuli or of category centroids; or, here
            and below, a stack of them on disk (`RdmStore.exemplar`), for comparisons of distances
            themselves.
        comparison: one of `ensemble_rsa.rdm.compare.COMPARISONS`: `"pearson"`, `"spearman"`,
            `"rho_a"`, `"tau_a"` and `"corr_cov"` (whitened) range from −1 to 1, the `"cosine"` of
            distances and `"cosine_cov"` from 0 to 1. With `_squared` at the end of a name they
            range from 0 to 1 and lose the sign.
        missing: `"refuse"` NaN, or `"drop"`: compare every two RDMs over the stimulus pairs that
            both have, three at least (see `ensemble_rsa.rdm.missing`).

    Returns:
        r² unless `comparison` says otherwise, float64.

    Raises:
        InputError: fewer than two instances, NaN, a constant RDM (for the cosine: an all-zero one),
            a last axis that is no condensed RDM, an unknown comparison.

    Warns:
        MissingDistancesWarning: how many distances two RDMs have in common, where some are missing.

    >>> consistency(np.array([[1.0, 2.0, 3.0], [3.0, 5.0, 7.0], [1.0, 0.0, 1.0]])).round(6)
    array([1., 0., 0.])
    """
    if isinstance(rdms, RdmStack):
        check_no_missing(missing)
        check_instance_stack("rdms", rdms)
        return _of_pairs(similarities("rdms", rdms, comparison))
    array, _ = check_instance_rdms("rdms", rdms, missing=missing)
    if missing == "refuse":
        return compare_pairs("rdms", array, comparison)
    report_missing("rdms", array)
    return compare_pairs_present("rdms", array, comparison)


def consistency_between(
    rdms: ArrayLike,
    others: ArrayLike,
    comparison: ComparisonName = "pearson_squared",
    missing: Missing = "refuse",
) -> Float[np.ndarray, "... instance other_instance"]:
    """Consistency of each RDM with each RDM of another group, `(..., instance, other_instance)`.

    The groups are networks or brains, with the same stimuli in the same order. Leading axes are
    equal or broadcast: one RDM of a brain region `(1, stimulus_pair)` is compared with a stack
    `(layer, instance, stimulus_pair)`.

    Args:
        rdms: RDMs `(..., instance, stimulus_pair)`.
        others: RDMs `(..., other_instance, stimulus_pair)`.
        comparison: as in `consistency`.
        missing: as in `consistency`.

    Returns:
        r² unless `comparison` says otherwise, float64.

    Raises:
        InputError: as `consistency`, for either group, which may hold one RDM only; other numbers
            of stimuli; leading axes that do not broadcast.

    >>> rdms = np.array([[1.0, 2.0, 3.0], [1.0, 0.0, 1.0]])
    >>> others = np.array([[3.0, 5.0, 7.0], [7.0, 5.0, 3.0], [2.0, 1.0, 2.0]])
    >>> consistency_between(rdms, others).round(6)
    array([[1., 1., 0.],
           [0., 0., 1.]])
    """
    if isinstance(rdms, RdmStack) or isinstance(others, RdmStack):
        check_no_missing(missing)
        return _between(rdms, others, comparison)
    check_agreement({"rdms": rdms, "others": others})
    array, n_stimuli = check_rdms("rdms", rdms, 2, _AXES, missing)
    other, n_others = check_rdms("others", others, 2, _AXES, missing)
    if n_stimuli != n_others:
        raise InputError(f"others: expected RDMs of {n_stimuli} stimuli as in rdms, got {n_others}")
    try:
        np.broadcast_shapes(array.shape[:-2], other.shape[:-2])
    except ValueError:
        raise InputError(
            f"others: expected leading axes that broadcast against {array.shape[:-2]} as in rdms, "
            f"got {other.shape[:-2]}"
        ) from None
    if missing == "drop" and (lacks_distances(array) or lacks_distances(other)):
        report_missing("rdms, others", array, other)
        return compare_rows_present("rdms, others", array, other, comparison)
    similarity = compare_rows(array, other, comparison)
    if np.isnan(similarity).any():
        for name, group in (("rdms", array), ("others", other)):
            check_varied(name, compare_rows(group, comparison=comparison))
    return similarity


def within_category_consistency(
    rdms: ArrayLike,
    labels: LabelsLike,
    aggregate: Aggregate = "pooled",
    comparison: ComparisonName = "pearson_squared",
    missing: Missing = "refuse",
) -> Float[np.ndarray, "... instance_pair"]:
    """Consistency over the pairs of stimuli that share a category, `(..., instance_pair)`.

    The paper does not say how categories are combined. `"pooled"` correlates all same-category
    distances at once, so it also reflects how far categories differ in their spread;
    `"per_category"` correlates category by category and averages the r².

    Args:
        rdms: RDMs `(..., instance, stimulus_pair)`.
        labels: the category of each stimulus.
        aggregate: `"pooled"` (default, ours) or `"per_category"`.
        comparison: as in `consistency`.
        missing: as in `consistency`.

    Returns:
        r² unless `comparison` says otherwise, float64.

    Raises:
        InputError: as `consistency`; labels of another length; no two stimuli share a category; for
            `"per_category"`, a category of fewer than three stimuli; an unknown aggregate.

    >>> rdms = np.array([[9.0, 9.0, 9.0, 1.0, 2.0, 4.0], [7.0, 5.0, 0.0, 3.0, 5.0, 9.0]])
    >>> within_category_consistency(rdms, ["cat", "dog", "dog", "dog"]).round(6)
    array([1.])
    """
    if isinstance(rdms, RdmStack):
        check_no_missing(missing)
        check_instance_stack("rdms", rdms)
        return _within(rdms, labels, aggregate, comparison)
    check_agreement({"rdms": rdms, "labels": labels})
    array, n_stimuli = check_instance_rdms("rdms", rdms, missing=missing)
    codes, categories = check_labels("labels", labels, n_stimuli)
    groups = same_category_groups(codes, categories, aggregate)
    compare = compare_pairs if missing == "refuse" else compare_pairs_present
    if missing == "drop":
        report_missing("rdms", array[..., np.concatenate([*groups.values()])])
    positions = np.arange(array.shape[-1])
    each = [
        compare(name, array[..., pairs], comparison, np.isin(positions, pairs))
        for name, pairs in groups.items()
    ]
    return np.mean(each, axis=0)


def second_level_distances(
    rdms: ArrayLike, comparison: ComparisonName = "pearson", missing: Missing = "refuse"
) -> Float[np.ndarray, "... rdm rdm"]:
    """1 − Pearson correlation of every two RDMs, `(..., rdm, rdm)`: symmetric with a zero diagonal.

    Unlike in consistency, the correlation is not squared (our choice), so opposite RDMs are far
    apart. For all layers and instances (paper, Fig. 3), put both on one
    axis: `rdms.reshape(layer * instance, stimulus_pair)`. `mds` takes the result.

    Args:
        rdms: RDMs `(..., rdm, stimulus_pair)`.
        comparison: a similarity as in `consistency`, which is subtracted from 1.
        missing: as in `consistency`.

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
    if isinstance(rdms, RdmStack):
        check_no_missing(missing)
        check_instance_stack("rdms", rdms, 1)
        similarity = similarities("rdms", rdms, comparison)
    else:
        array, _ = check_rdms("rdms", rdms, 2, "(..., rdm, stimulus_pair)", missing)
        if missing == "drop" and lacks_distances(array):
            report_missing("rdms", array)
            similarity = compare_rows_present("rdms", array, comparison=comparison)
        else:
            similarity = compare_rows(array, comparison=comparison)
        check_varied("rdms", similarity)
    diagonal = np.eye(similarity.shape[-1], dtype=bool)
    return np.where(diagonal, 0.0, 1 - (similarity + np.swapaxes(similarity, -1, -2)) / 2)


def _of_pairs(similarity: Float[np.ndarray, "... n n"]) -> Float[np.ndarray, "... instance_pair"]:
    return similarity[..., *pair_indices(similarity.shape[-1])]


def _between(
    rdms: ArrayLike, others: ArrayLike, comparison: ComparisonName
) -> Float[np.ndarray, "... instance other_instance"]:
    """`consistency_between` of RDMs of which at least one group is on disk."""
    one, other = (
        check_instance_stack(name, each, 1)
        if isinstance(each, RdmStack)
        else check_rdms(name, each, 2, _AXES)[0]
        for name, each in (("rdms", rdms), ("others", others))
    )
    n = one.shape[-2]
    return similarities("rdms, others", side_by_side(one, other), comparison)[..., :n, n:]


def _within(
    stack: RdmStack, labels: LabelsLike, aggregate: Aggregate, comparison: ComparisonName
) -> Float[np.ndarray, "... instance_pair"]:
    """`within_category_consistency` of RDMs on disk."""
    codes, categories = check_labels("labels", labels, stack.n_stimuli)
    check_groups(codes, categories, aggregate)
    if aggregate == "pooled":
        return _of_pairs(similarities("rdms (same-category pairs)", stack, comparison, codes))
    each = similarities("rdms (category)", stack, comparison, codes, per_category=True)
    return np.mean(_of_pairs(each), axis=0)
