"""Real workers that die, schedulers that are gone, data that are not there; real networks."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.cluster.conftest import (
    RECIPE,
    assert_same_networks,
    finish,
    start,
    workers_of,
)

pytest.importorskip("distributed")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cores cannot be chosen"),
]


def train(folder: Path, cluster: str, *more: str) -> subprocess.Popen:
    return start(*RECIPE.split(), "--out", str(folder), "--cluster", cluster, *more)


def dask_worker(address: str, *more: str) -> subprocess.Popen:
    words = ("worker", address, "--nthreads", "1", *more)
    return start(*words, module="dask", one_core=True, cwd="/", stderr=subprocess.DEVNULL)


def wait_for_state(process: subprocess.Popen, folder: Path, n_groups: int = 1) -> None:
    while len({one.parents[1] for one in folder.glob("checkpoints/*/states/[0-9]*")}) < n_groups:
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)


def test_another_worker_goes_on_when_one_is_killed(whole, tmp_path):
    folder = tmp_path / "run"
    process = train(folder, "local:2")
    wait_for_state(process, folder, 2)  # both workers train
    workers_of(process)[0].kill()
    said = finish(process)
    assert "died" in said
    assert "goes on elsewhere" in said
    assert_same_networks(folder, whole)


def test_ctrl_c_stores_states_and_the_same_command_goes_on(whole, tmp_path):
    folder = tmp_path / "run"
    words = [*RECIPE.split(), "--out", str(folder), "--cluster", "local:2"]
    process = start(*words, start_new_session=True)
    wait_for_state(process, folder)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does, to local workers too
    said = finish(process, status=130)
    assert "jobs done; go on with `ensemble-rsa train --resume" in said
    assert f"--out {folder} --cluster local:2`" in said
    finish(train(folder, "local:2", "--resume"))
    assert_same_networks(folder, whole)


def test_a_scheduler_that_is_gone_ends_training_with_a_sentence(whole, tmp_path, scheduler):
    address, process = scheduler
    worker = dask_worker(address)
    folder = tmp_path / "run"
    training = train(folder, address)
    wait_for_state(training, folder)
    process.kill()
    said = finish(training, status=1)
    assert "does not answer any more" in said
    assert f"--resume --out {folder} --cluster {address}`" in said
    worker.terminate()
    worker.wait(timeout=100)
    finish(train(folder, "local:2", "--resume"))
    assert_same_networks(folder, whole)


def test_the_work_of_a_command_that_was_killed_goes_on_by_the_same_one(whole, tmp_path, scheduler):
    address, _ = scheduler
    worker = dask_worker(address)
    folder = tmp_path / "run"
    training = train(folder, address)
    wait_for_state(training, folder)
    training.kill()  # its worker stores the state and stops
    training.communicate()
    finish(train(folder, address, "--resume"))
    assert_same_networks(folder, whole)
    worker.terminate()
    worker.wait(timeout=100)


# A worker on whose machine the images are not where the command has them.
BLIND = """
import dataclasses
from ensemble_rsa.pipeline import training_on_workers as training

if not hasattr(training, "real"):  # this file is run twice
    training.real = training.load_dataset
    gone = lambda data: dataclasses.replace(data, dataset="folder:/not/mounted")
    training.load_dataset = lambda data, feed: training.real(gone(data), feed)
"""


def test_a_worker_without_the_data_is_named_and_left_out(whole, tmp_path, scheduler):
    address, _ = scheduler
    (tmp_path / "blind.py").write_text(BLIND)
    blind = dask_worker(address, "--preload", str(tmp_path / "blind.py"), "--name", "blind")
    folder = tmp_path / "run"
    said = finish(train(folder, address), status=2)
    assert f"no worker of {address} can take part (worker tcp://127.0.0.1:" in said
    assert "/not/mounted" in said
    assert not folder.exists()
    seeing = dask_worker(address)
    time.sleep(3)  # so that both are there
    said = finish(train(folder, address))
    assert "is left out" in said
    assert "/not/mounted" in said
    assert_same_networks(folder, whole)
    for worker in (blind, seeing):
        worker.terminate()
        worker.wait(timeout=100)


def test_a_worker_of_another_version_is_named(tmp_path, scheduler):
    address, _ = scheduler
    (tmp_path / "older.py").write_text(
        "from ensemble_rsa.cluster import facts\nfacts._version = lambda name: '0.0.1'\n"
    )
    older = dask_worker(address, "--preload", str(tmp_path / "older.py"))
    said = finish(train(tmp_path / "run", address), status=1)
    assert "it has ensemble_rsa 0.0.1, and this process" in said
    assert not (tmp_path / "run").exists()
    older.terminate()
    older.wait(timeout=100)
