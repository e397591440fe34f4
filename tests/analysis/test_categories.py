from itertools import combinations

import jax.numpy as jnp
import numpy as np
import pytest

from ensemble_rsa.analysis.categories import category_clustering_index
from ensemble_rsa.errors import InputError


def test_pairs_count_equally_not_categories():
    # a: 3 pairs at distance 1; b: 1 pair at distance 5. Over pairs, within = 2; over categories it
    # would be 3, and with the diagonal counted 16/13. Across is 6.
    labels = list("baaba")
    distance = {("a", "a"): 1.0, ("b", "b"): 5.0}
    rdm = np.array([distance.get(pair, 6.0) for pair in combinations(labels, 2)])
    assert category_clustering_index(rdm, labels) == pytest.approx((6 - 2) / (6 + 2))


def test_against_a_plain_loop(rng):
    labels = [3, 1, 2, 1, 3, 3, 2, 1]
    rdms = rng.random((2, 3, 28)).astype(np.float32)
    expected = np.empty((2, 3))
    for index in np.ndindex(2, 3):
        within, across = [], []
        for (i, j), distance in zip(combinations(range(8), 2), rdms[index], strict=True):
            (within if labels[i] == labels[j] else across).append(float(distance))
        within, across = np.mean(within), np.mean(across)
        expected[index] = (across - within) / (across + within)
    np.testing.assert_allclose(category_clustering_index(rdms, labels), expected, rtol=1e-9)
    on_device = category_clustering_index(jnp.asarray(rdms), np.array(labels))
    np.testing.assert_allclose(on_device, expected, rtol=1e-9)


def test_coinciding_members_give_one():
    assert category_clustering_index(np.array([0.0, 2, 2, 2, 2, 0]), list("aabb")) == 1


@pytest.mark.parametrize(
    ("rdm", "labels", "message"),
    [
        (np.ones(6), "aaaa", r"labels: expected two categories or more, got only 'a'"),
        (np.ones(6), "abcd", r"labels: expected a category with two stimuli"),
        (np.ones(6), "aab", r"labels: expected one label for each of 4"),
        (np.ones(3), ["a", "b", 1], r"labels: expected labels of one kind, got int, str"),
        (np.ones(3), [0.0, np.nan, 0.0], r"labels: .* got 1 missing, at position\(s\) 1"),
        (np.ones(3), [["a"], ["a", "b"], []], r"labels: .*nested"),
        (np.ones(3, complex), "aab", r"rdms: expected real numbers .*complex128"),
        (np.ones(5), "aab", r"rdms: .*got 5"),
        (np.array([np.inf, 1, 1]), "aab", r"rdms: expected finite"),
        (
            np.stack([np.ones(3), np.zeros(3)]),
            "aab",
            r"rdms: expected mean distances above 0.*\[1\]",
        ),
    ],
)
def test_wrong_input_is_named(rdm, labels, message):
    with pytest.raises(InputError, match=message):
        category_clustering_index(rdm, list(labels))
