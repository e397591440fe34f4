"""Networks that cannot learn are replaced after two epochs, by networks trained from the start."""

import jax
import numpy as np
import pytest

from ensemble_rsa import files
from ensemble_rsa.training import loop, probation
from ensemble_rsa.training.convergence import UnconvergedInstance
from ensemble_rsa.training.grouping import PROBATION, group_folder
from ensemble_rsa.training.loop import BegunGroup, InstanceGroup
from ensemble_rsa.training.probation import Draw, dead_instances, replace_dead

EPOCHS = 20  # the fewest for which this is done
REPLACED = {"epochs": EPOCHS, "unconverged": "replace", "converged_at": 0.0}
EQUAL_LOGITS = float(np.float32(np.log(10)))  # as computed in float32


class Killed(Exception):
    """Stands for the end of a process."""


@pytest.fixture
def stillborn(monkeypatch):
    """Seeds whose initial weights are all zero, so that all logits are and there is no gradient."""
    first, seeds = loop.init_ensemble, {3}

    def init(blueprint, drawn):
        network, parameters = first(blueprint, drawn)
        alive = np.array([seed not in seeds for seed in drawn], np.float32)
        shaped = lambda leaf: alive.reshape(-1, *[1] * (leaf.ndim - 1))
        return network, jax.tree.map(lambda leaf: leaf * shaped(leaf), parameters)

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


def test_a_network_without_gradient_is_replaced_after_two_epochs(fit, stillborn, alone, tmp_path):
    statuses = []
    trained = fit(tmp_path, statuses.append, **REPLACED)
    reason = "all logits are zero after 2 epochs: its loss is ln 10"
    assert trained.replaced == (UnconvergedInstance(0, 3, reason),)
    assert trained.flagged == ()
    assert same(trained, alone)
    ended = [(status.seeds, status.epoch) for status in statuses if status.epoch_ended]
    first = [((3, 4), epoch) for epoch in (1, 2)]
    assert ended == first + [((5, 4), epoch) for epoch in range(1, EPOCHS + 1)]


def test_a_short_training_replaces_at_the_end(fit, stillborn, tmp_path):
    statuses = []
    trained = fit(tmp_path, statuses.append, epochs=3, unconverged="replace", converged_at=0.11)
    assert trained.replaced[0].seed == 3
    assert "training accuracy 0.1" in trained.replaced[0].reason
    assert [one.epoch for one in statuses if one.epoch_ended and 3 in one.seeds] == [1, 2, 3]


@pytest.mark.parametrize("step", [1, 3])  # within the first epoch, and within the second
def test_the_new_beginning_resumes(step, fit, stillborn, alone, tmp_path):
    def progress(status):
        if status.seeds == (5, 4) and status.step >= step:
            raise Killed

    recipe = REPLACED | {"checkpoint_minutes": 1e-9}
    with pytest.raises(Killed):
        fit(tmp_path, progress, **recipe)
    assert not files.read_json(tmp_path / PROBATION)["passed"]
    statuses = []
    trained = fit(tmp_path, statuses.append, **recipe)
    assert {status.seeds for status in statuses} == {(5, 4)}
    assert [one.seed for one in trained.replaced] == [3]
    assert same(trained, alone)


def test_states_of_one_seed_are_never_those_of_another(
    fit, stillborn, alone, tmp_path, monkeypatch
):
    """Killed once the groups with the dead network are removed, and no new seed is stored."""
    remove = probation.remove_groups

    def removed(folder):
        remove(folder)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(probation, "remove_groups", removed)
        with pytest.raises(Killed):
            fit(tmp_path, **REPLACED)
    assert files.read_json(tmp_path / PROBATION)["seeds"] == [3, 4]
    assert same(fit(tmp_path, **REPLACED), alone)


def test_a_training_that_has_passed_does_not_begin_again(fit, tmp_path):
    fit(tmp_path, **REPLACED)
    assert files.read_json(tmp_path / PROBATION) == {
        "seeds": [3, 4],
        "replaced": [],
        "passed": True,
    }
    statuses = []
    assert fit(tmp_path, statuses.append, **REPLACED).seeds == (3, 4)
    assert statuses == []


def test_a_training_of_an_earlier_version_goes_on_with_its_seeds(tmp_path):
    group_folder(tmp_path, 0).mkdir()
    draw = Draw((0, 1))
    assert replace_dead(draw, tmp_path, lambda drawn: pytest.fail("begun"), 10) is draw
    assert not (tmp_path / PROBATION).exists()


def begun(seeds, loss, predictions) -> BegunGroup:
    group = InstanceGroup(tuple(range(len(seeds))), tuple(seeds), None)
    return BegunGroup(group, np.array(loss), np.array(predictions))


def test_networks_that_have_not_yet_begun_to_learn_are_not_dead():
    zeros, ones, mixed = np.zeros(4, int), np.ones(4, int), np.arange(4)
    rows = [
        (7, EQUAL_LOGITS, zeros),  # the only dead one
        (8, EQUAL_LOGITS, mixed),  # its logits differ
        (9, EQUAL_LOGITS, ones),  # likewise
        (10, EQUAL_LOGITS + 1e-5, zeros),  # it answered otherwise within the epoch
        (11, np.nan, zeros),  # it overflowed
    ]
    (dead,) = dead_instances([begun(*zip(*rows, strict=True))], 10)
    assert (dead.instance, dead.seed) == (0, 7)
    assert dead_instances([begun(*zip(*rows, strict=True))], 9) == []  # ln 9


def test_seeds_are_drawn_three_times_for_each_instance(tmp_path):
    asked = []

    def begin(draw):
        asked.append(draw.seeds)
        return [begun(draw.seeds, [EQUAL_LOGITS] * 2, np.zeros((2, 4), int))]

    draw = replace_dead(Draw((3, 4)), tmp_path, begin, 10)
    assert asked == [(3, 4), (5, 6), (7, 8)]
    assert draw.seeds == (7, 8)
    assert [one.seed for one in draw.replaced] == [3, 4, 5, 6]
    assert draw.left == 0
