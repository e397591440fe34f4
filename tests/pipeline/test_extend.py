"""`extend_run`: the networks of an ensemble that was trained in two parts, and what is refused."""

import dataclasses
import json
import os
import signal

import jax
import numpy as np
import pytest

from ensemble_rsa.config.extension import extended
from ensemble_rsa.config.settings import (
    Config,
    DataConfig,
    ExecutionConfig,
    ModelConfig,
    TrainingConfig,
)
from ensemble_rsa.config.sweep import sweep, vary
from ensemble_rsa.errors import InputError
from ensemble_rsa.pipeline import train as pipeline
from ensemble_rsa.pipeline.extend import extend_run
from ensemble_rsa.runs.run import kept_epochs, load_history, load_networks
from ensemble_rsa.training import loop
from ensemble_rsa.training.convergence import UnconvergedInstance
from ensemble_rsa.training.interrupts import TrainingInterrupted

pytestmark = pytest.mark.usefixtures("quick_training")


@pytest.fixture(scope="module")
def config(tiny_model):
    """Five instances, with averages of weights."""
    return Config(
        DataConfig("digits", train_images=50, test_images=60, preprocessing="standardize"),
        ModelConfig(tiny_model, width=0.2),
        TrainingConfig(
            instances=5, epochs=2, batch_size=10, learning_rate=0.1, save_at=(0, 1), dropout=0.2,
            average=0.5,
        ),
    )  # fmt: skip


@pytest.fixture(scope="module")
def whole(config, tmp_path_factory):
    return pipeline.train(config, tmp_path_factory.mktemp("whole") / "run")


@pytest.fixture(scope="module")
def first(config, tmp_path_factory):
    smaller = dataclasses.replace(
        config, training=dataclasses.replace(config.training, instances=2)
    )
    return pipeline.train(smaller, tmp_path_factory.mktemp("first") / "run")


def assert_equal_runs(run, other):
    for epoch in (None, 0, 1):
        leaves = (jax.tree.leaves(load_networks(each, "xla", epoch)[1]) for each in (run, other))
        for one, two in zip(*leaves, strict=True):
            np.testing.assert_array_equal(one, two)
    assert load_history(run).identical(load_history(other))
    for name, values in other.accuracy.items():
        np.testing.assert_array_equal(run.accuracy[name], values)
    assert (run.seeds, kept_epochs(run)) == (other.seeds, kept_epochs(other))
    assert (run.config, run.flagged) == (other.config, other.flagged)


def test_an_extended_run_is_the_one_of_all_instances_together(first, whole, tmp_path):
    seeds = set()
    run = extend_run(first, 5, tmp_path / "more", lambda status: seeds.update(status.seeds))
    assert_equal_runs(run, whole)
    assert seeds == {2, 3, 4}  # only these are trained
    origin = json.loads((run.path / "manifest.json").read_text())["extends"]
    before = json.loads((first.path / "manifest.json").read_text())
    assert origin == {"run": str(first.path), "instances": 2, "replaced": [], "manifest": before}
    again = extend_run(run, 6, tmp_path / "yet_more")
    np.testing.assert_array_equal(again.accuracy["train"][:5], whole.accuracy["train"])


def test_an_interrupted_extension_goes_on_without_the_run_that_it_extends(
    first, whole, tmp_path, monkeypatch
):
    def stop(status):
        if status.step == 7:
            os.kill(os.getpid(), signal.SIGINT)

    folder = tmp_path / "more"
    with pytest.raises(TrainingInterrupted, match="train --resume --out"):
        extend_run(first.path, 5, folder, stop)
    missing = first.path.with_name("elsewhere")
    first.path.rename(missing)
    try:
        config = pipeline.run_folder.read_config(folder)
        assert_equal_runs(pipeline.train(config, folder, resume=True), whole)
    finally:
        missing.rename(first.path)


