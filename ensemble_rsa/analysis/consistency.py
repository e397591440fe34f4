"""Representational consistency: how much variance the RDMs of two instances share."""

import numpy as np
from jaxtyping import Float

from ensemble_rsa.analysis.categories import same_category_groups
from ensemble_rsa.arrays import (
    ArrayLike,
    check_instance_rdms,
    check_labels,
    check_rdms,
    check_varied,
)
from ensemble_rsa.errors import InputError
from ensemble_rsa.rdm.compare import compare_pairs, compare_rows

_AXES = "(..., instance, stimulus_pair)"


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
        comparison: one of `ensemble_rsa.rdm.compare.COMPARISONS`. The squared ones run from 0 to 1
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
    return compare_pairs("rdms", check_instance_rdms("rdms", rdms)[0], comparison)


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
    array, n_stimuli = check_instance_rdms("rdms", rdms)
    codes, categories = check_labels("labels", labels, n_stimuli)
    groups = same_category_groups(codes, categories, aggregate)
    similarities = [compare_pairs(g.name, array[..., g.pairs], comparison) for g in groups]
    return np.mean(similarities, axis=0)
