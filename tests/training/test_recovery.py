"""Nothing is lost when training dies: what goes on from a stored state ends as if it never had."""

import dataclasses
import os
import shutil
import signal

import jax
import numpy as np
import pytest

from ensemble_rsa.config.settings import (
    Config,
    DataConfig,
    ModelConfig,
    TrainingConfig,
    saved_epochs,
)
from ensemble_rsa.errors import RunError
from ensemble_rsa.training import recovery
from ensemble_rsa.training.ensemble import group_folder, train_ensemble
from ensemble_rsa.training.interrupts import TrainingInterrupted
from ensemble_rsa.training.recovery import (
    CheckpointWarning,
    TrainingPosition,
    load_newest,
    save_state,
)


class Killed(Exception):
    """Stands for the end of a process."""


@pytest.fixture(scope="module", autouse=True)
def _one_step_a_call():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ensemble_rsa.training.progress.SECONDS_PER_CALL", 0.0)
        yield


@pytest.fixture(scope="module")
def fit(tiny_model, small_digits, quick_execution):
    """Train on 100 digits, 4 steps an epoch, storing every state."""

    def trained(folder=None, progress=None, **recipe):
        usual = {"instances": 2, "epochs": 2, "batch_size": 25, "learning_rate": 0.05, "seed": 3}
        config = Config(
            DataConfig(preprocessing="standardize"),
            ModelConfig(tiny_model, width=0.2),
            TrainingConfig(**usual | {"checkpoint_minutes": 1e-9, "save_at": (0, 1)} | recipe),
        )
        return train_ensemble(config, small_digits, quick_execution, progress, folder)

    return trained


@pytest.fixture(scope="module")
def uninterrupted(fit):
    return fit()


def killed_after(step: int, end=lambda: None):
    """A report that ends training when so many steps are done."""

    def progress(status):
        if status.step >= step and not status.epoch_ended:
            end()
            raise Killed

    return progress


def assert_same_networks(one, other):
    for a, b in zip(*map(jax.tree.leaves, (one.parameters, other.parameters)), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("step", [1, 4, 6])
def test_training_goes_on_bit_for_bit(step, fit, uninterrupted, tmp_path):
    with pytest.raises(Killed):
        fit(tmp_path, killed_after(step))
    first = []
    resumed = fit(tmp_path, first.append)
    assert_same_networks(resumed, uninterrupted)
    if step > 1:  # the state after the step that was reported last was never stored
        assert first[0].step > 1
    np.testing.assert_allclose(
        resumed.history.train_loss, uninterrupted.history.train_loss, rtol=1e-6
    )
    np.testing.assert_array_equal(
        resumed.history.test_accuracy, uninterrupted.history.test_accuracy
    )


def test_a_finished_part_is_not_trained_again(fit, uninterrupted, tmp_path):
    fit(tmp_path)
    reports = []
    assert_same_networks(fit(tmp_path, reports.append), uninterrupted)
    assert reports == []


def test_instances_that_stand_in_go_on_too(fit, tmp_path):
    recipe = {"epochs": 1, "converged_at": 1.0, "unconverged": "replace"}
    whole = fit(**recipe)
    assert len(whole.group_sizes) == 3
    calls = []

    def in_the_second_part(status):
        calls.append(status.seeds)
        if len(set(calls)) == 2 and status.step > 2:
            raise Killed

    with pytest.raises(Killed):
        fit(tmp_path, in_the_second_part, **recipe)
    resumed = fit(tmp_path, calls.append, **recipe)
    assert_same_networks(resumed, whole)
    assert resumed.seeds == whole.seeds
    assert resumed.replaced == whole.replaced


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stores_the_state_and_stops(number, fit, uninterrupted, tmp_path):
    def progress(status):
        if status.step == 5 and not status.epoch_ended:
            os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    with pytest.raises(TrainingInterrupted, match="interrupted in epoch 2 of 2, after 1 steps"):
        fit(tmp_path, progress, checkpoint_minutes=60.0)
    assert signal.getsignal(number) == before
    assert_same_networks(fit(tmp_path), uninterrupted)


def test_a_second_ctrl_c_stops_at_once(fit, tmp_path):
    def progress(status):
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt) as stop:
        fit(tmp_path, progress, checkpoint_minutes=60.0)
    assert not isinstance(stop.value, TrainingInterrupted)
    assert list(tmp_path.rglob("progress.json")) == []


