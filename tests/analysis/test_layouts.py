import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

from ensemble_rsa.analysis.layouts import layouts
from ensemble_rsa.analysis.mds import mds


@pytest.fixture(scope="module")
def rdms():
    """Two layers of three instances: points in a plane, and the same with noise of their own."""
    rng = np.random.default_rng(4)
    plane, noise = rng.normal(size=(14, 2)), rng.normal(size=(3, 14, 5))
    exact = [pdist(plane) * scale for scale in (1, 5, 0.2)]
    noisy = [pdist(np.hstack([plane, 0.4 * own])) for own in noise]
    return np.array([exact, noisy], np.float32), plane


@pytest.fixture(scope="module")
def found(rdms):
    return layouts(rdms[0])


def test_points_of_a_plane_are_found_again_at_any_scale(rdms, found):
    for placed, scale in zip(found.embedding[0], (1, 5, 0.2), strict=True):
        np.testing.assert_allclose(pdist(placed), scale * pdist(rdms[1]), atol=2e-3 * scale)
    np.testing.assert_allclose(found.stress[0], 0, atol=1e-3)


def test_instances_and_layers_are_aligned(found):
    first, second = found.embedding
    np.testing.assert_allclose(first[1] / 5, first[0], atol=2e-3)
    assert ((second - first[0]) ** 2).sum() < 0.2 * ((second * [-1, 1] - first[0]) ** 2).sum()


def test_stress_is_that_of_the_layout_and_near_that_of_mds(rdms, found):
    best = mds(rdms[0][1], n_init=1)
    for i, rdm in enumerate(rdms[0][1].astype(np.float64)):
        squares = (squareform(rdm) - squareform(pdist(found.embedding[1, i]))) ** 2
        sizes = squareform(rdm) ** 2
        assert found.stress[1, i] <= 1.05 * best.stress[i]
        np.testing.assert_allclose(found.stress[1, i], np.sqrt(squares.sum() / sizes.sum()), 1e-4)
        pointwise = np.sqrt(squares.sum(1) / sizes.sum(1))
        np.testing.assert_allclose(found.pointwise_stress[1, i], pointwise, rtol=1e-3)
