import numpy as np
import pytest
from scipy.linalg import orthogonal_procrustes
from scipy.spatial.distance import pdist

from ensemble_rsa.analysis.alignment import align, align_successive
from ensemble_rsa.errors import InputError


def test_align_is_scipys_orthogonal_procrustes(rng):
    points, reference = rng.normal(size=(2, 15, 2))
    centred = points - points.mean(0)
    rotation, _ = orthogonal_procrustes(centred, reference - reference.mean(0))
    expected = centred @ rotation + reference.mean(0)
    stack = align(np.stack([points, points]), reference)
    np.testing.assert_allclose(stack, np.stack([expected, expected]), atol=1e-12)


def test_a_chain_undoes_rotations_reflections_and_shifts(rng):
    embedding = rng.normal(size=(2, 15, 2))  # of two instances
    quarter, mirror = np.array([[0.0, 1.0], [-1.0, 0.0]]), np.diag([1.0, -1.0])
    steps = np.stack([embedding, embedding @ quarter + 3, embedding @ quarter @ mirror, -embedding])
    np.testing.assert_allclose(align_successive(steps), np.stack([embedding] * 4), atol=1e-12)


def test_each_step_is_aligned_to_the_one_before_and_keeps_its_distances(rng):
    steps = rng.normal(size=(3, 10, 2))
    aligned = align_successive(steps)
    np.testing.assert_array_equal(aligned[0], steps[0])
    np.testing.assert_allclose(aligned[2], align(steps[2], align(steps[1], steps[0])), atol=1e-12)
    np.testing.assert_allclose(pdist(aligned[2]), pdist(steps[2]), atol=1e-12)
    assert not np.allclose(aligned[2], align(steps[2], steps[0]))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: align(np.ones((5, 2)), np.ones((4, 2))), r"reference: .* shape \(5, 2\)"),
        (lambda: align(np.ones((2, 2)), np.full((2, 2), np.nan)), r"reference: expected finite"),
        (lambda: align_successive(np.ones((4, 2))), r"embeddings: expected shape \(step"),
        (lambda: align_successive(np.full((2, 4, 2), np.inf)), r"embeddings: expected finite"),
    ],
)
def test_wrong_input_is_named(call, message):
    with pytest.raises(InputError, match=message):
        call()
