"""Whole trainings: twins, seeds, groups, history, progress, and instances that do not converge."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ensemble_rsa import files
from ensemble_rsa.config.settings import ModelConfig
from ensemble_rsa.data.preprocessing import apply_preprocessing, fit_preprocessing
from ensemble_rsa.errors import InputError, RunError
from ensemble_rsa.models.catalogue import Blueprint
from ensemble_rsa.models.ensemble import init_ensemble, member
from ensemble_rsa.training import ensemble, step
from ensemble_rsa.training.ensemble import finite_instances
from ensemble_rsa.training.grouping import ATTEMPT

TWINS = {"rtol": 1e-5, "atol": 1e-6}


def difference(one, other) -> float:
    """Largest difference of two instances' parameters."""
    return max(jax.tree.leaves(jax.tree.map(lambda a, b: float(np.abs(a - b).max()), one, other)))


@pytest.fixture(scope="module")
def dropped(fit):
    """Two instances with a dropout rate of their own each."""
    return fit(dropout=(0.2, 0.4))


def test_an_instance_trained_alone_is_its_twin_in_the_ensemble(fit, dropped):
    alone = fit(dropout=0.4, seed=4, instances=1)
    first, second = (member(dropped.parameters, i) for i in (0, 1))
    assert difference(first, second) > 0.1
    chex.assert_trees_all_close(member(alone.parameters, 0), second, **TWINS)
    losses = alone.history.train_loss[:, 0], dropped.history.train_loss[:, 1]
    np.testing.assert_allclose(*losses, rtol=1e-5)
    assert alone.test_accuracy[0] == dropped.test_accuracy[1]


def test_an_ensemble_trained_in_groups_is_the_same(fit, dropped):
    apart = fit(dropout=(0.2, 0.4), group=1)
    assert (dropped.group_sizes, apart.group_sizes) == ((2,), (1, 1))
    chex.assert_trees_all_close(apart.parameters, dropped.parameters, **TWINS)
    np.testing.assert_array_equal(apart.test_accuracy, dropped.test_accuracy)
    assert apart.seeds == dropped.seeds == (3, 4)
    assert apart.flagged == dropped.flagged


def test_each_program_is_traced_once_for_each_shape(fit, monkeypatch):
    most = {"start": 1, "train": 1, "predict": 2}  # training and test images
    compiled = step._compiled

    def counted(execution, precision, mesh, function, *rest, **options):
        function = chex.assert_max_traces(function, n=most[function.__name__])
        return compiled(execution, precision, mesh, function, *rest, **options)

    monkeypatch.setattr(step, "_compiled", counted)
    monkeypatch.setattr("ensemble_rsa.training.progress.SECONDS_PER_CALL", 0.0)
    chex.clear_trace_counter()
    fit(momentum=0.8)  # one call of `train` for each of six steps


@pytest.mark.parametrize("seed", ["order_seed", "dropout_seed"])
def test_each_seed_of_the_recipe_changes_the_result(seed, fit, dropped):
    other = fit(dropout=(0.2, 0.4), **{seed: 1})
    assert difference(dropped.parameters, other.parameters) > 1e-3  # a twin differs by 1e-6 at most


@pytest.mark.parametrize("seed", ["order_seed", "dropout_seed"])
def test_seeds_of_the_recipe_are_crossed_with_weight_seeds(seed, fit, dropped):
    rates = (0.2, 0.4)
    other = fit(dropout=rates, **{seed: 1})
    crossed = fit(instances=4, seeds=(3, 4, 3, 4), dropout=rates * 2, **{seed: (0, 0, 1, 1)})
    assert crossed.group_sizes == (2, 2)
    for apart, own in ((dropped, [0, 1]), (other, [2, 3])):
        chosen = jax.tree.map(lambda leaf, own=own: leaf[own], crossed.parameters)
        chex.assert_trees_all_equal(chosen, apart.parameters)
        np.testing.assert_array_equal(crossed.history.train_loss[:, own], apart.history.train_loss)
    # seeds in turns, and groups of one
    mixed = fit(instances=4, seeds=(3, 3, 4, 4), dropout=(0.2, 0.2, 0.4, 0.4), **{seed: (0, 1) * 2})
    assert mixed.group_sizes == (1,) * 4
    for place, twin in enumerate([0, 2, 1, 3]):
        ours, theirs = member(mixed.parameters, place), member(crossed.parameters, twin)
        chex.assert_trees_all_close(ours, theirs, **TWINS)


def test_each_group_is_claimed_so_that_a_worker_without_its_client_stops(
    fit, tmp_path, monkeypatch
):
    claimed = []

    def begun(setup, group, progress):
        claimed.append(files.read_json(group.folder / ATTEMPT)["attempt"])
        if len(claimed) == 2:
            raise RunError("begun")

    monkeypatch.setattr(ensemble, "train_group", begun)
    with pytest.raises(RunError, match="begun"):
        fit(tmp_path / "checkpoints", group=1)
    assert len({*claimed}) == 2


