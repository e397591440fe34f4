import numpy as np
import pytest
from scipy.linalg import orthogonal_procrustes
from scipy.spatial.distance import pdist

from ensemble_rsa.analysis.alignment import align, align_successive
from ensemble_rsa.errors import InputError


def test_align_undoes_rotation_reflection_and_shift(rng):
    reference = rng.normal(size=(3, 15, 2))
    turn = np.array([[0.6, 0.8], [0.8, -0.6]])
    moved = (reference @ turn + [5, -7]).astype(np.float32)
    np.testing.assert_allclose(align(moved, reference), reference, rtol=0, atol=1e-5)


def test_align_is_scipys_orthogonal_procrustes(rng):
    points, reference = rng.normal(size=(2, 15, 2))
    centred, target = points - points.mean(0), reference - reference.mean(0)
    rotation, trace = orthogonal_procrustes(centred, target)
    plain = align(points, reference)
    np.testing.assert_allclose(plain, centred @ rotation + reference.mean(0), atol=1e-12)
    size = trace / (centred**2).sum()
    scaled = align(points, reference, scale=True)
    np.testing.assert_allclose(scaled, size * centred @ rotation + reference.mean(0), atol=1e-12)
    np.testing.assert_allclose(align(np.stack([points, points]), reference)[1], plain, atol=1e-12)


def test_align_wants_the_same_stimuli(rng):
    with pytest.raises(InputError, match=r"reference: expected the embedding's shape \(5, 2\)"):
        align(np.ones((5, 2)), np.ones((4, 2)))
    with pytest.raises(InputError, match=r"reference: expected finite"):
        align(np.ones((2, 2)), np.full((2, 2), np.nan))


def test_a_chain_undoes_turns_that_add_up(rng):
    picture = rng.normal(size=(2, 15, 2))  # of two instances
    quarter, mirror = np.array([[0.0, 1.0], [-1.0, 0.0]]), np.diag([1.0, -1.0])
    steps = np.stack([picture, picture @ quarter + 3, picture @ quarter @ mirror, -picture])
    np.testing.assert_allclose(align_successive(steps), np.stack([picture] * 4), atol=1e-12)


def test_each_step_is_aligned_to_the_one_before_and_keeps_its_distances(rng):
    steps = rng.normal(size=(3, 10, 2))
    before = steps.copy()
    aligned = align_successive(steps)
    np.testing.assert_array_equal(steps, before)
    np.testing.assert_array_equal(aligned[0], steps[0])
    np.testing.assert_allclose(aligned[2], align(steps[2], align(steps[1], steps[0])), atol=1e-12)
    np.testing.assert_allclose(pdist(aligned[2]), pdist(steps[2]), atol=1e-12)
    assert not np.allclose(aligned[2], align(steps[2], steps[0]))


def test_a_chain_wants_steps_of_numbers(rng):
    with pytest.raises(InputError, match=r"embeddings: expected shape \(step"):
        align_successive(np.ones((4, 2)))
    with pytest.raises(InputError, match=r"embeddings: expected finite"):
        align_successive(np.full((2, 4, 2), np.nan))
