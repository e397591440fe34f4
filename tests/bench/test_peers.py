"""Other tools compute the same: their results agree with ours, or with float64 by another route."""

import numpy as np
import pytest

from ensemble_rsa.analysis.categories import category_clustering_index
from ensemble_rsa.bench.analysis import ROUTINES
from ensemble_rsa.bench.case import OURS
from ensemble_rsa.bench.inputs import labels_of, related_activations, related_rdms
from ensemble_rsa.bench.peers import numpy_consistency

# sizes are small, as only agreement is tested
pytestmark = pytest.mark.filterwarnings("ignore::ensemble_rsa.errors.FewStimuliWarning")
BY_NAME = {routine.name: routine for routine in ROUTINES}
EXACT = {
    name: 1e-3 if name in ("consistency", "category clustering index") else 1e-5
    for name, routine in BY_NAME.items()
    if routine.error is not None and not name.startswith("MDS")
}


def prepared(name, stimuli=30, units=40):
    has_units = "units" in BY_NAME[name].sizes["quick"][0]
    size = {"stimuli": stimuli} | ({"units": units} if has_units else {})
    return BY_NAME[name].case(size).prepare()


def results(name, *size, ours=True):
    ways, _ = prepared(name, *size)
    return {tool: way.call() for tool, way in ways.items() if ours or tool != OURS}


@pytest.mark.parametrize("name", EXACT)
def test_all_tools_agree_with_float64(name):
    ways, error = prepared(name)
    assert len(ways) >= 2
    for tool, way in ways.items():
        assert error(way.call()) < EXACT[name], tool


def test_the_error_of_a_wrong_distance_is_found():
    ways, error = prepared("RDM, correlation", 130, 20)
    result = np.array(ways["SciPy"].call())
    assert error(result) < 1e-6
    result[100] += 0.1  # stimuli 0 and 101
    assert 0.04 < error(result) < 0.1


def test_embeddings_have_similar_stress():
    ways, stress = prepared("MDS, 4 starts of 300 iterations")
    assert 0.1 < stress(ways[OURS].call()) < 1.05 * stress(ways["scikit-learn"].call())


def test_groups_of_the_same_kind_do_not_differ():
    found = results("two groups of 10, 1000 permutations")
    assert found[OURS].within_minus_between.p == pytest.approx(found["SciPy"], abs=0.1)


def test_intervals_of_pairs_agree():
    found = results("bootstrap of consistency over pairs")
    np.testing.assert_allclose(found["SciPy"], (found[OURS].low, found[OURS].high), atol=0.01)


@pytest.mark.parametrize("over", ["instances", "stimuli", "both"])
def test_resampled_consistency_varies_about_that_of_all_stimuli(over):
    expected = numpy_consistency(related_rdms(10, 60)).mean()
    found = results(f"bootstrap of consistency over {over}", 60, ours=False)
    correlations = np.asarray(found["rsatoolbox"])
    squares = correlations[correlations < 1 - 1e-6] ** 2  # not those of an instance with itself
    assert squares.mean() == pytest.approx(expected, abs=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("comparison", ["pearson", "rho_a"])
def test_resampled_similarity_with_people_varies_about_that_of_all_stimuli(comparison):
    rdms = related_rdms(105, 30).astype(np.float64)
    if comparison == "rho_a":
        rdms = rdms.argsort(1).argsort(1)
    expected = np.corrcoef(rdms)[:90, 90:].mean()
    found = results(f"evaluate by {comparison}, 90 networks, 15 people, 1000 resamples", 30)
    assert found[OURS].mean.mean() == pytest.approx(expected, abs=1e-3)
    assert found["rsatoolbox"].shape[:2] == (3, 90)
    assert found["rsatoolbox"].mean() == pytest.approx(expected, abs=0.1)


def test_resampled_clustering_and_centroids_vary_about_those_of_all_stimuli():
    expected = category_clustering_index(related_rdms(10, 60), labels_of(60))
    found = results("bootstrap of clustering index over stimuli", 60, ours=False)
    np.testing.assert_allclose(found["NumPy"], [expected] * 3, atol=0.05)
    found = results("bootstrap of centroid consistency over stimuli", 60, ours=False)
    assert 0.4 < np.mean(found["SciPy"]) < 0.9


def test_inputs_are_the_same_every_time_and_hold_categories():
    first, second = related_activations(2, 40, 30), related_activations(2, 40, 30)
    np.testing.assert_array_equal(first, second)
    correlations = np.corrcoef(first[0])
    same = labels_of(40)[:, None] == labels_of(40)
    assert correlations[same & ~np.eye(40, dtype=bool)].mean() > correlations[~same].mean()
    assert np.corrcoef(first[0].ravel(), first[1].ravel())[0, 1] > 0.5
