import jax.numpy as jnp
import numpy as np
import pytest

from ensemble_rsa import numerics
from ensemble_rsa.analysis.random_categories import (
    random_assignments,
    random_category_consistency,
)
from ensemble_rsa.errors import InputError
from tests.analysis.reference import DISTANCES, related_activations

LABELS = list("dabcdabcdadd")  # 3, 2, 2 and 5 members, not in order


def by_averaging_patterns(activations, assignments, distance):
    """r² in float64, draw by draw, from the centroids themselves."""
    shared = []
    for assignment in assignments:
        members = np.eye(4)[assignment].T
        centroids = members @ activations.astype(np.float64) / members.sum(1, keepdims=True)
        rdms = [DISTANCES[distance](each) for each in centroids]
        shared.append(np.corrcoef(rdms)[np.triu_indices(len(rdms), 1)] ** 2)
    return np.array(shared)


@pytest.mark.parametrize(
    ("distance", "common", "offset"),
    [
        *((distance, 0.0, 0.0) for distance in DISTANCES),
        *((distance, 30.0, 0.0) for distance in DISTANCES),  # centroids nearly equal
        ("correlation", 0.0, 1e4),  # of each stimulus
    ],
)
def test_it_is_the_consistency_of_averaged_patterns(rng, distance, common, offset, monkeypatch):
    activations = related_activations(rng, LABELS, common=common)
    activations += (offset * rng.random((3, len(LABELS), 1))).astype(np.float32)
    monkeypatch.setattr(numerics, "_BLOCK_ENTRIES", 12 * 16)  # several blocks of units and draws
    given = jnp.asarray(activations)
    result = random_category_consistency(given, LABELS, 7, seed=9, distance=distance)
    assignments = random_assignments(LABELS, 7, seed=9)
    expected = by_averaging_patterns(activations, assignments, distance)
    np.testing.assert_allclose(result, expected, rtol=0, atol=2e-4)


@pytest.mark.parametrize("distance", ["correlation", "cosine"])
def test_a_category_of_dead_patterns_is_at_distance_one(rng, distance):
    # Five categories of one stimulus each, of which the first is dead: the centroids are the
    # stimuli.
    activations = rng.normal(size=(2, 5, 6)).astype(np.float32)
    activations[:, 0] = 0
    result = random_category_consistency(activations, list("abcde"), 3, distance=distance)
    rdms = []
    for patterns in activations.astype(np.float64):
        with np.errstate(invalid="ignore"):
            rdm = DISTANCES[distance](patterns)
        rdms.append(np.where(np.isnan(rdm), 1.0, rdm))
    # A permutation of single stimuli permutes the RDM and leaves its correlation as it was.
    np.testing.assert_allclose(result, np.corrcoef(rdms)[0, 1] ** 2, rtol=0, atol=1e-5)


def test_assignments_are_permutations_that_do_not_depend_on_how_many():
    assignments = random_assignments(LABELS, 50, seed=1)
    codes = np.searchsorted(list("abcd"), LABELS)
    np.testing.assert_array_equal(np.sort(assignments, -1), np.tile(np.sort(codes), (50, 1)))
    assert len(np.unique(assignments, axis=0)) == 50
    np.testing.assert_array_equal(random_assignments(LABELS, 3, seed=1), assignments[:3])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"activations": np.ones((1, 4, 3))}, r"activations: .*at least two instances"),
        ({"activations": np.ones((4, 3))}, r"activations: expected shape"),
        ({"activations": np.full((2, 4, 3), np.inf)}, r"activations\[0\]: expected finite"),
        ({"labels": list("abca"), "activations": np.zeros((2, 4, 3))}, r"centroid RDMs.*constant"),
        ({"labels": list("aabb")}, r"labels: expected three categories or more, got 2"),
        ({"labels": list("abc")}, r"labels: expected one label for each of 4"),
        ({"n_draws": 0}, r"n_draws: "),
        ({"distance": "manhattan"}, r"distance: unknown 'manhattan'; choose from correlation"),
    ],
)
def test_wrong_input_is_named(rng, changes, message):
    arguments = {"activations": rng.random((2, 4, 3)), "labels": list("abca")} | changes
    with pytest.raises(InputError, match=message):
        random_category_consistency(**arguments)
