"""Whole trainings: twins, seeds, history, reports, and instances that do not converge."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ensemble_rsa.config.settings import Config, DataConfig, ModelConfig, TrainingConfig
from ensemble_rsa.data.preprocessing import apply_preprocessing, fit_preprocessing
from ensemble_rsa.errors import InputError
from ensemble_rsa.models.ensemble import Blueprint, init_ensemble, member
from ensemble_rsa.training.ensemble import finite_instances, train_ensemble

STEPS = 5  # 100 images in batches of 20


@pytest.fixture(scope="module")
def fit(tiny_model, small_digits, quick_execution):
    """Train on 100 digits, once for each recipe; the statuses are the second result."""

    @cache
    def trained(**recipe):
        recipe = {"instances": 2, "epochs": 3, "batch_size": 20, "eval_every": 2} | recipe
        config = Config(
            DataConfig(preprocessing="standardize"),
            ModelConfig(tiny_model, width=0.2),
            TrainingConfig(**{"learning_rate": 0.05} | recipe),
        )
        statuses = []
        return train_ensemble(config, small_digits, quick_execution, statuses.append), statuses

    return trained


def flat(parameters, instance: int) -> np.ndarray:
    one = member(parameters, instance)
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(one)])


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_an_instance_trained_alone_is_its_twin_in_the_ensemble(dropout, fit):
    both, _ = fit(dropout=dropout, seed=3)
    alone, _ = fit(dropout=dropout, seed=4, instances=1)
    twin = flat(both.parameters, 1)
    assert np.abs(twin - flat(both.parameters, 0)).max() > 0.1  # two instances are two networks
    np.testing.assert_allclose(flat(alone.parameters, 0), twin, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        alone.history.train_loss[:, 0], both.history.train_loss[:, 1], rtol=1e-5
    )
    assert alone.test_accuracy[0] == both.test_accuracy[1]


@pytest.mark.parametrize(
    "change", [{"order_seed": 1}, {"dropout_seed": 1}], ids=["order", "dropout"]
)
def test_each_seed_of_the_recipe_changes_the_result(change, fit):
    one, other = fit(dropout=0.3, seed=3)[0], fit(dropout=0.3, seed=3, **change)[0]
    difference = np.abs(flat(one.parameters, 0) - flat(other.parameters, 0)).max()
    assert difference > 1e-3  # a twin differs by 1e-6 at most


def test_without_dropout_its_seed_changes_nothing(fit):
    one, other = fit(dropout=0.0, seed=3)[0], fit(dropout=0.0, seed=3, dropout_seed=1)[0]
    np.testing.assert_array_equal(flat(one.parameters, 0), flat(other.parameters, 0))


def test_history_has_a_row_for_each_epoch_and_nan_where_nothing_was_tested(fit):
    history = fit(dropout=0.0, seed=3)[0].history
    for values in (history.train_loss, history.train_accuracy, history.test_accuracy):
        assert values.shape == (3, 2)
    assert np.isnan(history.test_accuracy).tolist() == [[True] * 2, [False] * 2, [False] * 2]
    assert np.isfinite(history.train_loss).all()
    assert (history.train_loss[-1] < history.train_loss[0]).all()


def test_final_accuracies_are_those_of_the_final_networks(fit, small_digits):
    trained, _ = fit(dropout=0.0, seed=3)
    fitted = fit_preprocessing("standardize", small_digits.train_images)
    for images, labels, accuracies in (
        (small_digits.train_images, small_digits.train_labels, trained.train_accuracy),
        (small_digits.test_images, small_digits.test_labels, trained.test_accuracy),
    ):
        batch = apply_preprocessing(fitted, jnp.asarray(images))
        for i in range(2):
            logits = trained.network.logits(member(trained.parameters, i), batch)
            right = np.asarray(logits).argmax(1) == labels
            assert accuracies[i] == pytest.approx(right.sum() / len(labels), abs=1e-12)
    np.testing.assert_array_equal(trained.history.test_accuracy[-1], trained.test_accuracy)


def test_reports_count_up_to_all_steps(fit):
    _, statuses = fit(dropout=0.0, seed=3)
    steps = [status.step for status in statuses]
    assert steps == sorted(steps)
    assert steps[-1] == statuses[0].steps == 3 * STEPS
    assert statuses[-1].seeds == (3, 4)
    ended = [status for status in statuses if status.epoch_ended]
    assert [status.epoch for status in ended] == [1, 2, 3]
    assert [status.step for status in ended] == [STEPS, 2 * STEPS, 3 * STEPS]
    assert ended[0].test_accuracy is None
    assert ended[1].test_accuracy.shape == (2,)


def test_no_epochs_leave_the_first_networks(fit, tiny_model):
    trained, statuses = fit(epochs=0, seed=3)
    first = init_ensemble(Blueprint(ModelConfig(tiny_model, width=0.2), (8, 8, 1), 10), [3, 4])[1]
    for i in range(2):
        np.testing.assert_array_equal(flat(trained.parameters, i), flat(first, i))
    assert trained.history.train_loss.shape == (0, 2)
    assert trained.test_accuracy.shape == (2,)
    assert statuses == []


def test_a_batch_larger_than_the_training_set_is_refused(fit):
    with pytest.raises(InputError, match="batch_size: 101 is more than 100 training images"):
        fit(batch_size=101)


def test_one_instance_is_replaced_by_the_next_seed(fit):
    plain, _ = fit(dropout=0.0, seed=3)
    low, high = sorted(plain.train_accuracy)
    assert low < high
    bad = int(plain.train_accuracy.argmin())
    # a bar that one instance passes, and that a new one may or may not
    trained, _ = fit(dropout=0.0, seed=3, converged_at=float(low + high) / 2, unconverged="replace")
    assert trained.replaced[0].instance == bad
    assert trained.replaced[0].seed == 3 + bad
    assert "training accuracy" in trained.replaced[0].reason
    assert trained.seeds[1 - bad] == 3 + 1 - bad
    np.testing.assert_array_equal(
        flat(trained.parameters, 1 - bad), flat(plain.parameters, 1 - bad)
    )
    last = trained.seeds[bad]
    assert last == 4 + len(trained.replaced)  # seeds are drawn in order, one at a time
    alone, _ = fit(dropout=0.0, seed=last, instances=1)
    np.testing.assert_allclose(
        flat(trained.parameters, bad), flat(alone.parameters, 0), rtol=1e-5, atol=1e-6
    )
    for name in ("train_accuracy", "test_accuracy"):
        assert getattr(trained, name)[bad] == getattr(alone, name)[0]
        np.testing.assert_array_equal(
            getattr(trained.history, name)[:, bad], getattr(alone.history, name)[:, 0]
        )


def test_replacing_stops_after_three_draws_per_instance(fit):
    trained, _ = fit(epochs=0, seed=3, converged_at=1.0, unconverged="replace")
    assert trained.seeds == (7, 8)
    assert [verdict.seed for verdict in trained.replaced] == [3, 4, 5, 6]
    assert [(verdict.instance, verdict.seed) for verdict in trained.flagged] == [(0, 7), (1, 8)]
    assert len(trained.train_accuracy) == 2


def test_instances_are_kept_and_named_unless_replacing_is_asked_for(fit):
    trained, _ = fit(epochs=0, seed=3)
    assert trained.seeds == (3, 4)
    assert trained.replaced == ()
    assert [verdict.seed for verdict in trained.flagged] == [3, 4]


def test_weights_that_overflow_are_named_and_training_goes_on(fit):
    trained, statuses = fit(learning_rate=1e25, seed=3)
    assert [verdict.reason for verdict in trained.flagged] == [
        "weights are not finite since epoch 1"
    ] * 2
    assert statuses[-1].step == 3 * STEPS
    assert trained.history.train_loss.shape == (3, 2)


def test_finite_instances_looks_at_every_leaf():
    parameters = {"a": np.ones((3, 2)), "b": {"c": np.ones((3, 4))}}
    parameters["b"]["c"][1, 3] = np.inf
    parameters["a"][2, 0] = np.nan
    assert finite_instances(parameters).tolist() == [True, False, False]
