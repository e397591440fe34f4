"""Networks are trained once and RDMs computed once."""

from dataclasses import replace

import pytest
import xarray as xr

from ensemble_rsa.reproduce import workspace
from ensemble_rsa.reproduce.scales import make_scale
from ensemble_rsa.reproduce.workspace import Workspace, network_folder, networks, rdms
from ensemble_rsa.runs.run import Run
from ensemble_rsa.training.interrupts import TrainingInterrupted


@pytest.fixture
def work(tmp_path):
    return Workspace(tmp_path, make_scale("smoke"))


def run_of(folder, config, fingerprint=""):
    return Run(folder, config, (0, 1), {}, (), (), (8, 8, 1), ("0", "1"), fingerprint)


def test_an_interrupted_training_resumes_in_the_folder_of_its_configuration(work, monkeypatch):
    asked = []

    def train(config, folder, progress, resume):
        asked.append((folder, resume))
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.json").touch()
        if not resume:
            raise TrainingInterrupted("interrupted in epoch 1 of 5; go on with `train --resume`")
        return run_of(folder, config)

    monkeypatch.setattr(workspace, "train", train)
    message = "^all_cnn_c: interrupted in epoch 1 of 5; the same command resumes it$"
    with pytest.raises(TrainingInterrupted, match=message):
        networks(work, "all_cnn_c")
    networks(work, "all_cnn_c")
    folder = network_folder(work, work.scale.ensembles["all_cnn_c"])
    assert asked == [(folder, False), (folder, True)]
    assert folder != network_folder(work, work.scale.ensembles["all_cnn_7"])


def test_a_trained_ensemble_is_loaded_with_the_present_place_of_its_images(work, monkeypatch):
    config = work.scale.ensembles["all_cnn_c"]
    stored = replace(config, data=replace(config.data, data_dir="/before"))
    folder = network_folder(work, work.scale.ensembles["all_cnn_c"])
    folder.mkdir(parents=True)
    (folder / "training.json").touch()
    monkeypatch.setattr(workspace, "load_run", lambda path: run_of(path, stored))
    monkeypatch.setattr(workspace, "train", None)  # would fail if it were called
    assert networks(work, "all_cnn_c").config == config


def test_rdms_are_computed_once_for_everything_that_they_depend_on(work, monkeypatch):
    calls = []

    def extract(run, settings, layers):
        calls.append((settings, layers))
        return xr.Dataset({"exemplar": ("pair", [float(len(calls))])})

    def networks(work, name):
        return run_of(work.root, work.scale.ensembles[name], fingerprint=name)

    monkeypatch.setattr(workspace, "extract", extract)
    monkeypatch.setattr(workspace, "networks", networks)
    for unrelated in ({}, {}, {"n_resamples": 7}, {"confidence": 0.9}):
        assert float(rdms(work, "all_cnn_c", **unrelated).exemplar[0]) == 1.0
    changes = (
        {"distance": "cosine"}, {"layers": ["conv1"]}, {"epoch": 1}, {"dropout_sample": 0},
        {"cocktail_blank": True}, {"stimuli": 50},
    )  # fmt: skip
    for number, change in enumerate(changes, start=2):
        assert float(rdms(work, "all_cnn_c", **change).exemplar[0]) == number
    assert float(rdms(work, "all_cnn_7").exemplar[0]) == len(calls) == 8
