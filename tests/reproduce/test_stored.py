"""What is stored depends on everything that made it; captions name the instances compared."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

from ensemble_rsa.config.settings import Config, DataConfig
from ensemble_rsa.reproduce import captions, workspace
from ensemble_rsa.reproduce.captions import setting
from ensemble_rsa.reproduce.catalogue import EXPERIMENTS
from ensemble_rsa.reproduce.experiment import Finding
from ensemble_rsa.reproduce.experiments.depth import FIG4
from ensemble_rsa.reproduce.ledger import compare
from ensemble_rsa.reproduce.record import Record, read_record, result_path, write_record
from ensemble_rsa.reproduce.scales import make_scale
from ensemble_rsa.reproduce.workspace import (
    Workspace,
    network_folder,
    networks,
    rdms,
    trained_run,
)
from ensemble_rsa.runs.run import Run
from ensemble_rsa.training.convergence import UnconvergedInstance
from ensemble_rsa.training.interrupts import TrainingInterrupted

SMOKE = make_scale("smoke")


@pytest.fixture
def work(tmp_path):
    return Workspace(tmp_path, SMOKE)


def trained(folder, config, fingerprint=""):
    return Run(folder, config, (0, 1), {}, (), (), (8, 8, 1), ("0", "1"), fingerprint)


def with_ensemble(name, **changes):
    return replace(SMOKE, ensembles={**SMOKE.ensembles, name: replace(Config(), **changes)})


def test_a_record_is_read_as_it_was_written(work):
    row = compare(Finding("fig4", "a value", 0.5, 0.4, 0.6, note="ours"), SMOKE)
    stored = Record((row,), {"fig4": {"title": "Title", "caption": "Caption."}})
    write_record(work, FIG4, stored)
    assert read_record(work, FIG4) == stored
    assert read_record(work, replace(FIG4, revision=FIG4.revision + 1)) == Record()


@pytest.mark.parametrize(
    ("scale", "matters"),
    [
        (with_ensemble("all_cnn_7", data=DataConfig("digits")), True),
        (replace(SMOKE, analysis=SMOKE.analysis.replace(stimuli=50)), True),
        (replace(SMOKE, analysis=SMOKE.analysis.replace(n_resamples=7)), True),
        (replace(SMOKE, samples=2), True),
        (with_ensemble("dropout"), False),  # none of this experiment's
        (replace(SMOKE, large_images=replace(SMOKE.large_images, stimuli=50)), False),
    ],
)
def test_a_result_depends_on_its_networks_and_its_analysis(scale, matters, tmp_path):
    before, after = (result_path(Workspace(tmp_path, one), FIG4) for one in (SMOKE, scale))
    assert (before != after) == matters


def test_an_edited_category_map_makes_another_result(tmp_path):
    own = tmp_path / "map.json"
    data = DataConfig("folder:/images", category_map=str(own))
    work = Workspace(tmp_path, with_ensemble("all_cnn_c", data=data))
    paths = set()
    for folders in ('["a"]', '["a", "b"]'):
        own.write_text(f'{{"cat": {folders}, "dog": ["c"]}}', encoding="utf-8")
        paths.add(result_path(work, FIG4))
    assert len(paths) == 2


def run_of(n_flagged=0, replaced=()):
    seeds = [SimpleNamespace(seed=seed) for seed in replaced]
    return SimpleNamespace(flagged=[None] * n_flagged, replaced=seeds, seeds=(0, 1, 2))


@pytest.fixture
def end_of_caption(monkeypatch, work):
    """The end of a caption, for networks of which some did not converge."""

    def end(experiment=FIG4, runs=None, scale=work.scale, **attrs):
        runs = runs or dict.fromkeys(experiment.ensembles, run_of())
        monkeypatch.setattr(captions, "networks", lambda work, name: runs[name])
        measured = xr.Dataset(attrs={"seeds": np.array([0, 1, 2]), **attrs})
        return setting(replace(work, scale=scale), experiment, measured)

    return end


def test_a_caption_ends_with_scale_seeds_and_sizes(end_of_caption):
    assert end_of_caption(n_stimuli=100) == (
        "Scale smoke: 3 instances (seeds compared: 0–2) of width 0.1, 5 epochs, 600 training "
        "images, standardize preprocessing, 100 stimuli."
    )
    rounded = make_scale("smoke", precision="bfloat16")
    assert "preprocessing, products in bfloat16, 9 stim" in end_of_caption(
        scale=rounded, n_stimuli=9
    )
    as_they_are = make_scale("smoke", preprocessing="none")
    assert "images, no preprocessing, 9 stim" in end_of_caption(scale=as_they_are, n_stimuli=9)
    halves = replace(FIG4, ensembles=("first_half", "second_half"))
    assert "300 training images" in end_of_caption(halves)
    (rotations,) = (one for one in EXPERIMENTS if not one.ensembles)
    assert "without networks" in end_of_caption(rotations)
    for seeds, words in (([0, 2], "All-CNN-C 0–2; All-CNN-7 0, 2"), ([0, 1, 2], "0–2")):
        found = end_of_caption(all_cnn_c_seeds=[0, 1, 2], all_cnn_7_seeds=np.array(seeds))
        assert f"(seeds compared: {words})" in found


def test_instances_that_did_not_converge_are_named(end_of_caption):
    runs = {"all_cnn_c": run_of(replaced=(4, 9)), "all_cnn_7": run_of(n_flagged=2)}
    assert end_of_caption(runs=runs).endswith(
        "Training accuracy below 0.99 (our criterion): 2 of 3 of all_cnn_7 kept; seeds 4, 9 of "
        "all_cnn_c replaced."
    )


def test_an_interrupted_training_resumes_in_the_folder_of_its_configuration(work, monkeypatch):
    asked = []

    def train(config, folder, progress, resume, cluster):
        asked.append((folder, resume))
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("config.json", "manifest.json"):
            (folder / name).touch()
        if not resume:
            raise TrainingInterrupted("interrupted in epoch 1 of 5; go on with `train --resume`")
        return trained(folder, config)

    monkeypatch.setattr(workspace, "train", train)
    message = "^all_cnn_c: interrupted in epoch 1 of 5; the same command resumes it$"
    with pytest.raises(TrainingInterrupted, match=message):
        networks(work, "all_cnn_c")
    networks(work, "all_cnn_c")
    folder = network_folder(work, work.scale.ensembles["all_cnn_c"])
    assert asked == [(folder, False), (folder, True)]
    assert folder != network_folder(work, work.scale.ensembles["all_cnn_7"])


def test_networks_that_are_there_are_not_trained_again_when_more_are_asked_for(work, monkeypatch):
    config = work.scale.ensembles["all_cnn_c"]
    runs = {}
    for n, changes in ((2, {}), (1, {}), (2, {"epochs": 4}), (4, {})):
        other = replace(config, training=replace(config.training, instances=n, **changes))
        folder = network_folder(work, other)
        folder.mkdir(parents=True)
        (folder / "training.json").touch()
        runs[folder] = replace(trained(folder, other), seeds=tuple(range(n)))
    asked, anew = [], trained(work.root, config)
    monkeypatch.setattr(workspace, "load_run", runs.__getitem__)
    monkeypatch.setattr(workspace, "train", None)  # would fail if it were called
    monkeypatch.setattr(workspace, "extend_run", lambda *given: asked.append(given) or anew)
    killed = network_folder(work, config)  # before it had begun
    killed.mkdir()
    (killed / "config.json").touch()
    networks(work, "all_cnn_c")
    assert not killed.exists()
    ((extended, instances, folder, *_),) = asked
    two = replace(config, training=replace(config.training, instances=2))
    assert extended.path == network_folder(work, two)
    assert (instances, folder) == (3, network_folder(work, config))
    # instances that took the place of others would not be in the training of all together
    gone = UnconvergedInstance(0, 0, "training accuracy 0.8")
    runs |= {path: replace(run, replaced=(gone,)) for path, run in runs.items()}
    monkeypatch.setattr(workspace, "train", lambda *given: anew)
    assert networks(work, "all_cnn_c") is anew
    assert len(asked) == 1


def test_a_trained_ensemble_is_loaded_with_the_present_place_of_its_images(work, monkeypatch):
    config = work.scale.ensembles["all_cnn_c"]
    stored = replace(config, data=replace(config.data, data_dir="/before"))
    folder = network_folder(work, config)
    folder.mkdir(parents=True)
    (folder / "training.json").touch()
    monkeypatch.setattr(workspace, "load_run", lambda path: trained(path, stored))
    monkeypatch.setattr(workspace, "train", None)  # would fail if it were called
    assert networks(work, "all_cnn_c").config == config


def test_networks_that_all_converged_serve_both_rules_for_those_that_do_not(work, monkeypatch):
    control = work.scale.ensembles["control"]
    replacing = replace(control, training=replace(control.training, unconverged="replace"))
    scale = replace(work.scale, ensembles={"control": control, "all_cnn_c": replacing})
    work = replace(work, scale=scale)
    folder = network_folder(work, replacing)
    folder.mkdir(parents=True)
    (folder / "training.json").touch()
    run = trained(folder, replacing)
    monkeypatch.setattr(workspace, "load_run", lambda path: run)
    assert trained_run(work, control) is run
    one = UnconvergedInstance(0, 4, "training accuracy 0.8")
    for instances in ({"replaced": (one,)}, {"flagged": (one,)}):
        run = replace(run, **instances)
        assert trained_run(work, control) is None
        assert trained_run(work, replacing) is run


def test_rdms_are_computed_once_for_everything_that_they_depend_on(work, monkeypatch):
    calls = []

    def extract(run, settings, layers, cluster):
        calls.append((settings, layers))
        return xr.Dataset({"exemplar": ("pair", [float(len(calls))])})

    def networks(work, name):
        return trained(work.root, work.scale.ensembles[name], fingerprint=name)

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
