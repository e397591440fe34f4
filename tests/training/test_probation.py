"""Networks that cannot learn are replaced after two epochs, by networks trained from the start."""

import os
import signal
from types import SimpleNamespace

import jax
import numpy as np
import pytest

from ensemble_rsa import files
from ensemble_rsa.errors import RunError
from ensemble_rsa.training import grouping, loop
from ensemble_rsa.training.convergence import UnconvergedInstance, are_dead
from ensemble_rsa.training.grouping import GROUP_SIZE, clear_group, group_folder
from ensemble_rsa.training.interrupts import TrainingInterrupted
from ensemble_rsa.training.loop import BegunGroup, InstanceGroup
from ensemble_rsa.training.probation import Draw, replace_dead

EPOCHS = 20  # the fewest for which this is done
REPLACED = {"epochs": EPOCHS, "unconverged": "replace", "converged_at": 0.0}
EQUAL_LOGITS = float(np.float32(np.log(10)))  # as computed in float32
REASON = "all logits are zero for all training images after 2 epochs"


class Killed(Exception):
    """Stands for the end of a process."""


@pytest.fixture
def stillborn(monkeypatch):
    """Seeds whose initial weights are all zero, so that all logits are and there is no gradient."""
    first, seeds = loop.init_ensemble, {3}

    def init(blueprint, drawn):
        network, parameters = first(blueprint, drawn)
        alive = np.array([seed not in seeds for seed in drawn], np.float32)

        def emptied(leaf):
            return leaf * alive.reshape(-1, *[1] * (leaf.ndim - 1))

        return network, jax.tree.map(emptied, parameters)

    monkeypatch.setattr(loop, "init_ensemble", init)
    return seeds


@pytest.fixture
def alone(fit):
    """What is trained with the seeds that are left in the end."""
    return fit(epochs=EPOCHS, seeds=(5, 4), converged_at=0.0)


def same(one, other) -> bool:
    pairs = zip(jax.tree.leaves(one.parameters), jax.tree.leaves(other.parameters), strict=True)
    for name in ("train_loss", "train_accuracy", "test_accuracy"):
        np.testing.assert_array_equal(getattr(one.history, name), getattr(other.history, name))
    return one.seeds == other.seeds and all(np.array_equal(*pair) for pair in pairs)


def epochs_of(statuses) -> list[tuple[tuple[int, ...], int]]:
    return [(status.seeds, status.epoch) for status in statuses if status.epoch_ended]


def test_a_network_without_gradient_is_replaced_after_two_epochs(fit, stillborn, alone, tmp_path):
    statuses = []
    trained = fit(tmp_path, statuses.append, **REPLACED)
    assert trained.replaced == (UnconvergedInstance(0, 3, REASON),)
    assert trained.flagged == ()
    assert same(trained, alone)
    first = [((3, 4), epoch) for epoch in (1, 2)]
    assert epochs_of(statuses) == first + [((5, 4), epoch) for epoch in range(1, EPOCHS + 1)]


def test_a_group_whose_instances_learn_goes_on(fit, stillborn, tmp_path):
    statuses = []
    fit(tmp_path, statuses.append, group=1, **REPLACED)
    ended = epochs_of(statuses)
    assert ended[:6] == [((seed,), epoch) for seed in (3, 4, 5) for epoch in (1, 2)]
    assert ended[6:] == [((seed,), epoch) for seed in (5, 4) for epoch in range(3, EPOCHS + 1)]


def test_a_short_training_replaces_at_the_end(fit, stillborn, tmp_path):
    statuses = []
    trained = fit(tmp_path, statuses.append, epochs=3, unconverged="replace", converged_at=0.11)
    assert trained.replaced[0].seed == 3
    assert "training accuracy 0.1" in trained.replaced[0].reason
    assert [epoch for seeds, epoch in epochs_of(statuses) if 3 in seeds] == [1, 2, 3]


def test_a_replacement_at_the_end_is_replaced_after_two_epochs_too(fit, stillborn, tmp_path):
    stillborn.clear()
    accuracy = fit(epochs=EPOCHS).train_accuracy
    assert accuracy[0] != accuracy[1]
    bad, between = int(accuracy.argmin()), float(accuracy.mean())
    stillborn.add(5)
    statuses, recipe = [], {**REPLACED, "converged_at": between}
    trained = fit(tmp_path, statuses.append, **recipe)
    assert [one.seed for one in trained.replaced[:2]] == [3 + bad, 5]
    assert trained.replaced[1] == UnconvergedInstance(bad, 5, REASON)
    assert [epoch for seeds, epoch in epochs_of(statuses) if seeds == (5,)] == [1, 2]
    again = []
    assert same(fit(tmp_path, again.append, **recipe), trained)
    assert again == []


