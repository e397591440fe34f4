"""Modules with statistics and dropout of their own, trained like every other network."""

import chex
import jax
import numpy as np
import pytest

from ensemble_rsa.config import settings
from ensemble_rsa.models.ensemble import member
from ensemble_rsa.training.ensemble import train_ensemble
from tests.models.test_own_modules import FILE

TWINS = {"rtol": 1e-4, "atol": 1e-5}
EVERY_STEP = {"checkpoint_minutes": 1e-9}


class Killed(Exception):
    """Stands for the end of a process."""


@pytest.fixture(scope="module")
def fit(small_digits, quick_execution):
    """Train two modules of a user on 100 digits: two epochs of two steps."""

    def trained(folder=None, progress=None, devices=None, **recipe):
        recipe = {"instances": 2, "epochs": 2, "batch_size": 50, "seed": 3, **recipe}
        config = settings.Config(
            settings.DataConfig(preprocessing="standardize"),
            settings.ModelConfig(f"{FILE}:Net"),
            settings.TrainingConfig(**recipe),
            settings.ExecutionConfig(devices=devices),
        )
        return train_ensemble(config, small_digits, quick_execution, progress, folder)

    return trained


@pytest.fixture(scope="module")
def pair(fit):
    return fit()


def test_a_module_trained_alone_is_its_twin_in_the_ensemble(fit, pair):
    alone = fit(seed=4, instances=1)
    first, second = (member(pair.parameters, i) for i in (0, 1))
    chex.assert_trees_all_close(member(alone.parameters, 0), second, **TWINS)
    means = [one["statistics"]["blocks"][0]["norm"]["mean"] for one in (first, second)]
    assert np.abs(means[0] - means[1]).max() > 1e-3


def test_statistics_are_stored_and_training_resumes_bit_for_bit(fit, pair, tmp_path, monkeypatch):
    monkeypatch.setattr("ensemble_rsa.training.progress.SECONDS_PER_CALL", 0.0)

    def progress(status):
        if status.step >= 3 and not status.epoch_ended:
            raise Killed

    with pytest.raises(Killed):
        fit(tmp_path, progress, **EVERY_STEP)
    statuses = []
    resumed = fit(tmp_path, statuses.append, **EVERY_STEP)
    assert statuses[0].step == 3
    chex.assert_trees_all_equal(resumed.parameters, pair.parameters)


def test_dropout_of_a_module_depends_on_the_seed_of_the_recipe(fit, pair):
    other = fit(dropout_seed=1)
    kernels = [one.parameters["parameters"]["head"]["kernel"] for one in (pair, other)]
    assert np.abs(kernels[0] - kernels[1]).max() > 1e-4  # a twin differs by 1e-6


def test_the_penalty_and_the_optimiser_leave_statistics_alone(fit, pair):
    heavy = fit(l2=10.0)
    squares = lambda one: sum(np.vdot(x, x) for x in jax.tree.leaves(one.parameters["parameters"]))
    assert squares(heavy) < 0.5 * squares(pair)
    variances = heavy.parameters["statistics"]["blocks"][0]["norm"]["var"]
    assert (variances > 0).all()
    assert np.isfinite(variances).all()
