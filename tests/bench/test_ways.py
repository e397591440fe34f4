"""Other tools do the same job: their results agree with ours, or with float64 by another route."""

import shutil
import sys

import numpy as np
import pytest

from ensemble_rsa.analysis.categories import category_clustering_index
from ensemble_rsa.analysis.consistency import within_category_consistency
from ensemble_rsa.bench import rdms, statistics
from ensemble_rsa.bench.bootstraps import BOOTSTRAPS
from ensemble_rsa.bench.case import NOT_INSTALLED, OURS, Way
from ensemble_rsa.bench.inputs import (
    labels_of,
    numpy_consistency,
    related_activations,
    related_rdms,
)
from ensemble_rsa.bench.layers import LAYERS
from ensemble_rsa.bench.rdms import RDMS, STORED_RDM
from ensemble_rsa.bench.statistics import CLUSTERING, CONSISTENCY, GROUPS, MDS, RANDOM_CATEGORIES
from ensemble_rsa.errors import RunError

SIZE = (30, 40)  # stimuli, units
UPPER = np.triu_indices(10, 1)


def results(job, but=""):
    return {
        tool: way.call() for tool, way in job.ways.items() if isinstance(way, Way) and tool != but
    }


@pytest.mark.parametrize("distance", RDMS)
def test_distances_of_other_tools_are_those_of_float64(distance):
    job = RDMS[distance].prepare(*SIZE)
    tools = {tool: way for tool, way in job.ways.items() if tool != OURS}
    assert set(tools) >= {"NumPy", "SciPy"}
    for tool, way in tools.items():
        assert job.error(way.call()) < 1e-5, tool


def test_the_error_of_a_wrong_distance_is_seen_among_many_stimuli():
    job = RDMS["correlation"].prepare(130, 20)
    result = np.array(job.ways["SciPy"].call())
    assert job.error(result) < 1e-6
    result[130] += 0.1  # stimuli 1 and 3
    assert 0.04 < job.error(result) < 0.1


@pytest.mark.parametrize("routine", [CONSISTENCY, CLUSTERING], ids=lambda routine: routine.name)
def test_statistics_of_rdms_agree(routine):
    job = routine.prepare(*SIZE)
    for tool, result in results(job).items():
        assert job.error(result) < 1e-3, tool


@pytest.mark.parametrize("measure", LAYERS)
def test_measures_of_layers_agree(measure):
    job = LAYERS[measure].prepare(60, 6)
    for tool, result in results(job).items():
        assert job.error(result) < 2e-3, tool


def test_embeddings_are_about_as_good(monkeypatch):
    monkeypatch.setattr(statistics, "N_STARTS", 1)
    monkeypatch.setattr(statistics, "N_ITERATIONS", 50)
    job = MDS.prepare(*SIZE)
    stresses = {tool: job.error(result) for tool, result in results(job).items()}
    assert 0.1 < stresses[OURS] < 1.05 * stresses["scikit-learn"]


def test_random_categories_are_the_same_ones():
    found = results(RANDOM_CATEGORIES.prepare(*SIZE))
    few = np.array(found["SciPy"])
    np.testing.assert_allclose(found[OURS][: len(few)], few, atol=1e-4)


def test_groups_of_the_same_kind_do_not_differ():
    found = results(GROUPS.prepare(*SIZE))
    assert found[OURS].within_minus_between.p == pytest.approx(found["NumPy"], abs=0.1)


@pytest.mark.parametrize("over", ["pairs", "instances"])
def test_intervals_agree(over):
    found = results(BOOTSTRAPS[f"consistency over {over}"].prepare(*SIZE))
    expected = (found[OURS].low, found[OURS].high)
    np.testing.assert_allclose(found["NumPy"], expected, atol=0.01)


@pytest.mark.parametrize("kind", ["consistency over stimuli", "consistency over both"])
def test_resampled_consistency_scatters_about_the_whole(kind):
    whole = numpy_consistency(related_rdms(60)).mean()
    found = results(BOOTSTRAPS[kind].prepare(60, 0), but=OURS)
    assert set(found) == {"NumPy", "rsatoolbox"}
    for tool, resamples in found.items():
        correlations = np.asarray(resamples)
        squares = correlations[correlations < 1 - 1e-6] ** 2  # not those with itself
        assert squares.mean() == pytest.approx(whole, abs=0.1), tool


def test_resamples_within_and_between_categories_scatter_about_the_whole():
    rdms, labels = related_rdms(60), labels_of(60)
    (clustering,) = results(BOOTSTRAPS["clustering"].prepare(60, 40), but=OURS).values()
    whole = category_clustering_index(rdms, labels)
    np.testing.assert_allclose(clustering, [whole] * 3, atol=0.05)
    (within,) = results(BOOTSTRAPS["within"].prepare(60, 40), but=OURS).values()
    whole = within_category_consistency(rdms, labels).mean()
    assert np.mean([each[UPPER] ** 2 for each in within]) == pytest.approx(whole, abs=0.1)
    (of_centroids,) = results(BOOTSTRAPS["centroids"].prepare(60, 40), but=OURS).values()
    assert 0.4 < np.mean([each[UPPER] ** 2 for each in of_centroids]) < 0.9


def test_a_file_is_read_alike_and_gone_in_the_end(tmp_path, monkeypatch):
    monkeypatch.setattr(rdms.tempfile, "tempdir", str(tmp_path))
    job = STORED_RDM.prepare(*SIZE)
    assert list(tmp_path.iterdir())
    found = results(job)
    assert found[OURS].shape == (10, 435)
    np.testing.assert_allclose(found["NumPy"], found[OURS][0], atol=1e-5)
    job.close()
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_told_before_the_file_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(rdms.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(rdms.shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(1, 1, 0))
    with pytest.raises(RunError, match=r"needs 0.3 GB of temporary disk, 0.0 are free"):
        STORED_RDM.prepare(*SIZE)
    assert not list(tmp_path.iterdir())


def test_tools_that_are_not_installed_are_no_ways(monkeypatch):
    for module in ("rsatoolbox.data.dataset", "rsatoolbox.rdm.compare", "sklearn.metrics"):
        monkeypatch.setitem(sys.modules, module, None)
    jobs = [RDMS["euclidean"].prepare(*SIZE), CONSISTENCY.prepare(*SIZE)]
    assert [job.ways["rsatoolbox"] for job in jobs] == [NOT_INSTALLED] * 2
    assert jobs[0].ways["scikit-learn"] == NOT_INSTALLED
    assert results(jobs[1]).keys() == {OURS, "NumPy", "SciPy"}


def test_inputs_are_the_same_every_time_and_hold_categories():
    first, second = related_activations(2, 40, 30), related_activations(2, 40, 30)
    np.testing.assert_array_equal(first, second)
    correlations = np.corrcoef(first[0])
    same = labels_of(40)[:, None] == labels_of(40)
    assert correlations[same & ~np.eye(40, dtype=bool)].mean() > correlations[~same].mean()
    assert np.corrcoef(first[0].ravel(), first[1].ravel())[0, 1] > 0.5
