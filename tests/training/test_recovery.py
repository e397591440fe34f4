"""Training that resumes from a stored state ends as if it had never been interrupted."""

import dataclasses
import json
import os
import shutil
import signal

import chex
import numpy as np
import pytest

from ensemble_rsa.config.settings import TrainingConfig, saved_epochs
from ensemble_rsa.errors import RunError
from ensemble_rsa.training import recovery
from ensemble_rsa.training.grouping import group_folder
from ensemble_rsa.training.interrupts import TrainingInterrupted, time_limit
from ensemble_rsa.training.recovery import CheckpointWarning as Warned
from ensemble_rsa.training.recovery import TrainingPosition, load_newest, save_state

EVERY_STEP = {"checkpoint_minutes": 1e-9, "save_at": (0, 1)}


class Killed(Exception):
    """Stands for the end of a process."""


@pytest.fixture(scope="module", autouse=True)
def _one_step_a_call():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ensemble_rsa.training.progress.SECONDS_PER_CALL", 0.0)
        yield


@pytest.fixture(scope="module")
def uninterrupted(fit):
    return fit()


def killed_after(step: int):
    """A callback that ends training when so many steps are done."""

    def progress(status):
        if status.step >= step and not status.epoch_ended:
            raise Killed

    return progress


@pytest.mark.parametrize("step", [2, 3])  # after an epoch, and within one
def test_training_resumes_bit_for_bit(step, fit, uninterrupted, tmp_path):
    with pytest.raises(Killed):
        fit(tmp_path, killed_after(step), **EVERY_STEP)
    metadata = next(tmp_path.rglob("arrays/_METADATA")).read_text()
    assert "optimiser" in metadata  # the name that stored states have had from the beginning
    statuses = []
    resumed = fit(tmp_path, statuses.append, **EVERY_STEP)
    assert statuses[0].step == step  # the state after the step last reported was never stored
    chex.assert_trees_all_equal(resumed.parameters, uninterrupted.parameters)
    chex.assert_trees_all_equal(*(vars(one.history) for one in (resumed, uninterrupted)))


def test_training_stops_at_a_limit_of_time_and_resumes(fit, uninterrupted, tmp_path):
    for _ in range(2):  # each piece makes at least one call of the program
        with time_limit(0.0), pytest.raises(TrainingInterrupted, match="interrupted in epoch"):
            fit(tmp_path)
    statuses = []
    resumed = fit(tmp_path, statuses.append)
    assert statuses[0].step > 2  # the steps of both pieces are not made again
    chex.assert_trees_all_equal(resumed.parameters, uninterrupted.parameters)


def test_a_finished_group_is_not_trained_again_and_keeps_the_chosen_epochs(
    fit, uninterrupted, tmp_path
):
    fit(tmp_path, **EVERY_STEP)
    kept = sorted(path.name for path in group_folder(tmp_path, 0).glob("epoch-*"))
    assert kept == ["epoch-00000", "epoch-00001"]
    statuses = []
    again = fit(tmp_path, statuses.append, **EVERY_STEP)
    chex.assert_trees_all_equal(again.parameters, uninterrupted.parameters)
    assert statuses == []


def test_groups_stay_those_of_the_start_when_memory_changes(
    fit, uninterrupted, tmp_path, monkeypatch
):
    """Two instances fit at first; later, one at a time would."""
    fit(tmp_path)
    monkeypatch.setattr("ensemble_rsa.training.ensemble.group_size", lambda setup, n: 1)
    statuses = []
    again = fit(tmp_path, statuses.append)
    assert (again.group_sizes, statuses) == ((2,), [])
    chex.assert_trees_all_equal(again.parameters, uninterrupted.parameters)


