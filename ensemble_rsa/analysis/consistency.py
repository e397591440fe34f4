"""Representational consistency: how much variance the RDMs of two instances share."""

from typing import Any

import numpy as np
from jaxtyping import Float, Int

from ensemble_rsa.arrays import ArrayLike, check_labels, check_rdms, check_varied
from ensemble_rsa.comparisons import compare_rows
from ensemble_rsa.errors import InputError, unknown_name
from ensemble_rsa.numerics import pair_indices

_AXES = "(..., instance, stimulus_pair)"
_TWO = f"{_AXES} with at least two instances"


def consistency(
    rdms: ArrayLike, comparison: str = "pearson_squared"
) -> Float[np.ndarray, "... instance_pair"]:
    """Squared Pearson correlation of the RDMs of every two instances, `(..., instance_pair)`.

    This is the shared variance of two upper triangles (paper.md §5.2). It says nothing of a
    distance's scale or offset. Instance pairs are in `itertools.combinations` order. A whole stack,
    such as `(layer, epoch, instance, stimulus_pair)`, goes through in one call.

    Args:
        rdms: condensed RDMs `(..., instance, stimulus_pair)`; centroid RDMs as well as exemplar
            ones.
        comparison: one of `ensemble_rsa.comparisons.COMPARISONS`. The squared ones run from 0 to 1
            and hide a sign; `"pearson"` and `"spearman"` run from −1 to 1, `"cosine"` of distances
            from 0 to 1.

    Returns:
        r² unless told otherwise, float64.

    Raises:
        InputError: fewer than two instances, NaN, a constant RDM (for the cosine: an all-zero one),
            a last axis that is no condensed RDM, an unknown comparison.

    >>> consistency(np.array([[1.0, 2.0, 3.0], [3.0, 5.0, 7.0], [1.0, 0.0, 1.0]])).round(6)
    array([1., 0., 0.])
    """
    return _of_pairs("rdms", _checked(rdms)[0], comparison)


def consistency_between(
    rdms: ArrayLike, others: ArrayLike, comparison: str = "pearson_squared"
) -> Float[np.ndarray, "... instance other_instance"]:
    """Consistency of each RDM with each of another group, `(..., instance, other_instance)`.

    Two groups of networks, or networks and brains, on the same stimuli in the same order. Leading
    axes are equal or broadcast: one RDM of a brain region `(1, stimulus_pair)` meets a stack
    `(layer, instance, stimulus_pair)`.

    Args:
        rdms: condensed RDMs `(..., instance, stimulus_pair)`.
        others: condensed RDMs `(..., other_instance, stimulus_pair)`.
        comparison: as in `consistency`.

    Returns:
        r² unless told otherwise, float64.

    Raises:
        InputError: as `consistency`, of either group, which may hold one RDM only; other numbers of
            stimuli; leading axes that do not broadcast.

    >>> rdms = np.array([[1.0, 2.0, 3.0], [1.0, 0.0, 1.0]])
    >>> others = np.array([[3.0, 5.0, 7.0], [7.0, 5.0, 3.0], [2.0, 1.0, 2.0]])
    >>> consistency_between(rdms, others).round(6)
    array([[1., 1., 0.],
           [0., 0., 1.]])
    """
    array, n_stimuli = check_rdms("rdms", rdms, 2, _AXES)
    other, n_others = check_rdms("others", others, 2, _AXES)
    if n_stimuli != n_others:
        raise InputError(f"others: expected RDMs of {n_stimuli} stimuli as in rdms, got {n_others}")
    try:
        np.broadcast_shapes(array.shape[:-2], other.shape[:-2])
    except ValueError:
        raise InputError(
            f"others: expected leading axes that broadcast against {array.shape[:-2]} as in rdms, "
            f"got {other.shape[:-2]}"
        ) from None
    similarity = compare_rows(array, other, comparison)
    if np.isnan(similarity).any():
        for name, group in (("rdms", array), ("others", other)):
            check_varied(name, compare_rows(group, comparison=comparison))
    return similarity


def within_category_consistency(
    rdms: ArrayLike, labels, aggregate: str = "pooled", comparison: str = "pearson_squared"
) -> Float[np.ndarray, "... instance_pair"]:
    """Consistency over the pairs of stimuli that share a category, `(..., instance_pair)`.

    The paper leaves open how categories are put together (paper.md §5.5), so there are two ways:
    `"pooled"` puts all same-category distances into one correlation; `"per_category"` correlates
    category by category and averages the r². Pooled also counts differences between categories in
    how wide they are; per category does not.

    Args:
        rdms: condensed RDMs `(..., instance, stimulus_pair)`.
        labels: one category per stimulus, of any type that sorts.
        aggregate: `"pooled"` or `"per_category"`.
        comparison: as in `consistency`.

    Returns:
        r² unless told otherwise, float64.

    Raises:
        InputError: as `consistency`; labels of another length; no two stimuli share a category; for
            `"per_category"`, a category of fewer than three stimuli; an unknown aggregate.

    >>> rdms = np.array([[9.0, 9.0, 9.0, 1.0, 2.0, 4.0], [7.0, 5.0, 0.0, 3.0, 5.0, 9.0]])
    >>> within_category_consistency(rdms, ["cat", "dog", "dog", "dog"]).round(6)
    array([1.])
    """
    array, n_stimuli = _checked(rdms)
    codes, categories = check_labels("labels", labels, n_stimuli)
    if aggregate not in _AGGREGATES:
        raise unknown_name("aggregate", aggregate, _AGGREGATES)
    rows, columns = pair_indices(n_stimuli)
    category_of_pair = np.where(codes[rows] == codes[columns], codes[rows], -1)
    if not (category_of_pair >= 0).any():
        raise InputError(
            "labels: expected a category with two stimuli or more, got all different labels"
        )
    return _AGGREGATES[aggregate](array, category_of_pair, categories, comparison)


def _checked(rdms: ArrayLike) -> tuple[Any, int]:
    array, n_stimuli = check_rdms("rdms", rdms, 2, _TWO)
    if array.shape[-2] < 2:
        raise InputError(f"rdms: expected shape {_TWO}, got {tuple(array.shape)}")
    return array, n_stimuli


def _of_pairs(name: str, rdms: Any, comparison: str) -> Float[np.ndarray, "... instance_pair"]:
    similarity = compare_rows(rdms, comparison=comparison)
    check_varied(name, similarity)
    return similarity[..., *pair_indices(rdms.shape[-2])]


def _pooled(
    rdms: Any,
    category_of_pair: Int[np.ndarray, " stimulus_pair"],
    categories: np.ndarray,
    comparison: str,
) -> Float[np.ndarray, "... instance_pair"]:
    return _of_pairs("rdms (same-category pairs)", rdms[..., category_of_pair >= 0], comparison)


def _per_category(
    rdms: Any,
    category_of_pair: Int[np.ndarray, " stimulus_pair"],
    categories: np.ndarray,
    comparison: str,
) -> Float[np.ndarray, "... instance_pair"]:
    similarities = []
    for code, category in enumerate(categories):
        pairs = category_of_pair == code
        if pairs.sum() < 3:
            raise InputError(
                f"labels: aggregate='per_category' needs three stimuli or more in each category, "
                f"'{category}' has fewer; leave it out or use aggregate='pooled'"
            )
        name = f"rdms (category '{category}')"
        similarities.append(_of_pairs(name, rdms[..., pairs], comparison))
    return np.mean(similarities, axis=0)


_AGGREGATES = {"pooled": _pooled, "per_category": _per_category}