def test_an_extension_that_was_killed_while_it_copied_begins_again_in_other_groups(
    first, whole, tmp_path
):
    folder = tmp_path / "more"
    with pytest.MonkeyPatch.context() as killed:
        killed.setattr("ensemble_rsa.training.taken.save_state", lambda *args: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            extend_run(first, 5, folder)
    assert (folder / "checkpoints/part-000/epoch-00001").is_dir()
    config = pipeline.run_folder.read_config(folder)
    alone = dataclasses.replace(config, execution=ExecutionConfig(group=1))
    assert_equal_runs(pipeline.train(alone, folder, resume=True), whole)


def test_ctrl_c_while_it_copies_tells_the_command_that_goes_on(first, tmp_path, monkeypatch):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("ensemble_rsa.training.taken.save_state", interrupt)
    with pytest.raises(TrainingInterrupted, match="before the first epoch; go on with `ensemble"):
        extend_run(first, 5, tmp_path / "more")


def test_seeds_after_replaced_instances_are_those_not_drawn_yet_however_often(first, tmp_path):
    gone = UnconvergedInstance(1, 1, "made up")
    run = dataclasses.replace(first, replaced=(gone,), seeds=(0, 2))
    found = extend_run(run, 3, tmp_path / "more")
    assert (found.replaced, found.seeds) == ((gone,), (0, 2, 3))
    again = extended(found.config, 5, found.seeds).training
    assert (again.instances, again.seeds) == (5, (0, 2, 3, 4, 5))


def test_seeds_go_on_as_they_began():
    two = Config(training=TrainingConfig(instances=2, seed=3, dropout=0.5))
    assert extended(two, 4) == dataclasses.replace(
        two, training=dataclasses.replace(two.training, instances=4)
    )
    varied = vary(two, ["dropout"])
    assert varied.training.seeds == (3, 3)
    training = extended(varied, 4).training
    assert (training.seeds, training.dropout_seed) == ((3, 3, 3, 3), (0, 1, 2, 3))
    same = sweep(two, dropout=[0.5])
    assert extended(same, 4).training.dropout == (0.5,) * 4


@pytest.mark.parametrize("instances", [2, 1, 0, -3, True])
def test_numbers_that_extend_nothing_are_refused(first, instances, tmp_path):
    with pytest.raises(InputError, match="^instances: expected .*, got "):
        extend_run(first, instances, tmp_path / "more")
    assert not (tmp_path / "more").exists()


def test_settings_of_each_instance_must_tell_those_of_further_ones():
    two = Config(training=TrainingConfig(instances=2))
    with pytest.raises(InputError, match=r"^instances: dropout is \(0.0, 0.0, 0.5, 0.5\), and"):
        extended(sweep(two, dropout=[0.0, 0.5]), 6)
    with pytest.raises(InputError, match=r"^instances: order_seed is \(0, 0, 7, 7\), and"):
        extended(sweep(two, order_seed=[0, 7]), 6)
    odd = dataclasses.replace(two, training=TrainingConfig(instances=2, seeds=(3, 9)))
    with pytest.raises(InputError, match=r"^instances: seeds is \(3, 9\), and"):
        extended(odd, 6)


def test_other_images_are_refused(first, tmp_path):
    changed = dataclasses.replace(first, fingerprint="of other images")
    with pytest.raises(InputError, match="has changed since .* was trained"):
        extend_run(changed, 5, tmp_path / "more")
    assert not (tmp_path / "more").exists()


def test_another_program_of_the_networks_is_refused(first, tmp_path, monkeypatch):
    changed = tmp_path / "nets.py"
    monkeypatch.setattr("ensemble_rsa.pipeline.extend.changed_module", lambda *args: changed)
    with pytest.raises(InputError, match=r"^run: .*nets.py has changed since .* was trained"):
        extend_run(first, 5, tmp_path / "more")
    assert not (tmp_path / "more").exists()


def test_another_device_is_told(first, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("ensemble_rsa.pipeline.extend.device_name", lambda: "8 × GPU")
    monkeypatch.setattr("ensemble_rsa.pipeline.extend.train_in", lambda *args: first)
    extend_run(first, 5, tmp_path / "more")
    assert "the others are trained on 8 × GPU: they are those of one training to" in caplog.text


def test_the_folder_of_the_run_itself_is_refused(first):
    with pytest.raises(InputError, match="^out: .* exists and is not an empty folder"):
        extend_run(first, 5, first.path)


def test_more_instances_to_resume_are_told_the_command_that_trains_them(first, config):
    with pytest.raises(InputError, match="instances is 5, was 2") as refused:
        pipeline.train(config, first.path, resume=True)
    assert f"`ensemble-rsa extend {first.path} 5` trains more instances" in str(refused.value)
    longer = dataclasses.replace(config, training=dataclasses.replace(config.training, epochs=3))
    with pytest.raises(InputError, match="epochs is 3, was 2") as refused:
        pipeline.train(longer, first.path, resume=True)
    assert "extend" not in str(refused.value)


def test_instances_of_the_run_stay_though_they_did_not_converge(config, tmp_path):
    """Three seeds for each instance: 0 to 5 for those of the run, and 6 to 8 for the third."""
    recipe = {"epochs": 1, "unconverged": "replace", "converged_at": 1.0, "save_at": ()}
    training = dataclasses.replace(config.training, instances=2, **recipe)
    run = pipeline.train(dataclasses.replace(config, training=training), tmp_path / "first")
    assert (run.seeds, len(run.flagged)) == ((4, 5), 2)

    def stop(status):
        if status.seeds == (7,):
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(TrainingInterrupted):
        extend_run(run, 3, tmp_path / "longer", stop)
    stored = pipeline.run_folder.read_config(tmp_path / "longer")
    longer = pipeline.train(stored, tmp_path / "longer", resume=True)
    assert longer.seeds == (4, 5, 8)
    assert [(one.instance, one.seed) for one in longer.replaced[4:]] == [(2, 6), (2, 7)]
    assert [one.instance for one in longer.flagged] == [0, 1, 2]
    of_both = (jax.tree.leaves(load_networks(each, "xla")[1]) for each in (run, longer))
    for one, two in zip(*of_both, strict=True):
        np.testing.assert_array_equal(one, two[:2])


def test_a_relative_place_of_images_is_stored_as_an_absolute_one(first, tmp_path, monkeypatch):
    data = dataclasses.replace(first.config.data, data_dir="data")  # as an earlier version had it
    before = dataclasses.replace(first, config=dataclasses.replace(first.config, data=data))
    monkeypatch.setattr("ensemble_rsa.pipeline.extend.train_in", lambda *args: first)
    monkeypatch.chdir(tmp_path)
    extend_run(before, 5, "more")
    stored = json.loads((tmp_path / "more" / "config.json").read_text())
    assert stored["data"]["data_dir"] == str(tmp_path.resolve() / "data")


def test_a_further_instance_that_cannot_learn_is_replaced(config, tmp_path, monkeypatch):
    recipe = {"instances": 1, "epochs": 20, "unconverged": "replace", "converged_at": 0.0}
    training = dataclasses.replace(config.training, average=0.0, **recipe)
    run = pipeline.train(dataclasses.replace(config, training=training), tmp_path / "first")
    init = loop.init_ensemble

    def seed_1_empty(blueprint, seeds):
        network, parameters = init(blueprint, seeds)
        alive = np.array([seed != 1 for seed in seeds], np.float32)
        shaped = lambda leaf: alive.reshape(-1, *[1] * (leaf.ndim - 1))
        return network, jax.tree.map(lambda leaf: leaf * shaped(leaf), parameters)

    monkeypatch.setattr(loop, "init_ensemble", seed_1_empty)
    longer = extend_run(run, 2, tmp_path / "longer")
    assert longer.seeds == (0, 2)
    assert [(one.instance, one.seed) for one in longer.replaced] == [(1, 1)]
    assert "all logits are zero" in longer.replaced[0].reason
    of_both = (jax.tree.leaves(load_networks(each, "xla")[1]) for each in (run, longer))
    for one, two in zip(*of_both, strict=True):
        np.testing.assert_array_equal(one[0], two[0])
