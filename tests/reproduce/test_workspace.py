"""Networks are trained once; stimuli that cannot be had are told before they are."""

from dataclasses import replace

import pytest

from ensemble_rsa.errors import InputError
from ensemble_rsa.reproduce import workspace
from ensemble_rsa.reproduce.scales import make_scale
from ensemble_rsa.reproduce.workspace import Workspace, network_folder, networks
from ensemble_rsa.runs import Run


@pytest.fixture
def work(tmp_path):
    return Workspace(tmp_path, make_scale("smoke"))


def test_too_many_stimuli_are_told_before_training(work, monkeypatch):
    monkeypatch.setattr(workspace, "train", None)  # would fail if it were called
    settings = replace(work.scale.analysis, stimuli=5000)
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