@pytest.mark.parametrize("step", [1, 3])  # within the first epoch, and within the second
def test_the_new_beginning_resumes(step, fit, stillborn, alone, tmp_path):
    def progress(status):
        if status.seeds == (5, 4) and status.step >= step:
            raise Killed

    recipe = REPLACED | {"checkpoint_minutes": 1e-9}
    with pytest.raises(Killed):
        fit(tmp_path, progress, **recipe)
    statuses = []
    trained = fit(tmp_path, statuses.append, **recipe)
    assert {status.seeds for status in statuses} == {(5, 4)}
    assert [one.seed for one in trained.replaced] == [3]
    assert same(trained, alone)


def test_ctrl_c_while_the_first_epochs_are_stored_is_heard(
    fit, stillborn, alone, tmp_path, monkeypatch
):
    save, asked = loop.save_state, []

    def interrupted(folder, state, position, seeds):
        if position.epoch == 3 and not asked:
            asked.append(seeds)
            os.kill(os.getpid(), signal.SIGINT)
        save(folder, state, position, seeds)

    monkeypatch.setattr(loop, "save_state", interrupted)
    with pytest.raises(TrainingInterrupted, match=f"interrupted in epoch 3 of {EPOCHS}, after 0"):
        fit(tmp_path, **REPLACED)
    assert asked == [(3, 4)]
    assert same(fit(tmp_path, **REPLACED), alone)


@pytest.mark.parametrize("removals", [0, 1, 2])
def test_no_state_is_taken_for_that_of_another_seed(
    removals, fit, stillborn, alone, tmp_path, monkeypatch
):
    """Killed while the states of the group with the dead network are removed."""
    removed = []

    def until_killed(path):
        if len(removed) == removals:
            raise Killed
        removed.append(path)
        files.remove(path)

    recipe = REPLACED | {"save_at": (0, 1)}
    with monkeypatch.context() as patch:
        patch.setattr(grouping, "files", SimpleNamespace(**vars(files) | {"remove": until_killed}))
        with pytest.raises(Killed):
            fit(tmp_path, **recipe)
    statuses = []
    assert same(fit(tmp_path, statuses.append, **recipe), alone)
    assert (statuses[0].seeds, statuses[0].step) == ((5, 4), 1)


def test_what_cannot_be_removed_is_told_before_it_is_taken_for_another(tmp_path, monkeypatch):
    folder = group_folder(tmp_path, 0)
    (folder / "states").mkdir(parents=True)
    (folder / GROUP_SIZE).touch()
    with monkeypatch.context() as patch:
        patch.setattr(grouping.files, "remove", lambda path: None)
        with pytest.raises(RunError, match=r"states cannot be removed"):
            clear_group(folder)
    clear_group(folder)
    assert [path.name for path in folder.iterdir()] == [GROUP_SIZE]


def test_a_training_that_is_further_is_not_judged(fit, stillborn, tmp_path):
    """As one that an earlier version has begun, which replaces at the end."""
    recipe = {"epochs": EPOCHS, "converged_at": 0.2}
    fit(tmp_path, **recipe)
    statuses = []
    trained = fit(tmp_path, statuses.append, **recipe | {"unconverged": "replace"})
    assert trained.replaced[0].seed == 3
    assert "training accuracy 0.1" in trained.replaced[0].reason
    assert {status.seeds for status in statuses} & {(3, 4), (5, 4)} == set()


def test_networks_that_have_not_yet_begun_to_learn_are_not_dead():
    zeros, ones, mixed = np.zeros(4, int), np.ones(4, int), np.arange(4)
    loss, predictions = zip(
        (EQUAL_LOGITS, zeros),  # the only dead one
        (EQUAL_LOGITS, mixed),  # its logits differ
        (EQUAL_LOGITS, ones),  # likewise
        (EQUAL_LOGITS + 1e-5, zeros),  # it answered otherwise within the epoch
        (np.nan, zeros),  # it overflowed
        strict=True,
    )
    loss, predictions = np.array(loss), np.array(predictions)
    assert are_dead(loss, predictions, 10).tolist() == [True, *[False] * 4]
    assert not are_dead(loss, predictions, 9).any()


def test_seeds_are_drawn_three_times_for_each_instance(tmp_path):
    asked = []

    def begin(draw):
        asked.append(draw.seeds)
        return [BegunGroup(InstanceGroup((0, 1), draw.seeds, tmp_path / "part"), np.ones(2, bool))]

    draw = replace_dead(Draw((3, 4)), tmp_path, 0, begin)
    assert asked == [(3, 4), (5, 6), (7, 8)]
    assert draw.seeds == (7, 8)
    assert [one.seed for one in draw.replaced] == [3, 4, 5, 6]
    assert draw.left == 0
