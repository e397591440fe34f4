"""Files of a run that are truncated, emptied, of another kind, locked or unreadable: a sentence."""

import errno
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from ensemble_rsa import files
from ensemble_rsa.cli.main import main
from ensemble_rsa.errors import InputError, RunError
from ensemble_rsa.models.checkpoints import save_parameters
from ensemble_rsa.reproduce.cache import load_or_make


@pytest.fixture(scope="module")
def runs(analysed, tmp_path_factory):
    """Two analysed runs, whose files are damaged and restored."""
    folder = tmp_path_factory.mktemp("runs")
    return tuple(shutil.copytree(analysed.path, folder / name) for name in ("run", "other"))


# The file, the command that reads it, and what the line says to do.
READ = {
    "config.json": ("analyze {run}", "restore it from a copy, or train again"),
    "training.json": ("analyze {run}", "restore it from a copy, or train again"),
    "manifest.json": ("analyze {run}", "restore it from a copy, or train again"),
    "results.nc": ("report {run}", "run `ensemble-rsa analyze` again"),
    "history.nc": ("report {run}", "restore it from a copy, or train again"),
    "summary.json": ("report {run}", "run `ensemble-rsa analyze` again"),
    "analysis.json": ("report {run}", "run `ensemble-rsa analyze` again"),
    "rdms.h5": ("compare {run} {other}", "expected RDMs in HDF5"),
}
DAMAGE = {
    "truncated": lambda content: content[: len(content) // 2],
    "empty": lambda content: b"",
    "of another kind": lambda content: b"\x89PNG\r\n\x1a\n" + bytes(300),
}


@pytest.fixture
def damaged(runs):
    """Write other content to a file of the run, and restore it afterwards."""
    restored = {}

    def damage(name, change):
        path = runs[0] / name
        restored[path] = path.read_bytes()
        path.write_bytes(change(restored[path]))
        return path

    yield damage
    for path, content in restored.items():
        path.write_bytes(content)


@pytest.mark.parametrize("how", DAMAGE)
@pytest.mark.parametrize("name", READ)
def test_a_damaged_file_is_named_with_what_to_do(name, how, runs, damaged, capsys):
    words, remedy = READ[name]
    path = damaged(name, DAMAGE[how])
    status = main(words.format(run=runs[0], other=runs[1]).split())
    out, err = capsys.readouterr()
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert str(path) in err
    assert remedy in err


@pytest.mark.parametrize("content", [b"[]", b"3", b'{"data": 3}', b'{"colour": {}}'])
@pytest.mark.parametrize("name", ["config.json", "training.json", "manifest.json"])
def test_json_of_another_program_is_named(name, content, runs, damaged, capsys):
    path = damaged(name, lambda before: content)
    assert main(["analyze", str(runs[0])]) == 2
    _, err = capsys.readouterr()
    assert err.startswith(f"ensemble-rsa: {path}: not what `train` writes")
    assert err.count("\n") == 1


def test_a_truncated_network_is_named(analysed, tmp_path, capsys):
    run = shutil.copytree(analysed.path, tmp_path / "run")
    largest = max((run / "checkpoints").rglob("d/*"), key=lambda path: path.stat().st_size)
    largest.write_bytes(largest.read_bytes()[:100])
    assert main(["analyze", str(run)]) == 1
    _, err = capsys.readouterr()
    assert f"{run / 'checkpoints' / 'final'}: the checkpoint cannot be read" in err
    assert err.count("\n") == 1


def test_a_file_that_another_program_writes_is_named(tmp_path):
    path = tmp_path / "results.nc"
    files.write_dataset(path, xr.Dataset({"a": ("x", np.zeros(3))}))
    program = "import h5py, sys; file = h5py.File(sys.argv[1], 'a'); print(flush=True); input()"
    words = [sys.executable, "-c", program, str(path)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(InputError, match=r"results\.nc: another program has it open"):
            files.read_dataset(path, "")
        other.communicate(b"\n")
    assert files.read_dataset(path, "").sizes["x"] == 3


def test_a_damaged_file_of_a_reproduction_is_named(tmp_path):
    path = tmp_path / "rdms.nc"
    path.write_bytes(b"half")
    with pytest.raises(InputError, match=r"rdms\.nc: damaged.*; remove it, and the same command"):
        load_or_make(path, lambda: pytest.fail("a damaged file is not replaced in silence"))


FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("name", ["results.nc", "a.json"])
def test_a_full_disk_is_one_sentence_and_leaves_nothing(name, tmp_path, monkeypatch):
    def full(*given):
        raise FULL

    (tmp_path / name).write_bytes(b"before")
    monkeypatch.setattr(Path, "write_bytes", full)
    write = files.write_json if name == "a.json" else files.write_dataset
    with pytest.raises(RunError, match=r"^/.*: cannot be written \(No space left on device\)$"):
        write(tmp_path / name, {} if name == "a.json" else xr.Dataset({"a": 1}))
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_bytes() == b"before"


def test_networks_that_exceed_the_limit_of_a_file_are_one_sentence(tmp_path, capfd):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(RunError, match=r"^/.*/final: cannot be written \(File too large\)$"):
            save_parameters(tmp_path / "final", {"kernel": np.ones((100, 1000), np.float32)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")


def test_networks_without_room_are_refused_where_space_cannot_be_reserved(tmp_path, monkeypatch):
    monkeypatch.delattr("os.posix_fallocate", raising=False)
    free = shutil.disk_usage(tmp_path)._replace(free=10_000)
    monkeypatch.setattr("shutil.disk_usage", lambda path: free)
    with pytest.raises(RunError, match=r"/final: cannot be written \(No space left on device\)$"):
        save_parameters(tmp_path / "final", {"kernel": np.ones(5, np.float32)})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "command", ["train --epochs 0 --out {there}", "analyze {run} --out {there}"]
)
def test_a_folder_that_cannot_be_written_is_refused_before_the_work(
    command, runs, tmp_path, monkeypatch, capsys
):
    # the tests may run as root, who can write everywhere
    monkeypatch.setattr("os.access", lambda path, mode: False)
    there = tmp_path / "new" / "run"
    assert main(command.format(there=there, run=runs[0]).split()) == 2
    _, err = capsys.readouterr()
    assert err == f"ensemble-rsa: out: cannot write to {tmp_path}; give another --out\n"
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_removed_by_the_next_writer(tmp_path):
    ended = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True
    )
    left = tmp_path / f".{files._HOST}-{int(ended.stdout)}.a.json"
    foreign = tmp_path / f".elsewhere-{int(ended.stdout)}.a.json"
    for folder in (left, foreign):
        folder.mkdir()
        (folder / "a.json").write_text("{")
    files.write_json(tmp_path / "a.json", {})
    assert {path.name for path in tmp_path.iterdir()} == {"a.json", foreign.name}
