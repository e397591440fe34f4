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


def test_against_means_of_chosen_pairs(rng):
    labels = [3, 1, 2, 1, 3, 3, 2, 1]
    rdms = rng.random((2, 3, 28)).astype(np.float32)
    same = np.array([one == other for one, other in combinations(labels, 2)])
    within, across = (rdms[..., chosen].mean(-1, dtype=np.float64) for chosen in (same, ~same))
    expected = (across - within) / (across + within)
    for given in (rdms, jnp.asarray(rdms)):
        np.testing.assert_allclose(category_clustering_index(given, labels), expected, rtol=1e-9)


@pytest.mark.parametrize(
    ("rdm", "labels", "message"),
    [
        (np.ones(6), "aaaa", r"labels: expected two categories or more, got only 'a'"),
        (np.ones(6), "abcd", r"labels: expected a category with two stimuli"),
        (np.ones(6), "aab", r"labels: expected one label for each of 4"),
        (np.array([np.inf, 1, 1]), "aab", r"rdms: expected finite"),
        (np.array([[1] * 3, [0] * 3]), "aab", r"rdms: expected mean distances above 0.*\[1\]"),
        # crossnobis distances: (−1 + 3) / (−1 − 3) would be −1/2, and (1 + 0.5) / (1 − 0.5) 3
        (np.array([-3.0, -1, -1, -1, -1, -3]), "aabb", r"of at least 0, got -3; the index is not"),
        (np.array([[1.0] * 6, [-0.5, 1, 1, 1, 1, -0.5]]), "aabb", r"got -0.5 in the RDM at \[1\]"),
    ],
)
def test_wrong_input_is_named(rdm, labels, message):
    with pytest.raises(InputError, match=message):
        category_clustering_index(rdm, list(labels))
