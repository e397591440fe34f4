"""Representational consistency: how much variance the RDMs of two instances share."""

from typing import Any

import numpy as np
from jaxtyping import Float, Int

from ensemble_rsa.arrays import ArrayLike, check_labels, check_rdms, check_varied
from ensemble_rsa.errors import InputError, unknown_name
from ensemble_rsa.numerics import correlation_matrix, pair_indices

_AXES = "(..., instance, stimulus_pair) with at least two instances"


def consistency(rdms: ArrayLike) -> Float[np.ndarray, "... instance_pair"]:
    """Squared Pearson correlation of the RDMs of every two instances, `(..., instance_pair)`.

    This is the shared variance of two upper triangles (paper.md §5.2). It says nothing of a
    distance's scale or offset. Instance pairs are in `itertools.combinations` order.

    Args:
        rdms: condensed RDMs `(..., instance, stimulus_pair)`; centroid RDMs as well as exemplar
            ones.

    Returns:
        r², between 0 and 1, float64.

    Raises:
        InputError: fewer than two instances, NaN, a constant RDM, or a last axis that is no
            condensed RDM.

    >>> consistency(np.array([[1.0, 2.0, 3.0], [3.0, 5.0, 7.0], [1.0, 0.0, 1.0]])).round(6)
    array([1., 0., 0.])
    """
    return _shared_variance(_checked(rdms)[0])


def within_category_consistency(
    rdms: ArrayLike, labels, aggregate: str = "pooled"
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

    Returns:
        r², float64.

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
    return _AGGREGATES[aggregate](array, category_of_pair, categories)


def _checked(rdms: ArrayLike) -> tuple[Any, int]:
    array, n_stimuli = check_rdms("rdms", rdms, 2, _AXES)
    if array.shape[-2] < 2:
        raise InputError(f"rdms: expected shape {_AXES}, got {tuple(array.shape)}")
    return array, n_stimuli


def _shared_variance(rdms: Any, name: str = "rdms") -> Float[np.ndarray, "... instance_pair"]:
    correlations = correlation_matrix(rdms)
    check_varied(name, correlations)
    first, second = pair_indices(rdms.shape[-2])
    return correlations[..., first, second] ** 2


def _pooled(
    rdms: Any, category_of_pair: Int[np.ndarray, " stimulus_pair"], categories: np.ndarray
) -> Float[np.ndarray, "... instance_pair"]:
    return _shared_variance(rdms[..., category_of_pair >= 0], "rdms (same-category pairs)")


def _per_category(
    rdms: Any, category_of_pair: Int[np.ndarray, " stimulus_pair"], categories: np.ndarray
) -> Float[np.ndarray, "... instance_pair"]:
    shared = []
    for code, category in enumerate(categories):
        pairs = category_of_pair == code
        if pairs.sum() < 3:
            raise InputError(
                f"labels: aggregate='per_category' needs three stimuli or more in each category, "
                f"'{category}' has fewer; leave it out or use aggregate='pooled'"
            )
        shared.append(_shared_variance(rdms[..., pairs], f"rdms (category '{category}')"))
    return np.mean(shared, axis=0)


_AGGREGATES = {"pooled": _pooled, "per_category": _per_category}
