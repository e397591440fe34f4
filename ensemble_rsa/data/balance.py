"""Choosing images balanced over categories, in the order of the data set."""

import numpy as np
from jaxtyping import Int, Shaped

from ensemble_rsa.arrays import check_count
from ensemble_rsa.errors import InputError


def rank_in_category(
    labels: Int[np.ndarray, " image"], priority: Shaped[np.ndarray, " image"] | None = None
) -> Int[np.ndarray, " image"]:
    """Return how many images of the same category come before each image, by priority if given.

    The smallest priority comes first; ties keep their order.

    >>> rank_in_category(np.array([1, 0, 1, 1])).tolist()
    [0, 0, 1, 2]
    """
    order = (
        np.argsort(labels, kind="stable") if priority is None else np.lexsort((priority, labels))
    )
    sorted_labels = labels[order]
    first_of_category = np.searchsorted(sorted_labels, sorted_labels, side="left")
    ranks = np.empty(len(labels), np.int64)
    ranks[order] = np.arange(len(labels)) - first_of_category
    return ranks


def balanced_indices(
    argument: str, labels: Int[np.ndarray, " image"], n_categories: int, n: int | None
) -> Int[np.ndarray, " chosen"]:
    """Return the first n/categories images of each category, or all, as ascending indices.

    The remainder goes to the first categories. A category with fewer images than its share gives
    all it has, and the others make up for it equally. Messages call `n` by `argument`.

    >>> balanced_indices("train_images", np.array([0, 0, 0, 1, 1]), 2, 3).tolist()
    [0, 1, 3]
    """
    if n is None:
        return np.arange(len(labels))
    remaining = check_count(argument, n, 1)
    if remaining > len(labels):
        raise InputError(f"{argument}: expected at most {len(labels)} images, got {n}")
    available = np.bincount(labels, minlength=n_categories)
    share = np.zeros(n_categories, np.int64)
    while remaining:
        unfilled = np.flatnonzero(share < available)
        each, extra = divmod(remaining, len(unfilled))
        wanted = share[unfilled] + each + (np.arange(len(unfilled)) < extra)
        share[unfilled] = np.minimum(wanted, available[unfilled])
        remaining = n - int(share.sum())
    return np.flatnonzero(rank_in_category(labels) < share[labels])
