"""Networks are trained once; stimuli that cannot be had are told before they are."""

from dataclasses import replace

import pytest
import xarray as xr

from ensemble_rsa.errors import InputError
from ensemble_rsa.reproduce import workspace
from ensemble_rsa.reproduce.scales import make_scale
from ensemble_rsa.reproduce.workspace import Workspace, network_folder, networks, rdms
from ensemble_rsa.runs.run import Run
from ensemble_rsa.training.interrupts import TrainingInterrupted


@pytest.fixture
def work(tmp_path):
    return Workspace(tmp_path, make_scale("smoke"))


def test_too_many_stimuli_are_told_before_training(work, monkeypatch):
    monkeypatch.setattr(workspace, "train", None)  # would fail if it were called
    settings = work.scale.analysis.replace(stimuli=5000)
    greedy = replace(work, scale=replace(work.scale, analysis=settings))
    with pytest.raises(InputError, match="stimuli: expected at most"):
        networks(greedy, "all_cnn_c")


def test_an_interrupted_training_goes_on_in_the_folder_of_its_configuration(work, monkeypatch):
    asked = []

    def train(config, folder, report, resume):
        asked.append((folder, resume))
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.json").touch()
        return Run(folder, config, (0, 1), {}, (), (), (8, 8, 1), ("0", "1"), "")

    monkeypatch.setattr(workspace, "train", train)
    for _ in range(2):
        networks(work, "all_cnn_c")
    folder = network_folder(work, "all_cnn_c")
    assert asked == [(folder, False), (folder, True)]
    assert folder != network_folder(work, "all_cnn_7")


def test_a_trained_ensemble_is_loaded_with_its_images_where_they_lie_now(work, monkeypatch):
    config = work.scale.ensembles["all_cnn_c"]
    stored = replace(config, data=replace(config.data, data_dir="/before"))
    folder = network_folder(work, "all_cnn_c")
    folder.mkdir(parents=True)
    (folder / "training.json").touch()
    run = Run(folder, stored, (0, 1), {}, (), (), (8, 8, 1), ("0", "1"), "")
    monkeypatch.setattr(workspace, "load_run", lambda path: run)
    monkeypatch.setattr(workspace, "train", None)  # would fail if it were called
    assert networks(work, "all_cnn_c").config == config


@pytest.fixture
def extracted(work, monkeypatch):
    """How often RDMs were extracted, from networks that are there."""
    calls = []

    def extract(run, settings, layers):
        calls.append((settings, layers))
        return xr.Dataset({"exemplar": ("pair", [float(len(calls))])})

    monkeypatch.setattr(workspace, "extract", extract)
    monkeypatch.setattr(
        workspace,
        "networks",
        lambda work, name: Run(
            work.root, work.scale.ensembles[name], (0, 1), {}, (), (), (8, 8, 1), ("0", "1"), name
        ),
    )
    return calls


def test_rdms_are_made_once_for_everything_that_they_hang_on(work, extracted):
    for _ in range(2):
        assert float(rdms(work, "all_cnn_c").exemplar[0]) == 1.0
    changes = (
        {"distance": "cosine"}, {"layers": ["conv1"]}, {"epoch": 1}, {"dropout_sample": 0},
        {"cocktail_blank": True}, {"stimuli": 50},
    )  # fmt: skip
    for number, change in enumerate(changes, start=2):
        assert float(rdms(work, "all_cnn_c", **change).exemplar[0]) == number
    assert float(rdms(work, "all_cnn_7").exemplar[0]) == 8.0
    assert len(extracted) == 8


def test_rdms_do_not_hang_on_what_is_done_with_them(work, extracted):
    rdms(work, "all_cnn_c")
    rdms(work, "all_cnn_c", n_resamples=7)
    rdms(work, "all_cnn_c", confidence=0.9)
    assert len(extracted) == 1


def test_an_interrupted_training_says_that_the_same_command_goes_on(work, monkeypatch):
    def train(config, folder, report, resume):
        raise TrainingInterrupted("interrupted in epoch 1 of 5; go on with `train --resume`")

    monkeypatch.setattr(workspace, "train", train)
    with pytest.raises(
        TrainingInterrupted,
        match="^all_cnn_c: interrupted in epoch 1 of 5; the same command goes on from there$",
    ):
        networks(work, "all_cnn_c")
