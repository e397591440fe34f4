import numpy as np
import pytest

from ensemble_rsa.data.balance import balanced_indices, rank_in_category
from ensemble_rsa.errors import InputError

LABELS = np.array([2, 0, 1, 0, 2, 2, 1, 0])


def test_rank_counts_images_of_the_same_category_that_come_before():
    assert rank_in_category(LABELS).tolist() == [0, 0, 0, 1, 1, 2, 1, 2]
    priority = np.array([9, 3, 1, 2, 7, 8, 0, 1])
    assert rank_in_category(LABELS, priority).tolist() == [2, 2, 1, 1, 0, 1, 0, 0]


@pytest.mark.parametrize(
    ("n", "expected"),
    [
        (3, [0, 1, 2]),
        (4, [0, 1, 2, 3]),  # the remainder goes to the first category
        (5, [0, 1, 2, 3, 6]),
        (2, [1, 2]),
        (None, [0, 1, 2, 3, 4, 5, 6, 7]),
    ],
)
def test_balanced_indices(n, expected):
    assert balanced_indices("n", LABELS, 3, n).tolist() == expected


def test_a_small_category_gives_all_its_images_and_too_many_are_refused():
    labels = np.array([0, 1, 1, 1, 1, 2, 2, 2, 2])
    chosen = balanced_indices("n", labels, 3, 7)
    assert np.bincount(labels[chosen]).tolist() == [1, 3, 3]
    with pytest.raises(InputError, match="test_images: expected at most 8 images, got 9"):
        balanced_indices("test_images", LABELS, 3, 9)