STATE = {"weights": np.arange(6, dtype=np.float32).reshape(2, 3)}


def at(epoch: int) -> TrainingPosition:
    return TrainingPosition(
        epoch, 1, [0.5, 0.25], [1.0, 2.0], [[[0.1, 0.2], [0.0, 1.0], [float("nan")] * 2]]
    )


@pytest.fixture
def states(tmp_path):
    for epoch in (1, 2, 3):
        save_state(tmp_path, {"weights": STATE["weights"] * epoch}, at(epoch))
    return tmp_path


def test_the_newest_two_states_are_kept_and_the_newest_is_read(states):
    assert sorted(path.name for path in states.iterdir()) == ["000002-00000001", "000003-00000001"]
    found, position = load_newest(states, STATE)
    np.testing.assert_array_equal(found["weights"], STATE["weights"] * 3)
    assert (position.epoch, position.step, position.loss) == (3, 1, [0.5, 0.25])
    assert position.rows[0][:2] == [[0.1, 0.2], [0.0, 1.0]]


def damage_a_number(state):
    """One bit of the arrays' file, behind the back of the file format."""
    (file,) = sorted((state / "arrays").rglob("d/*"))[:1]
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def forge_the_checksum(state):
    text = (state / "progress.json").read_text()
    start = text.index('"checksum": "') + len('"checksum": "')
    (state / "progress.json").write_text(text[:start] + "0000" + text[start + 4 :])


DAMAGE = {
    "a bit": damage_a_number,
    "checksum": forge_the_checksum,
    "no arrays": lambda state: shutil.rmtree(state / "arrays"),
    "half a file": lambda state: (state / "progress.json").write_text("{"),
    "no position": lambda state: (state / "progress.json").unlink(),
}


@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_newest_state_is_named_and_the_one_before_it_used(how, states):
    DAMAGE[how](states / "000003-00000001")
    with pytest.warns(CheckpointWarning, match="000003-00000001 is damaged .*; resuming from 0000"):
        found, position = load_newest(states, STATE)
    assert position.epoch == 2
    np.testing.assert_array_equal(found["weights"], STATE["weights"] * 2)


def test_when_all_are_damaged_nothing_is_trained_in_silence(states):
    for path in states.iterdir():
        (path / "progress.json").write_text("{")
    with pytest.raises(RunError, match="no state is left to resume from; train again"):
        load_newest(states, STATE)


def test_a_state_that_cannot_be_written_does_not_stop_training(states, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(recovery, "save_parameters", full)
    with pytest.warns(CheckpointWarning, match="No space left on device.*; training continues"):
        save_state(states, STATE, at(4))
    assert load_newest(states, STATE)[1].epoch == 3


def test_without_states_there_is_nothing_to_go_on_from(tmp_path):
    assert load_newest(tmp_path / "never", STATE) is None


def test_networks_of_the_chosen_epochs_are_kept(fit, tmp_path):
    fit(tmp_path)
    kept = sorted(path.name for path in group_folder(tmp_path, 0).glob("epoch-*"))
    assert kept == ["epoch-00000", "epoch-00001"]


def test_the_papers_trajectory():
    config = TrainingConfig(save_at="trajectory")
    assert saved_epochs(config) == (0, *range(1, 11), 50, 100, 150, 200, 250, 300, 350)
    assert saved_epochs(dataclasses.replace(config, epochs=9)) == tuple(range(10))
