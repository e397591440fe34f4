"""Real processes: killed at any moment, and spread over devices."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest

from ensemble_rsa.runs.run import load_networks, load_run

pytestmark = pytest.mark.slow
RECIPE = (
    "train --model all_cnn_7 --width 0.1 --preprocessing standardize --instances 3 --epochs 12 "
    "--train-images 100 --test-images 50 --batch-size 10 --dropout 0.2 --save-at 0 3 --quiet"
)
# SIGKILL falls on a moment of its own in every run of this test, which is the point of it.
MOMENTS = random.Random()


def start(folder, *more: str) -> subprocess.Popen:
    words = [sys.executable, "-m", "ensemble_rsa", *RECIPE.split(), "--out", str(folder), *more]
    return subprocess.Popen(words, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen) -> None:
    _, said = process.communicate(timeout=300)
    assert process.returncode == 0, said


def parameters(folder, epoch=None):
    return jax.tree.leaves(load_networks(load_run(folder), "xla", epoch)[1])


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole") / "run"
    finish(start(folder))
    return folder


def test_training_survives_sigkill_at_any_moment(whole, tmp_path):
    folder, often = tmp_path / "run", ("--checkpoint-minutes", "0.0005")
    process = start(folder, *often)
    kills = 0
    while kills < 3:
        states = folder / "checkpoints" / "part-000" / "states"
        while process.poll() is None and not list(states.glob("[0-9]*")):
            time.sleep(0.05)
        time.sleep(MOMENTS.uniform(0, 1))
        if process.poll() is not None:  # it ended before; `finish` asks how
            break
        process.kill()
        process.communicate()
        kills += 1
        process = start(folder, *often, "--resume")
        time.sleep(MOMENTS.uniform(0, 6))  # sometimes before it has begun, sometimes after
    finish(process)
    assert kills
    for epoch in (None, 0, 3):
        for one, other in zip(parameters(folder, epoch), parameters(whole, epoch), strict=True):
            np.testing.assert_array_equal(one, other)


def test_ctrl_c_stores_the_state_and_says_how_to_go_on(whole, tmp_path):
    folder = tmp_path / "run"
    process = start(folder, "--checkpoint-minutes", "0.0005")
    while not list(folder.glob("checkpoints/part-000/states/[0-9]*")):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=100)
    assert process.returncode == 130
    assert f"go on with `ensemble-rsa train --resume --out {folder}`" in said
    words = [sys.executable, "-m", "ensemble_rsa", "train", "--resume", "--out", str(folder)]
    assert subprocess.run(words, timeout=300).returncode == 0
    for one, other in zip(parameters(folder), parameters(whole), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(("instances", "devices"), [(3, 2), (2, 4)], ids=["padded", "batch split"])
def test_several_devices_train_the_same_networks(instances, devices, whole, tmp_path):
    program = (
        "import jax, sys; jax.config.update('jax_num_cpu_devices', int(sys.argv[1]));"
        "from ensemble_rsa.cli.main import main; sys.exit(main(sys.argv[2:]))"
    )
    recipe = RECIPE.replace("--instances 3", f"--instances {instances}")
    words = [*recipe.split(), "--out", str(tmp_path / "run")]
    answer = subprocess.run([sys.executable, "-c", program, str(devices), *words], timeout=300)
    assert answer.returncode == 0
    # after many steps, what began as rounding has grown
    for one, other in zip(parameters(tmp_path / "run", 3), parameters(whole, 3), strict=True):
        np.testing.assert_allclose(one, other[:instances], rtol=1e-4, atol=1e-6)


def test_a_module_of_a_user_survives_sigkill_and_is_the_same_on_several_devices(tmp_path):
    file = Path(__file__).parents[1] / "models" / "own_nets.py"
    words = [*RECIPE.replace("--width 0.1 ", "").replace("--dropout 0.2 ", "").split()]
    words[words.index("all_cnn_7")] = f"{file}:Net"

    def begin(folder, *more):
        command = [sys.executable, "-m", "ensemble_rsa", *words, "--out", str(folder), *more]
        return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)

    finish(begin(tmp_path / "whole"))
    often = ("--checkpoint-minutes", "0.0005")
    process = begin(tmp_path / "run", *often)
    while not list((tmp_path / "run").glob("checkpoints/part-000/states/[0-9]*")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    process.kill()
    process.communicate()
    finish(begin(tmp_path / "run", *often, "--resume"))
    for one, other in zip(
        parameters(tmp_path / "run"), parameters(tmp_path / "whole"), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    program = (
        "import jax, sys; jax.config.update('jax_num_cpu_devices', 2);"
        "from ensemble_rsa.cli.main import main; sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", program, *words, "--out", str(tmp_path / "spread")]
    assert subprocess.run(command, timeout=300).returncode == 0
    for one, other in zip(
        parameters(tmp_path / "spread", 3), parameters(tmp_path / "whole", 3), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)
