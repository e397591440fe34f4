"""`train` with `resume`: the folder of the finished run, and what is refused."""

import dataclasses
import json
import os
import shutil
import signal

import jax
import numpy as np
import pytest

from ensemble_rsa.config.serialize import config_hash
from ensemble_rsa.config.settings import DataConfig, ExecutionConfig
from ensemble_rsa.errors import InputError, RunError
from ensemble_rsa.pipeline import train as pipeline
from ensemble_rsa.runs.old_devices import OldDevicesWarning
from ensemble_rsa.runs.run import kept_epochs, load_networks, run_folder
from ensemble_rsa.training.interrupts import TrainingInterrupted


@pytest.fixture(scope="module")
def config(dropout_run):
    return dropout_run.config


pytestmark = pytest.mark.usefixtures("quick_training")


@pytest.fixture(scope="module")
def interrupted(config, tmp_path_factory):
    """The folder of a run that was interrupted in its second epoch."""

    def stop(status):
        if status.step == 7:
            os.kill(os.getpid(), signal.SIGINT)

    folder = tmp_path_factory.mktemp("interrupted") / "run"
    with pytest.raises(TrainingInterrupted, match="go on with `ensemble-rsa train --resume --out"):
        pipeline.train(config, folder, stop)
    return folder


@pytest.fixture
def begun(interrupted, tmp_path):
    return shutil.copytree(interrupted, tmp_path / "run")


def parameters_of(run, epoch=None):
    return jax.tree.leaves(load_networks(run, "xla", epoch)[1])


def test_a_resumed_run_has_the_networks_and_files_of_an_uninterrupted_one(
    config, begun, dropout_run
):
    resumed = pipeline.train(config, begun, resume=True)
    for epoch in (None, 0, 1):
        leaves = parameters_of(resumed, epoch), parameters_of(dropout_run, epoch)
        for one, other in zip(*leaves, strict=True):
            np.testing.assert_array_equal(one, other)
    kept = ["epoch-00000", "epoch-00001", "epoch-00002", "final"]
    assert sorted(path.name for path in (begun / "checkpoints").iterdir()) == kept
    assert json.loads((begun / "manifest.json").read_text())["seconds"]["train"] > 0
    assert not list(begun.glob(".*"))  # the lock is gone


@pytest.mark.parametrize("name", ["convolution", "at_once", "group"])
def test_another_way_of_computing_is_refused(name, config, begun, monkeypatch):
    way = json.loads((begun / "manifest.json").read_text())["execution"]
    others = {
        "convolution": "patches" if way["convolution"] == "xla" else "xla",
        "at_once": 2 if way["at_once"] == 1 else 1,
        "group": 2,  # of three instances
    }
    files = {file: file.stat().st_mtime_ns for file in begun.glob("*.json")}
    other = dataclasses.replace(config, execution=ExecutionConfig(**{name: others[name]}))
    expected = rf"^{name}: expected \w+, with which .* was begun, got {others[name]}; leave it out"
    monkeypatch.setattr(pipeline, "train_in", lambda *args: pytest.fail("it was trained"))
    with pytest.raises(InputError, match=expected):
        pipeline.train(other, begun, resume=True)
    assert {file: file.stat().st_mtime_ns for file in begun.glob("*.json")} == files


def test_the_same_way_of_computing_may_be_asked_for(config, begun, dropout_run, monkeypatch):
    way = json.loads((begun / "manifest.json").read_text())["execution"]
    at_once = "all" if way["at_once"] is None else way["at_once"]
    same = ExecutionConfig(way["convolution"], at_once, group=9)  # makes one group, as there is
    monkeypatch.setattr(pipeline, "train_in", lambda *args: dropout_run)
    pipeline.train(dataclasses.replace(config, execution=same), begun, resume=True)
    assert run_folder.read_config(begun) == config
    pipeline.train(config, begun, resume=True)


def test_where_images_are_now_is_stored(config, begun, dropout_run, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pipeline, "train_in", lambda *args: dropout_run)
    moved = dataclasses.replace(config, data=dataclasses.replace(config.data, data_dir="elsewhere"))
    for folder, resume in ((begun, True), (tmp_path / "new", False)):
        pipeline.train(moved, folder, resume=resume)
        stored = run_folder.read_config(folder)
        assert stored.data.data_dir == str(tmp_path.resolve() / "elsewhere")
        assert config_hash(stored) == config_hash(config)


@pytest.mark.parametrize(("devices", "warned"), [(2, True), (1, False), (None, False)])
def test_fewer_devices_than_at_the_start_are_told(
    devices, warned, config, begun, dropout_run, monkeypatch, caplog
):
    file = begun / "manifest.json"
    manifest = json.loads(file.read_text())
    manifest["execution"]["devices"] = devices
    file.write_text(json.dumps(manifest))
    monkeypatch.setattr("jax.local_device_count", lambda: 1)
    monkeypatch.setattr(pipeline, "train_in", lambda *args: dropout_run)
    pipeline.train(config, begun, resume=True)
    told = "begun on up to 2 devices of JAX side by side, and goes on with 1: what is still"
    assert (told in caplog.text) == warned