def test_replacements_resume_too(fit, tmp_path):
    recipe = {"converged_at": 1.0, "unconverged": "replace"}
    whole = fit(**recipe)
    assert len(whole.group_sizes) == 3
    seen = set()

    def in_the_second_group(status):
        seen.add(status.seeds)
        if len(seen) == 2 and status.step > 2:
            raise Killed

    with pytest.raises(Killed):
        fit(tmp_path, in_the_second_group, **recipe, checkpoint_minutes=1e-9)
    resumed = fit(tmp_path, **recipe)
    chex.assert_trees_all_equal(resumed.parameters, whole.parameters)
    assert (resumed.seeds, resumed.replaced) == (whole.seeds, whole.replaced)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stores_the_state_and_stops(number, fit, uninterrupted, tmp_path):
    def progress(status):
        if status.step == 3 and not status.epoch_ended:
            os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    with pytest.raises(TrainingInterrupted, match="interrupted in epoch 2 of 3, after 1 steps"):
        fit(tmp_path, progress)
    assert signal.getsignal(number) == before
    chex.assert_trees_all_equal(fit(tmp_path).parameters, uninterrupted.parameters)


def test_a_second_ctrl_c_stops_at_once(fit, tmp_path):
    def progress(status):
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt) as stop:
        fit(tmp_path, progress)
    assert not isinstance(stop.value, TrainingInterrupted)
    assert list(tmp_path.rglob("progress.json")) == []


STATE = {"weights": np.arange(6, dtype=np.float32).reshape(2, 3)}


def at(epoch: int) -> TrainingPosition:
    rows = [[[0.1, 0.2], [0.0, 1.0], [float("nan")] * 2]]
    return TrainingPosition(epoch, 1, [0.5, 0.25], [1.0, 2.0], rows)


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


def test_a_late_state_of_other_seeds_is_passed_over(tmp_path):
    for epoch, seeds in ((2, (3, 4)), (3, (5, 4))):
        save_state(tmp_path, {"weights": STATE["weights"] * epoch}, at(epoch), seeds)
    assert load_newest(tmp_path, STATE, (5, 4))[1].epoch == 3
    found, position = load_newest(tmp_path, STATE, (3, 4))
    np.testing.assert_array_equal(found["weights"], STATE["weights"] * 2)
    assert position.epoch == 2
    assert load_newest(tmp_path, STATE, (4, 3)) is None


def test_a_state_of_an_earlier_version_names_no_seeds(states):
    path = states / "000003-00000001" / "progress.json"
    record = json.loads(path.read_text())
    del record["seeds"]
    path.write_text(json.dumps(record))
    assert load_newest(states, STATE, (3, 4))[1].epoch == 3


def damage_a_number(state):
    """One bit of the arrays' file, behind the back of the file format."""
    (file,) = sorted((state / "arrays").rglob("d/*"))[:1]
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


DAMAGE = {
    "a bit": damage_a_number,
    "no arrays": lambda state: shutil.rmtree(state / "arrays"),
    "half a file": lambda state: (state / "progress.json").write_text("{"),
    "no position": lambda state: (state / "progress.json").unlink(),
}


@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_newest_state_is_named_and_the_one_before_it_used(how, states):
    DAMAGE[how](states / "000003-00000001")
    with pytest.warns(Warned, match="000003-00000001 is damaged .*; resuming from 0000"):
        found, position = load_newest(states, STATE)
    assert position.epoch == 2
    np.testing.assert_array_equal(found["weights"], STATE["weights"] * 2)


def test_if_all_states_are_damaged_training_is_refused(states):
    for path in states.iterdir():
        (path / "progress.json").write_text("{")
    with pytest.raises(RunError, match="no state is left to resume from; train again"):
        load_newest(states, STATE)


def test_a_state_that_cannot_be_written_does_not_stop_training(states, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(recovery, "save_parameters", full)
    with pytest.warns(Warned, match="No space left on device.*; training continues"):
        save_state(states, STATE, at(4))
    assert load_newest(states, STATE)[1].epoch == 3


def test_the_papers_trajectory():
    config = TrainingConfig(save_at="trajectory")
    assert saved_epochs(config) == (0, *range(1, 11), 50, 100, 150, 200, 250, 300, 350)
    assert saved_epochs(dataclasses.replace(config, epochs=9)) == tuple(range(10))
