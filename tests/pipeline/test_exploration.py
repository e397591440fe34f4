from types import SimpleNamespace
from unittest.mock import Mock

import numpy as np
import pytest
import xarray as xr
from scipy.spatial.distance import squareform

from ensemble_rsa.config.analysis import AnalysisConfig
from ensemble_rsa.extraction.sources import source_from_arrays
from ensemble_rsa.interop.networks.source import from_networks
from ensemble_rsa.interop.rsatoolbox import save_rdms
from ensemble_rsa.pipeline import exploration as module
from ensemble_rsa.pipeline.exploration import keep_earlier, keep_thumbnails, stored_exploration
from ensemble_rsa.pipeline.extract import dataset_of, extract, source_of
from ensemble_rsa.pipeline.import_run import import_run
from ensemble_rsa.report.explorer import make_explorer
from ensemble_rsa.report.explorer_thumbnails import read_thumbnails
from ensemble_rsa.runs.run import Run
from tests.report.unpacking import unpacked

SETTINGS = AnalysisConfig.of(stimuli=20)


@pytest.fixture(scope="module")
def rdms(dropout_run, tiny_model):  # `tiny_model` makes its networks known
    return extract(dropout_run, settings=SETTINGS)


@pytest.mark.slow  # trains networks, unless others have
def test_thumbnails_of_a_run_are_its_test_images(dropout_run, rdms, tmp_path):
    images = source_of(dropout_run, SETTINGS).images
    stimuli = rdms.stimulus.values
    keep_thumbnails(tmp_path, tmp_path, stimuli, images)
    dataset = dataset_of(dropout_run)
    for one, found in zip(
        stimuli, read_thumbnails(tmp_path / "thumbnails.png", stimuli), strict=True
    ):
        expected = dataset.test_images[dataset.test_ids.index(one)]
        np.testing.assert_array_equal(found, np.repeat(expected, 3, axis=-1))


def test_thumbnails_of_a_run_serve_another_folder(tmp_path):
    run, out = tmp_path / "run", tmp_path / "out"
    run.mkdir()
    out.mkdir()
    images = np.arange(3 * 16, dtype=np.uint8).reshape(3, 4, 4)
    keep_thumbnails(run, run, list("abc"), lambda: images)
    keep_thumbnails(out, run, list("ca"), None)
    found = read_thumbnails(out / "thumbnails.png", list("ca"))
    np.testing.assert_array_equal(found[..., 0], images[[2, 0]])
    keep_thumbnails(out, run, list("cx"), None)
    assert read_thumbnails(out / "thumbnails.png", list("cx")) is None


@pytest.mark.slow  # trains networks, unless others have
def test_rdms_of_earlier_epochs_are_kept_and_shown_before_the_last(dropout_run, rdms, tmp_path):
    save_rdms(tmp_path / "rdms.h5", rdms.assign_attrs({"distance": "correlation"}))
    keep_earlier(tmp_path, dropout_run, rdms, SETTINGS)
    explored = stored_exploration(tmp_path)
    assert explored is not None
    assert explored.earlier is not None
    assert explored.earlier.epoch.values.tolist() == [0, 1]
    then = extract(dropout_run, settings=AnalysisConfig.of(stimuli=20, epoch=1))
    np.testing.assert_allclose(explored.earlier.exemplar[1], then.exemplar, atol=1e-6)
    explorer = make_explorer(explored, rdms.drop_vars("exemplar"))
    assert explorer is not None
    data = explorer.data
    assert data["epochs"] == ["after epoch 0", "after epoch 1", "at the end"]
    states = np.concatenate([*explored.earlier.exemplar.values, rdms.exemplar.values])
    near = unpacked(data["neighbours"], (*states.shape[:2], 20, 5))
    for index in np.ndindex(*states.shape[:2]):
        square = squareform(states[index])
        np.testing.assert_array_equal(near[index], np.argsort(square, 1)[:, 1:6])
    keep_earlier(tmp_path, dropout_run, rdms, AnalysisConfig.of(stimuli=20, epoch=1))
    assert stored_exploration(tmp_path).earlier is None


def test_an_epoch_at_which_no_network_can_be_compared_is_left_out(tmp_path, monkeypatch):
    layer = np.random.default_rng(1).normal(size=(3, 8, 5))
    at_start = source_from_arrays({"fc": np.zeros_like(layer)}, list("aabbccdd"), False)
    later = source_from_arrays({"fc": layer}, list("aabbccdd"), False)
    monkeypatch.setattr(module, "kept_epochs", lambda run: [0, 3])
    monkeypatch.setattr(module, "sources_of_epochs", lambda *given: iter([at_start, later]))
    run = Mock(spec=Run)
    run.config = SimpleNamespace(training=SimpleNamespace(epochs=9))
    end = extract(later)
    keep_earlier(tmp_path, run, end, AnalysisConfig.of())
    kept = xr.load_dataset(tmp_path / "epochs.nc")
    assert kept.epoch.values.tolist() == [3]
    np.testing.assert_array_equal(kept.exemplar[0], end.exemplar)


@pytest.mark.parametrize("axis", [1, 3])
def test_normalised_images_of_networks_are_stretched(tmp_path, axis):
    rng = np.random.default_rng(0)
    images = rng.normal(size=(6, 5, 5, 3))
    networks = [lambda batch, k=k: {"all": batch.reshape(len(batch), -1) ** k} for k in (1, 3)]
    given = np.moveaxis(images, 3, axis)
    path = import_run(from_networks(networks, given), tmp_path / "run")
    low, high = (getattr(images, end)((1, 2, 3), keepdims=True) for end in ("min", "max"))
    found = read_thumbnails(path / "thumbnails.png", [str(i) for i in range(6)])
    np.testing.assert_array_equal(found, np.rint(255 * (images - low) / (high - low)))


def test_numbers_that_are_no_pictures_have_no_thumbnails(tmp_path):
    networks = [lambda batch, k=k: {"all": batch**k} for k in (1, 3)]
    vectors = np.random.default_rng(0).normal(size=(6, 9))
    path = import_run(from_networks(networks, vectors), tmp_path / "run")
    assert not (path / "thumbnails.png").exists()
    assert isinstance(stored_exploration(path).rdms, xr.Dataset)