def test_another_number_of_devices_that_is_asked_for_is_told(
    config, begun, dropout_run, monkeypatch, caplog
):
    monkeypatch.setattr("jax.local_device_count", lambda: 4)
    monkeypatch.setattr(pipeline, "train_in", lambda *args: dropout_run)
    file = begun / "manifest.json"
    manifest = json.loads(file.read_text())
    manifest["execution"]["devices"] = 2
    file.write_text(json.dumps(manifest))
    two, three = (dataclasses.replace(config, execution=ExecutionConfig(devices=n)) for n in (2, 3))
    pipeline.train(two, begun, resume=True)
    assert "devices of JAX" not in caplog.text
    pipeline.train(three, begun, resume=True)
    assert "begun on up to 2 devices of JAX side by side, and goes on with 3: wh" in caplog.text
    assert "use_cores" not in caplog.text


def test_a_run_of_the_faulty_devices_is_told(config, begun, dropout_run, monkeypatch):
    file = begun / "manifest.json"
    manifest = json.loads(file.read_text())
    del manifest["execution"]["loops_on_one_thread"]
    manifest["execution"]["devices"] = 2
    file.write_text(json.dumps(manifest))
    monkeypatch.setattr(pipeline, "train_in", lambda *args: dropout_run)
    with pytest.warns(OldDevicesWarning, match="accuracies can be up to 0.03 too low"):
        pipeline.train(config, begun, resume=True)


def test_a_run_killed_before_its_first_step_begins_anew(config, tmp_path, monkeypatch):
    def new_run(config, out, progress, workers):
        raise RunError(f"begun anew, {out.exists()=}")

    run_folder.create_run_folder(config, tmp_path / "run")
    monkeypatch.setattr(pipeline, "_new_run", new_run)
    with pytest.raises(RunError, match=r"begun anew, out.exists\(\)=False"):
        pipeline.train(config, tmp_path / "run", resume=True)


def test_an_unfinished_file_of_an_epoch_is_not_an_epoch(dropout_run):
    partial = dropout_run.path / "checkpoints" / "epoch-00001.orbax-checkpoint-tmp"
    partial.mkdir()
    assert kept_epochs(dropout_run) == (0, 1, 2)
    partial.rmdir()


def test_a_finished_run_is_left_as_it_is(config, dropout_run):
    before = (dropout_run.path / "manifest.json").read_bytes()
    assert pipeline.train(config, dropout_run.path, resume=True).seeds == dropout_run.seeds
    assert (dropout_run.path / "manifest.json").read_bytes() == before


@pytest.mark.parametrize("stage", ["trained", "without a checkpoint", "measuring"])
def test_a_folder_in_which_another_process_trains_is_left_as_it_is(stage, config, begun):
    if stage != "trained":
        shutil.rmtree(begun / "checkpoints")
    if stage == "measuring":
        (begun / "manifest.json").unlink()
    with run_folder.lock_run_folder(begun):
        before = {file: file.stat().st_mtime_ns for file in begun.rglob("*")}
        with pytest.raises(RunError, match=r"^out: another process trains in .*run; wait"):
            pipeline.train(config, begun, resume=True)
        assert {file: file.stat().st_mtime_ns for file in begun.rglob("*")} == before


def test_the_folder_is_locked_before_the_way_of_computing_is_measured(
    config, tmp_path, monkeypatch
):
    def measure(*args):
        with pytest.raises(RunError, match="another process trains"):
            pipeline.train(config, tmp_path / "run", resume=True)
        assert (tmp_path / "run" / "config.json").is_file()
        raise RunError("measured")

    monkeypatch.setattr(pipeline, "choose_execution", measure)
    with pytest.raises(RunError, match="^measured$"):
        pipeline.train(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_another_configuration_is_refused_with_the_differences(config, interrupted):
    training = dataclasses.replace(config.training, dropout=0.5)
    other = dataclasses.replace(config, training=training, data=DataConfig("digits"))
    with pytest.raises(InputError, match=r"is gcn_zca, .*; dropout is 0.5, was \[0.0, 0.5"):
        pipeline.train(other, interrupted, resume=True)


def test_other_images_are_refused(config, interrupted, small_digits, monkeypatch):
    images = small_digits.train_images.copy()
    images[0, 0, 0, 0] ^= 1
    changed = dataclasses.replace(small_digits, train_images=images)
    monkeypatch.setattr(pipeline, "load_dataset", lambda *args: changed)
    with pytest.raises(InputError, match="digits has changed since .* was begun"):
        pipeline.train(config, interrupted, resume=True)


def test_a_folder_is_needed_and_only_a_run_can_be_resumed(config, tmp_path):
    with pytest.raises(InputError, match="resume: which run"):
        pipeline.train(config, resume=True)
    with pytest.raises(InputError, match="is not a run folder"):
        pipeline.train(config, tmp_path, resume=True)


def test_a_full_disk_is_reported_before_training(config, tmp_path, monkeypatch):
    usage = type("usage", (), {"free": 1000})
    monkeypatch.setattr("shutil.disk_usage", lambda folder: usage)
    with pytest.raises(RunError, match="0.0 GB free, and this training stores up to"):
        pipeline.train(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()
