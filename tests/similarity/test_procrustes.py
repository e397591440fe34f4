import warnings
from itertools import combinations

import numpy as np
import pytest
from scipy.linalg import orthogonal_procrustes
from scipy.stats import ortho_group

from ensemble_rsa.errors import FewStimuliWarning, InputError
from ensemble_rsa.similarity.procrustes import procrustes_distance

pytestmark = [
    pytest.mark.filterwarnings("ignore::ensemble_rsa.arrays.ReadingWarning"),  # stacks
    pytest.mark.filterwarnings("ignore::ensemble_rsa.errors.FewStimuliWarning"),
]


def brute_force(first, second, form):
    """Rotate the first onto the second, both of unit size, and see what is left."""
    width = max(first.shape[1], second.shape[1])
    x, y = (np.pad(each, ((0, 0), (0, width - each.shape[1]))) for each in (first, second))
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    x, y = x / np.linalg.norm(x), y / np.linalg.norm(y)
    rotated = x @ orthogonal_procrustes(x, y)[0]
    return np.linalg.norm(rotated - y) if form == "euclidean" else np.arccos((rotated * y).sum())


WIDTHS = (8, 30, 19, 3)


@pytest.mark.parametrize("form", ["angular", "euclidean"])
def test_it_is_what_an_explicit_rotation_leaves(networks, form):
    group = networks(20, WIDTHS)
    expected = [[brute_force(x, y, form) for y in group[2:]] for x in group[:2]]
    result = procrustes_distance(group[:2], group[2:], form)
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-12)
    expected = [brute_force(x, y, form) for x, y in combinations(group, 2)]
    np.testing.assert_allclose(procrustes_distance(group, form=form), expected, rtol=0, atol=1e-12)


def test_by_hand():
    # Two units of equal size, uncorrelated, of which one network has only the first: the nuclear
    # norm is √(1/2).
    square = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    line = square[:, :1]
    np.testing.assert_allclose(procrustes_distance([line, square]), [np.pi / 4], rtol=1e-14)
    length = procrustes_distance([line, square], form="euclidean")
    np.testing.assert_allclose(length, [np.sqrt(2 - np.sqrt(2))], rtol=1e-14)


def test_rotations_scale_and_shift_leave_no_distance(networks):
    group = networks(20, WIDTHS)
    moved = [0.1 * (x @ ortho_group.rvs(x.shape[1], random_state=2)) - 7 for x in group]
    distances = procrustes_distance(group, moved)
    np.testing.assert_allclose(np.diagonal(distances), 0, atol=1e-6)
    upper = np.triu_indices(4, 1)
    np.testing.assert_allclose(distances[upper], procrustes_distance(group), rtol=1e-12)


def test_a_stack_is_its_layers_and_keeps_the_triangle(rng):
    stack = rng.random((2, 4, 9, 30), np.float32)
    result = procrustes_distance(stack)
    assert result.shape == (2, 6)
    assert result.dtype == np.float64
    np.testing.assert_allclose(result[1], procrustes_distance(list(stack[1])), rtol=1e-13)
    square = procrustes_distance(stack[0], stack[0])
    assert (square[:, None, :] <= square[:, :, None] + square[None, :, :] + 1e-6).all()


def test_wrong_requests_are_named(rng, networks):
    with pytest.raises(InputError, match="form: unknown 'arc'; choose from angular, euclidean"):
        procrustes_distance(networks(20, WIDTHS), form="arc")
    with pytest.raises(InputError, match="activations: expected at least 3 stimuli"):
        procrustes_distance(rng.random((2, 2, 5)))


def test_few_stimuli_for_so_many_units_are_told(rng):
    noise = rng.normal(size=(2, 40, 40))
    with pytest.warns(FewStimuliWarning, match="40 stimuli and up to 40 units is small"):
        assert procrustes_distance(noise)[0] == pytest.approx(0.71, abs=0.05)
    with warnings.catch_warnings():
        warnings.simplefilter("error", FewStimuliWarning)
        assert procrustes_distance(noise[..., :4])[0] > 1
