"""Files are whole or absent, and damage is named."""

import signal
import subprocess
import sys

import pytest

from ensemble_rsa.errors import InputError
from ensemble_rsa.files import atomic_path, read_json, write_json


def test_a_file_appears_when_its_block_ends(tmp_path):
    target = tmp_path / "deep" / "a.txt"
    with atomic_path(target) as temporary:
        temporary.write_text("whole")
        # a rename is only atomic on one file system
        assert temporary.parent.parent == target.parent
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
    assert (left / "a.txt").read_text() == "half"  # it did get as far as writing
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
