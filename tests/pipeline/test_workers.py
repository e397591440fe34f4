"""What workers check and leave behind, without a cluster."""

import json
import os
import shutil
import subprocess
import sys

import jax.numpy as jnp
import numpy as np
import pytest

from ensemble_rsa.config.analysis import AnalysisConfig
from ensemble_rsa.config.settings import (
    Config,
    DataConfig,
    ExecutionConfig,
    ModelConfig,
    TrainingConfig,
)  # fmt: skip
from ensemble_rsa.errors import RunError
from ensemble_rsa.interop.activation_files.source import from_files
from ensemble_rsa.models.ensemble import init_ensemble, member
from ensemble_rsa.pipeline import training_on_workers
from ensemble_rsa.pipeline.extract import source_of
from ensemble_rsa.pipeline.source_on_workers import _LAST, check_source, source_on_worker, task_of
from ensemble_rsa.pipeline.training_on_workers import TrainingTask
from ensemble_rsa.pipeline.worker_folder import SharedFolder, carried, check_shared, shared_folder
from ensemble_rsa.runs.run import load_run


def test_tokens_of_a_killed_process_are_removed(tmp_path):
    (tmp_path / ".token-of-a-killed-process").touch()
    with shared_folder(tmp_path) as shared:
        check_shared(shared)
        assert list(tmp_path.iterdir()) == [shared.file]
    assert not list(tmp_path.iterdir())


def test_copies_of_a_users_files_end_with_the_process(tmp_path):
    program = (
        "from ensemble_rsa.pipeline.worker_folder import Carried\n"
        "name = Carried('nets.py:Net', '/not/there/nets.py', 'Net = 1').here()\n"
        "print(open(name.removesuffix(':Net')).read())"
    )
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    words = [sys.executable, "-c", program]
    assert subprocess.run(words, env=environment, capture_output=True).stdout == b"Net = 1\n"
    assert not list(tmp_path.iterdir())


def test_a_worker_with_files_of_another_size_is_left_out(tmp_path):
    for seed in range(2):
        np.savez(tmp_path / f"seed{seed}.npz", fc=np.eye(6))
    task = task_of(from_files(tmp_path / "seed{instance}.npz"))
    check_source(task, print, bool)
    np.savez_compressed(tmp_path / "seed1.npz", fc=np.eye(6))
    _LAST.clear()  # as in the process of another worker
    with pytest.raises(RunError, match="files of other sizes"):
        check_source(task, print, bool)
    _LAST.clear()


def first_layer(source):
    """Activations of the first layer of the second instance."""
    return np.asarray(next(iter(source.activations(1)))[1])


def test_a_running_worker_opens_a_run_that_was_trained_again(dropout_run, tiny_model, tmp_path):
    run, settings = tmp_path / "run", AnalysisConfig.of(stimuli=10)
    shutil.copytree(dropout_run.path, run)
    before = task_of(source_of(load_run(run), settings))
    check_source(before, print, bool)
    assert task_of(source_of(load_run(run), settings)) == before  # nothing is opened again
    earlier = source_of(dropout_run, AnalysisConfig.of(stimuli=10, epoch=0))
    shutil.rmtree(run / "checkpoints" / "final")
    shutil.copytree(dropout_run.path / "checkpoints" / "epoch-00000", run / "checkpoints" / "final")
    again = task_of(source_of(load_run(run), settings))
    check_source(again, print, bool)
    np.testing.assert_array_equal(first_layer(source_on_worker(again)), first_layer(earlier))
    _LAST.clear()


def test_a_worker_with_another_training_of_a_run_is_left_out(dropout_run, tiny_model, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(dropout_run.path, run)
    task = task_of(source_of(load_run(run), AnalysisConfig.of(stimuli=10)))
    record = json.loads((run / "training.json").read_text())
    record["accuracy"]["test"][0] = 0.123
    (run / "training.json").write_text(json.dumps(record))
    _LAST.clear()
    with pytest.raises(RunError, match="it finds another training, other layers"):
        check_source(task, print, bool)
    _LAST.clear()


def test_a_running_worker_reads_files_that_were_written_again(tmp_path, rng):
    path, values = tmp_path / "net1.npy", rng.normal(size=(6, 4))
    np.save(tmp_path / "net0.npy", values)
    np.save(path, values)
    pattern = tmp_path / "net{instance}.npy"
    np.testing.assert_array_equal(
        first_layer(source_on_worker(task_of(from_files(pattern)))), values
    )
    size, then = path.stat().st_size, path.stat().st_mtime + 1
    np.save(path, np.asfortranarray(values))  # the same numbers in another order in the file
    os.utime(path, (then, then))
    assert path.stat().st_size == size
    again = task_of(from_files(pattern))
    check_source(again, print, bool)
    np.testing.assert_array_equal(first_layer(source_on_worker(again)), values)
    _LAST.clear()


NETWORK = """
from flax import nnx
class Net(nnx.Module):
    def __init__(self, image_shape, n_categories, rngs):
        self.out = nnx.Linear(64, n_categories, rngs=rngs)
    def __call__(self, images):
        return self.out(images.reshape(len(images), -1)){after}
"""


def test_a_running_worker_trains_a_module_that_was_edited(tmp_path, quick_execution):
    file, folder = tmp_path / "net.py", SharedFolder(tmp_path, "token")
    execution = json.dumps(quick_execution.as_record())
    images = jnp.ones((3, 8, 8, 1))
    setups = []
    for time, after in enumerate(("", " * 0")):
        file.write_text(NETWORK.format(after=after))
        os.utime(file, (time + 1, time + 1))
        name = f"{file}:Net"
        config = Config(
            DataConfig("digits", train_images=100, test_images=60), ModelConfig(name),
            TrainingConfig(instances=2, epochs=1, batch_size=10), ExecutionConfig(),
        )  # fmt: skip
        task = TrainingTask(config, carried("model", name), "", folder, execution)
        setups.append(training_on_workers._setup(task))
        assert training_on_workers._setup(task) is setups[-1]
    variables = member(init_ensemble(setups[0].blueprint, [0])[1], 0)
    logits = [np.asarray(setup.network.logits(variables, images)) for setup in setups]
    assert logits[0].all()
    assert not logits[1].any()
    training_on_workers._LAST.clear()