def test_history_has_a_row_for_each_epoch_and_progress_reports_its_end(plain):
    trained, statuses = plain
    history = trained.history
    assert history.train_loss.shape == history.train_accuracy.shape == (3, 2)
    assert np.isnan(history.test_accuracy).tolist() == [[True] * 2, [False] * 2, [False] * 2]
    assert (history.train_loss[-1] < history.train_loss[0]).all()
    steps = [status.step for status in statuses]
    assert steps == sorted(steps)
    assert (statuses[0].steps, statuses[-1].seeds) == (6, (3, 4))
    ended = [status for status in statuses if status.epoch_ended]
    assert [(status.epoch, status.step) for status in ended] == [(1, 2), (2, 4), (3, 6)]
    assert ended[0].test_accuracy is None
    assert ended[1].test_accuracy.shape == (2,)


def test_networks_that_are_kept_are_tested_whatever_eval_every(fit, plain):
    expected = plain[0].history.test_accuracy.copy()
    expected[0] = np.nan
    found = fit(eval_every=3, save_at=(0, 2)).history.test_accuracy
    assert np.isfinite(expected[1:]).all()
    np.testing.assert_array_equal(found, expected)


def test_final_accuracies_are_those_of_the_final_networks(plain, small_digits):
    trained, _ = plain
    fitted = fit_preprocessing("standardize", small_digits.train_images)
    images = np.concatenate([small_digits.train_images, small_digits.test_images])
    batch = apply_preprocessing(fitted, jnp.asarray(images))
    all_logits = jax.jit(jax.vmap(lambda one: trained.network.logits(one, batch)))
    logits = all_logits(trained.parameters)
    labels = np.concatenate([small_digits.train_labels, small_digits.test_labels])
    right = np.asarray(logits).argmax(2) == labels
    np.testing.assert_allclose(trained.train_accuracy, right[:, :100].mean(1), rtol=1e-12)
    np.testing.assert_allclose(trained.test_accuracy, right[:, 100:].mean(1), rtol=1e-12)
    np.testing.assert_array_equal(trained.history.test_accuracy[-1], trained.test_accuracy)


def test_no_epochs_leave_the_first_networks_and_flag_them(fit, tiny_model):
    statuses = []
    trained = fit(epochs=0, progress=statuses.append)
    blueprint = Blueprint(ModelConfig(tiny_model, width=0.2), (8, 8, 1), 10)
    first = jax.device_get(init_ensemble(blueprint, [3, 4])[1])
    chex.assert_trees_all_equal(trained.parameters, first)
    assert trained.history.train_loss.shape == (0, 2)
    assert trained.test_accuracy.shape == (2,)
    assert statuses == []
    assert (trained.seeds, trained.replaced) == ((3, 4), ())
    assert [one.seed for one in trained.flagged] == [3, 4]


def test_a_batch_larger_than_the_training_set_is_refused(fit):
    with pytest.raises(InputError, match="batch_size: 101 is more than 100 training images"):
        fit(batch_size=101)


@pytest.mark.parametrize("name", ["shift", "cutout"])
def test_augmentation_that_replaces_whole_images_is_refused(fit, name):
    with pytest.raises(InputError, match=f"{name}: expected less than the side .* 8 pixels, got 8"):
        fit(**{name: 8})


def test_one_instance_is_replaced_by_the_next_seed(fit, plain):
    before, _ = plain
    low, high = sorted(before.train_accuracy)
    assert low < high
    bad = int(before.train_accuracy.argmin())
    # a threshold between the two instances, which a new one may or may not reach
    trained = fit(converged_at=float(low + high) / 2, unconverged="replace", eval_every=2)
    assert (trained.replaced[0].instance, trained.replaced[0].seed) == (bad, 3 + bad)
    assert "training accuracy" in trained.replaced[0].reason
    assert trained.seeds[1 - bad] == 3 + 1 - bad
    kept = (member(one.parameters, 1 - bad) for one in (trained, before))
    chex.assert_trees_all_equal(*kept)
    last = trained.seeds[bad]
    assert last == 4 + len(trained.replaced)  # seeds are drawn in order, one at a time
    alone = fit(seed=last, instances=1, eval_every=2)
    twins = member(trained.parameters, bad), member(alone.parameters, 0)
    chex.assert_trees_all_close(*twins, **TWINS)
    for name in ("train_accuracy", "test_accuracy"):
        assert getattr(trained, name)[bad] == getattr(alone, name)[0]
        histories = getattr(trained.history, name)[:, bad], getattr(alone.history, name)[:, 0]
        np.testing.assert_array_equal(*histories)


def test_replacing_stops_after_three_draws_per_instance(fit):
    trained = fit(epochs=0, converged_at=1.0, unconverged="replace")
    assert trained.seeds == (7, 8)
    assert [one.seed for one in trained.replaced] == [3, 4, 5, 6]
    assert [(one.instance, one.seed) for one in trained.flagged] == [(0, 7), (1, 8)]
    assert len(trained.train_accuracy) == 2


def test_weights_that_overflow_are_flagged_and_training_continues(fit):
    trained = fit(learning_rate=1e25)
    assert [one.reason for one in trained.flagged] == ["weights are not finite since epoch 1"] * 2
    assert trained.history.train_loss.shape == (3, 2)


def test_finite_instances_checks_every_leaf():
    parameters = {"a": np.ones((3, 2)), "b": {"c": np.ones((3, 4))}}
    parameters["b"]["c"][1, 3] = np.inf
    parameters["a"][2, 0] = np.nan
    assert finite_instances(parameters).tolist() == [True, False, False]
