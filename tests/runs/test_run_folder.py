"""A run folder: its configuration, manifest, and what is never written over."""

import json
import os

import pytest

from ensemble_rsa.config.serialize import config_hash
from ensemble_rsa.config.settings import Config, TrainingConfig
from ensemble_rsa.errors import InputError
from ensemble_rsa.files import WriteError
from ensemble_rsa.runs.run_folder import (
    LOCK,
    VERSIONED,
    create_run_folder,
    lock_run_folder,
    make_manifest,
    read_config,
)


def test_a_new_run_folder_holds_its_configuration(tmp_path):
    config = Config(training=TrainingConfig(epochs=2, drop_after=(0.5, 0.75)))
    folder = create_run_folder(config, tmp_path)  # empty folders may become runs
    assert read_config(folder) == config
    assert [path.name for path in folder.iterdir()] == ["config.json"]


def test_the_file_of_a_lock_stays_and_is_no_content(tmp_path):
    """A process that waits for this file must not lock it once it has been removed."""
    with lock_run_folder(tmp_path):
        (file,) = tmp_path.iterdir()
    assert list(tmp_path.iterdir()) == [file]
    assert create_run_folder(Config(), tmp_path) == tmp_path


def test_a_folder_that_cannot_be_locked_is_named(tmp_path):
    (tmp_path / LOCK).mkdir()  # no one can write to it as to a file
    with (
        pytest.raises(WriteError, match="training.lock: cannot be written"),
        lock_run_folder(tmp_path),
    ):
        pass


def test_a_run_without_a_name_goes_below_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = create_run_folder(Config(), None)
    assert folder.parts[0] == "runs"
    assert folder.name.startswith("digits-all_cnn_c-2")
    assert (tmp_path / folder / "config.json").is_file()


@pytest.mark.parametrize("kind", ["folder", "file", "below a file"])
def test_what_is_in_use_is_never_written_over(kind, tmp_path):
    out = tmp_path / "run"
    if kind == "folder":
        out.mkdir()
        (out / "mine.txt").write_text("keep")
    else:
        out.write_text("keep")
        out = out / "deeper" if kind == "below a file" else out
    with pytest.raises(InputError, match="^out: .*give another --out"):
        create_run_folder(Config(), out)
    kept = [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    assert kept == ["keep"]


def test_the_manifest_says_what_made_a_run(tmp_path):
    config = Config(training=TrainingConfig(epochs=2))
    manifest = make_manifest(config, {"train": 1.23456})
    assert set(manifest) == {
        "versions", "git_commit", "device", "random_numbers", "config_hash", "seconds", "created",
    }  # fmt: skip
    assert set(manifest["versions"]) == set(VERSIONED)
    assert all(manifest["versions"].values())
    assert manifest["config_hash"] == config_hash(config)
    assert manifest["seconds"] == {"train": 1.23}
    assert json.loads(json.dumps(manifest)) == manifest
    assert os.cpu_count() is None or manifest["device"]
