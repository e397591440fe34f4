"""Commands with a cluster of worker processes, and what they should have trained."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np
import psutil
import pytest

from ensemble_rsa.runs.run import load_networks, load_run

RECIPE = (
    "train --model all_cnn_7 --width 0.1 --preprocessing standardize --instances 3 --group 1 "
    "--epochs 12 --train-images 100 --test-images 50 --batch-size 10 --dropout 0.2 --save-at 0 3 "
    "--checkpoint-minutes 0.0005 --quiet"
)


# Like a local worker of two on two cores, on which alone networks are the same bit for bit.
ON_ONE_CORE = """
import os, sys
os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


def start(
    *words: str, module: str = "ensemble_rsa", one_core: bool = False, **options
) -> subprocess.Popen:
    command = [sys.executable, *(("-c", ON_ONE_CORE) if one_core else ()), "-m", module, *words]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    options = {"stderr": subprocess.PIPE, "text": True, "env": environment, **options}
    return subprocess.Popen(command, **options)


def finish(process: subprocess.Popen, status: int = 0) -> str:
    """What the process said, once it has ended with this status."""
    _, said = process.communicate(timeout=900)
    assert process.returncode == status, said
    assert "Traceback" not in said, said
    return said


def parameters(folder: Path, epoch: int | None = None) -> list:
    return jax.tree.leaves(load_networks(load_run(folder), "xla", epoch)[1])


def assert_same_networks(folder: Path, whole: Path) -> None:
    for epoch in (None, 0, 3):
        for one, other in zip(parameters(folder, epoch), parameters(whole, epoch), strict=True):
            np.testing.assert_array_equal(one, other)
    one, other = load_run(folder), load_run(whole)
    assert one.accuracy["test"].tolist() == other.accuracy["test"].tolist()


def workers_of(process: subprocess.Popen) -> list[psutil.Process]:
    """The processes of local workers: those that compute."""
    children = psutil.Process(process.pid).children(recursive=True)
    return [one for one in children if "spawn_main" in " ".join(one.cmdline())]


@pytest.fixture(scope="session")
def whole(tmp_path_factory) -> Path:
    """The run of a single process with a core."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    finish(start(*RECIPE.split(), "--out", str(folder), one_core=True))
    return folder


@pytest.fixture
def scheduler(tmp_path) -> Iterator[tuple[str, subprocess.Popen]]:
    """A scheduler of Dask that runs already: its address and its process."""
    file = tmp_path / "scheduler.txt"
    program = (
        "import asyncio, sys; from distributed import Scheduler\n"
        "async def run():\n"
        "    async with Scheduler(host='127.0.0.1', port=0, dashboard=False) as one:\n"
        "        open(sys.argv[1], 'w').write(one.address)\n"
        "        await one.finished()\n"
        "asyncio.run(run())"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(file)], stderr=subprocess.DEVNULL
    )
    while not file.exists() or not file.read_text():
        assert process.poll() is None
    yield file.read_text(), process
    process.kill()
    process.wait()
