"""Twenty SIGKILLs at random moments of the commands: nothing is half-written, nothing is lost."""

import json
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import h5py
import jax
import numpy as np
import pytest
import xarray as xr
from PIL import Image

from ensemble_rsa.runs.run import load_networks, load_run
from tests.conftest import changed_copy

pytestmark = pytest.mark.slow
TRAIN = (
    "train --model all_cnn_7 --width 0.1 --preprocessing standardize --instances 3 --epochs 8 "
    "--train-images 100 --test-images 60 --batch-size 10 --dropout 0.2 --save-at 0 3 "
    "--checkpoint-minutes 0.005 --quiet --out {folder}/run"
)
COMMANDS = {
    "train": TRAIN,
    "analyze": "analyze {folder}/run --n-resamples 50 --quiet",
    "compare": "compare {folder}/run {folder}/other --out {folder}/comparison",
    "reproduce": "reproduce s5 --scale smoke --quiet --out {folder}/reproduction",
}
OUTPUTS = {
    "train": "run",
    "analyze": "run/results.nc",
    "compare": "comparison",
    "reproduce": "reproduction",
}
KILLS = {"train": 8, "analyze": 5, "compare": 3, "reproduce": 4}
SEED = 20261125  # of the moments, each a share of the time that the command takes undisturbed


def start(command: str, folder: Path) -> subprocess.Popen:
    words = COMMANDS[command].format(folder=folder).split()
    if command == "train" and (folder / "run" / "config.json").is_file():
        words.append("--resume")
    if command == "compare" and not (folder / "other").exists():
        changed_copy(folder / "run", folder / "other")
    return subprocess.Popen(
        [sys.executable, "-m", "ensemble_rsa", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(command: str, folder: Path) -> float:
    began = time.monotonic()
    process = start(command, folder)
    _, said = process.communicate(timeout=600)
    assert process.returncode == 0, said
    return time.monotonic() - began


def visible(folder: Path):
    """Files under final names: neither they nor a folder above them are hidden."""
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if path.is_file() and not any(part.startswith(".") for part in parts):
            yield path


def reproducible_names(folder: Path) -> set[Path]:
    """Visible files, without the data files of parameters, whose names Orbax draws at random."""
    names = (path.relative_to(folder) for path in visible(folder))
    return {name for name in names if name.parent.name != "d"}


def read(path: Path):
    """Read a file whole, in the way of its kind; what it holds, without times and places."""
    elsewhere = ("seconds", "created", "analysis", "other")
    if path.suffix == ".json":
        values = json.loads(path.read_text())
        if isinstance(values, dict):
            return {k: v for k, v in values.items() if k not in elsewhere}
        return values
    if path.suffix == ".nc":
        with xr.open_dataset(path, engine="h5netcdf") as stored:
            attrs = {k: v for k, v in stored.attrs.items() if k not in elsewhere}
            return stored.load().drop_attrs(deep=False).assign_attrs(attrs)
    if path.suffix == ".h5":
        with h5py.File(path) as file:
            return file["dissimilarities"][()]
    if path.suffix == ".png":
        with Image.open(path) as image:
            return np.asarray(image)
    if path.suffix == ".html":
        assert path.read_text().rstrip().endswith("</html>")
    if path.suffix == ".pdf":
        assert path.read_bytes().rstrip().endswith(b"%%EOF")
    return None


def check_same(one, other, name):
    if isinstance(one, xr.Dataset):
        xr.testing.assert_identical(one, other)
    elif isinstance(one, np.ndarray):
        np.testing.assert_array_equal(one, other, err_msg=str(name))
    else:
        assert one == other, name


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    return folder, {command: finish(command, folder) for command in COMMANDS}


def kill(command: str, folder: Path, seconds: float, moments: random.Random) -> int:
    """Kill a command as often as `KILLS` says, then let it end; how often it was killed."""
    output, killed, attempts = folder / OUTPUTS[command], 0, 0
    while killed < KILLS[command] and attempts < 3 * KILLS[command]:
        attempts += 1
        is_fresh, began = not output.exists(), time.monotonic()
        process = start(command, folder)
        try:  # later than the imports
            _, said = process.communicate(timeout=moments.uniform(0.25, 1) * seconds)
            assert process.returncode == 0, said
            if is_fresh:  # programs are cached by now
                seconds = time.monotonic() - began
            if command != "analyze":  # which computes all again
                shutil.rmtree(output)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            killed += 1
        for path in visible(folder):
            read(path)
    finish(command, folder)
    return killed


def test_twenty_kills_leave_nothing_half_written_and_change_no_result(undisturbed, tmp_path):
    expected, seconds = undisturbed
    moments = random.Random(SEED)
    assert sum(kill(command, tmp_path, seconds[command], moments) for command in KILLS) == 20
    names = reproducible_names(expected)
    assert reproducible_names(tmp_path) == names
    for name in names:
        if name.name not in ("manifest.json", "config.json"):
            check_same(read(tmp_path / name), read(expected / name), name)
    for epoch in (None, 0, 3):
        leaves = [
            jax.tree.leaves(load_networks(load_run(folder / "run"), "xla", epoch)[1])
            for folder in (tmp_path, expected)
        ]
        for one, other in zip(*leaves, strict=True):
            np.testing.assert_array_equal(one, other)
    left = [path for path in tmp_path.rglob(".*") if path.is_dir()]
    assert left == []
