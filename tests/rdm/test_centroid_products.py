import numpy as np
import pytest

from ensemble_rsa.rdm.centroid_products import (
    category_forms,
    centroid_distances,
    pattern_products,
)
from ensemble_rsa.rdm.distances import DISTANCES
from tests.analysis.reference import DISTANCES as REFERENCE

SIZES = (3, 1, 4)
STARTS = np.array([0, 3, 4])


def test_forms_of_categories_are_blocks_of_a_product(rng):
    inner = rng.normal(size=(8, 8))
    inner = (inner + inner.T).astype(np.float32)
    weights = rng.random((2, 8), np.float32)
    member = np.repeat(np.eye(3), SIZES, axis=0)  # (stimulus, category)
    of_category = weights[:, :, None] * member
    expected = np.einsum("rac,ab,rbd->rcd", of_category, inner.astype(np.float64), of_category)
    np.testing.assert_allclose(category_forms(inner, weights, STARTS), expected, atol=1e-5)


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("common", [0.0, 30.0])  # 30: patterns nearly equal
def test_distances_are_those_of_the_centroids(rng, distance, common):
    mean = common * (1 + rng.random(20))
    patterns = (mean + rng.normal(size=(8, 20))).astype(np.float32)
    products = pattern_products("activations", patterns[None], (0,), distance)
    weights = np.repeat(1 / np.array(SIZES), SIZES)[None]
    inner = category_forms(products.inner, weights.astype(np.float32), STARTS)
    along = np.add.reduceat(weights * products.with_mean, STARTS, axis=1)
    distances = centroid_distances(inner, along, products.mean_square, distance)[0]
    centroids = np.add.reduceat(weights[0][:, None] * patterns.astype(np.float64), STARTS)
    expected = REFERENCE[distance](centroids)
    if distance in ("euclidean", "norm_difference"):  # in units of the longest pattern
        distances = distances * np.linalg.norm(patterns, axis=-1).max()
    np.testing.assert_allclose(distances, expected, rtol=0, atol=1e-4 * expected.max())
