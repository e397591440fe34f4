import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

from ensemble_rsa.analysis.consistency import second_level_distances
from ensemble_rsa.errors import InputError


def test_it_is_scipys_correlation_distance_between_rdms(rng):
    rdms = (100 + rng.random((2, 5, 28))).astype(np.float32)
    result = second_level_distances(jnp.asarray(rdms))
    expected = [squareform(pdist(layer.astype(np.float64), "correlation")) for layer in rdms]
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-5)


def test_the_sign_counts_and_the_diagonal_is_exactly_zero():
    # r is 1/2 and −1: squared, both would be nearer than 1.
    rdms = np.array([[1.0, 2.0, 3.0], [1.0, 3.0, 2.0], [3.0, 2.0, 1.0]])
    result = second_level_distances(rdms)
    np.testing.assert_allclose(result[0], [0, 0.5, 2], atol=1e-7)
    assert (np.diagonal(result) == 0).all()
    np.testing.assert_array_equal(result, result.T)


@pytest.mark.parametrize(
    ("comparison", "expected"),
    [  # ranks 1 2 3, 1 3 2, 3 2 1: rho is 1/2 and −1; cosines are 13/14 and 10/14
        ("spearman", [0, 1 / 2, 2]),
        ("spearman_squared", [0, 3 / 4, 0]),
        ("pearson_squared", [0, 3 / 4, 0]),
        ("cosine", [0, 1 / 14, 4 / 14]),
    ],
)
def test_other_comparisons_by_hand(comparison, expected):
    rdms = np.array([[1.0, 2.0, 3.0], [1.0, 3.0, 2.0], [3.0, 2.0, 1.0]])
    result = second_level_distances(rdms, comparison)
    np.testing.assert_allclose(result[0], expected, atol=1e-12)
    assert (np.diagonal(result) == 0).all()


def test_a_constant_rdm_is_named():
    rdms = np.array([[1.0, 2.0, 3.0], [5.0, 5.0, 5.0]])
    with pytest.raises(InputError, match=r"rdms: .*constant.*\[1\]"):
        second_level_distances(rdms)
