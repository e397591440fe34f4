"""Files of a run folder: whole or not there."""

import json
import os
import signal
import subprocess
import sys

import pytest

from ensemble_rsa.config.serialize import config_hash
from ensemble_rsa.config.settings import Config, TrainingConfig
from ensemble_rsa.errors import InputError
from ensemble_rsa.files import atomic_path, read_json, write_json
from ensemble_rsa.runs.run_folder import VERSIONED, create_run_folder, make_manifest, read_config


def test_a_file_appears_when_its_block_ends(tmp_path):
    target = tmp_path / "deep" / "a.txt"
    with atomic_path(target) as temporary:
        temporary.write_text("whole")
        assert temporary.parent == target.parent  # a rename is only atomic on one file system
        assert not target.exists()
    assert target.read_text() == "whole"
    assert list(target.parent.iterdir()) == [target]


def test_a_block_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")

    def fail():
        with atomic_path(target) as temporary:
            temporary.write_text("half")
            raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="disk full"):
        fail()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_killed_process_leaves_no_file_under_the_final_name(tmp_path):
    program = """
import os, signal, sys
from pathlib import Path
from ensemble_rsa.files import atomic_path

with atomic_path(Path(sys.argv[1])) as temporary:
    temporary.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    target = tmp_path / "a.txt"
    ended = subprocess.run([sys.executable, "-c", program, target], capture_output=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    assert not target.exists()
    (left,) = tmp_path.iterdir()
    assert left.read_text() == "half"  # it did get as far as writing
    assert left.name.startswith(".")


def test_json_comes_back(tmp_path):
    values = {"a": [1, 2.5, None, True], "ü": {"b": "–"}}
    write_json(tmp_path / "a.json", values)
    assert read_json(tmp_path / "a.json") == values


def test_values_that_are_no_json_leave_no_file(tmp_path):
    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", {"a": object()})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b'{"a": ', b"\xff\xfe\x00"], ids=["half", "no text"])
def test_a_damaged_json_file_is_named(content, tmp_path):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.json: expected JSON, but"):
        read_json(tmp_path / "a.json")


def test_a_missing_json_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"a\.json: no such file"):
        read_json(tmp_path / "a.json")


def test_a_new_run_folder_holds_its_configuration(tmp_path):
    config = Config(training=TrainingConfig(epochs=2, drop_after=(0.5, 0.75)))
    folder = create_run_folder(config, tmp_path / "a" / "run")
    assert read_config(folder) == config
    assert [path.name for path in folder.iterdir()] == ["config.json"]


def test_a_run_without_a_name_goes_below_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = create_run_folder(Config(), None)
    assert folder.parts[0] == "runs"
    assert folder.name.startswith("digits-all_cnn_c-2")
    assert (tmp_path / folder / "config.json").is_file()


def test_an_empty_folder_may_become_a_run(tmp_path):
    assert create_run_folder(Config(), tmp_path) == tmp_path


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


@pytest.mark.parametrize(
    ("make", "message"),
    [(False, "no such folder"), (True, r"it holds no config\.json")],
)
def test_a_folder_that_is_no_run_is_named(make, message, tmp_path):
    if make:
        (tmp_path / "run").mkdir()
    with pytest.raises(InputError, match=message):
        read_config(tmp_path / "run")


def test_the_manifest_says_what_made_a_run(tmp_path):
    config = Config(training=TrainingConfig(epochs=2))
    manifest = make_manifest(config, {"train": 1.23456})
    assert set(manifest) == {
        "versions", "git_commit", "device", "config_hash", "seconds", "created",
    }  # fmt: skip
    assert set(manifest["versions"]) == set(VERSIONED)
    assert all(manifest["versions"].values())
    assert manifest["config_hash"] == config_hash(config)
    assert manifest["seconds"] == {"train": 1.23}
    assert json.loads(json.dumps(manifest)) == manifest
    assert os.cpu_count() is None or manifest["device"]
