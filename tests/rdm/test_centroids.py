"""Cocktail-blank removal and category centroids against float64."""

import jax.numpy as jnp
import numpy as np
import pytest

from ensemble_rsa.errors import InputError
from ensemble_rsa.rdm.build import centroids, cocktail_blank


@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_cocktail_blank_subtracts_unit_means(rng, offset):
    activations = (rng.normal(size=(2, 30, 7)) + offset * np.arange(7)).astype(np.float32)
    exact = activations.astype(np.float64)
    expected = exact - exact.mean(axis=1, keepdims=True)
    blanked = cocktail_blank(activations)
    assert blanked.dtype == jnp.float32
    np.testing.assert_allclose(blanked, expected, atol=1e-6)


@pytest.mark.parametrize("dtype", [bool, np.int64, np.float16, np.float64])
def test_cocktail_blank_takes_any_real_dtype(rng, dtype):
    activations = (10 * rng.random((6, 3))).astype(dtype)
    expected = activations.astype(np.float64) - activations.mean(axis=0, dtype=np.float64)
    np.testing.assert_allclose(cocktail_blank(activations), expected, atol=1e-6)


def test_centroids_average_patterns_in_sorted_label_order(rng):
    activations = (rng.normal(size=(2, 9, 700)) + 1e4).astype(np.float32)
    labels = np.array(["cat", "dog", "ape"] * 3)
    expected = np.stack(
        [activations[:, labels == c].mean(axis=1, dtype=np.float64) for c in ("ape", "cat", "dog")],
        1,
    )
    np.testing.assert_array_equal(centroids(activations, labels), expected.astype(np.float32))


def test_centroids_refuse_labels_of_another_length():
    with pytest.raises(InputError, match="labels: expected one label for each of 3 stimuli"):
        centroids(np.eye(3), [0, 1])
