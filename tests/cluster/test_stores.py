"""RDMs in a store, written and summed by workers, are those of one process bit for bit."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from tests.cluster.conftest import finish, start, workers_of

pytest.importorskip("distributed")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cores cannot be chosen"),
]
# 1,999,000 pairs: two chunks of each RDM, and two blocks of all.
N_STIMULI, N_INSTANCES, LAYERS = 2000, 4, ("a", "b", "c")


@pytest.fixture(scope="module")
def words(tmp_path_factory) -> list[str]:
    """The command that imports files of activations into a store, but for its folder."""
    folder, rng = tmp_path_factory.mktemp("activations"), np.random.default_rng(0)
    names = [f"image{i}" for i in range(N_STIMULI)]
    for seed in range(N_INSTANCES):
        layers = {name: rng.normal(size=(N_STIMULI, 50)).astype("f4") for name in LAYERS}
        layers["b"][:, :40] = 1.0 if seed == 2 else layers["b"][:, :40]  # dead units
        np.savez(folder / f"seed{seed}.npz", **layers)
    labels = folder / "labels.csv"
    rows = [f"{name},{'xyz'[i % 3]}" for i, name in enumerate(names)]
    labels.write_text("\n".join(["stimulus,category", *rows]))
    (folder / "ids.txt").write_text("\n".join(names))
    given = ["--labels", str(labels), "--stimuli", str(folder / "ids.txt"), "--store", "True"]
    return ["import", str(folder / "seed{instance}.npz"), *given, "--quiet", "--out"]


@pytest.fixture(scope="module")
def whole(words, tmp_path_factory) -> Path:
    """The run of a single process, analysed."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    finish(start(*words, str(folder), one_core=True))
    analyse(folder)
    return folder


def analyse(folder: Path, *more: str) -> None:
    finish(start("analyze", str(folder), "--n-resamples", "20", "--quiet", *more, one_core=True))


def assert_same(folder: Path, whole: Path) -> None:
    stores = [one / "rdms.zarr" for one in (folder, whole)]
    names = [sorted(p.relative_to(one) for p in one.rglob("c/*/*/*")) for one in stores]
    assert len(names[0]) == N_INSTANCES * len(LAYERS) * 3  # two chunks, and centroids
    assert names[0] == names[1]
    for name in names[0]:
        same = (stores[0] / name).read_bytes() == (stores[1] / name).read_bytes()
        assert same, name  # compared before, so that a failure does not print the bytes
    one, other = (json.loads((s / "exemplar" / "written.json").read_text()) for s in stores)
    assert one == other
    assert not list(stores[0].rglob(".token*"))


def assert_same_sums(folder: Path, whole: Path) -> None:
    found = [
        sorted((one / "rdms.zarr" / "exemplar" / "found").iterdir()) for one in (folder, whole)
    ]
    assert [path.name for path in found[0]] == [path.name for path in found[1]]
    for one, other in zip(*found, strict=True):
        with np.load(one) as ours, np.load(other) as theirs:
            for name in ours:
                np.testing.assert_array_equal(ours[name], theirs[name])


def wait_for_rdms(process: subprocess.Popen, folder: Path, least: int) -> None:
    record = folder / "rdms.zarr" / "exemplar" / "written.json"
    while not record.is_file() or len(json.loads(record.read_text())["rdms"]) < least:
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)


def test_an_import_by_workers_is_that_of_one_process(words, whole, tmp_path):
    folder = tmp_path / "run"
    finish(start(*words, str(folder), "--cluster", "local:2"))
    assert_same(folder, whole)
    assert_same_sums(folder, whole)
    assert "80% of units are dead" in (folder / "manifest.json").read_text()
    analyse(folder)
    results = [xr.load_dataset(one / "results.nc") for one in (folder, whole)]
    xr.testing.assert_identical(*results)


def test_another_worker_goes_on_when_one_is_killed(words, whole, tmp_path):
    folder = tmp_path / "run"
    process = start(*words, str(folder), "--cluster", "local:2")
    wait_for_rdms(process, folder, 1)
    workers_of(process)[0].kill()
    assert "goes on elsewhere" in finish(process)
    assert_same(folder, whole)


def test_ctrl_c_keeps_what_is_complete_and_the_same_command_goes_on(words, whole, tmp_path):
    folder = tmp_path / "run"
    process = start(*words, str(folder), "--cluster", "local:2", start_new_session=True)
    wait_for_rdms(process, folder, 1)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does, to local workers too
    said = finish(process, status=130)
    assert "what is complete is kept" in said
    finish(start(*words, str(folder), one_core=True))  # by one process, which rounds as workers do
    assert_same(folder, whole)
