"""One small training for all tests: equal recipes share their compiled programs."""

import dataclasses
from functools import cache

import jax
import numpy as np
import pytest

SMALL = {"instances": 2, "epochs": 3, "batch_size": 50, "learning_rate": 0.05, "seed": 3}
# the settings on which the compiled programs depend, besides whether there is dropout
COMPILED = ("epochs", "batch_size", "drop_after", "momentum", "l2_biases", "clip_norm")
COMPILED += ("precision",)


@pytest.fixture(scope="module")
def shared_programs(tiny_model):
    """Trainings of one file of tests compile the same program, and draw the same weights, once."""
    from ensemble_rsa.config.settings import TrainingConfig, seeds_of_instance
    from ensemble_rsa.training import ensemble, loop

    make_setup, init_ensemble, setups = ensemble.make_setup, loop.init_ensemble, {}

    def shared(config, dataset, execution, images):
        own = {name: getattr(seeds_of_instance(config.training, 0), name) for name in COMPILED}
        own["dropout"] = 0.5 * bool(np.any(config.training.dropout))
        recipe = dataclasses.replace(config, training=TrainingConfig(**own))
        if recipe.training not in setups:
            setups[recipe.training] = make_setup(recipe, dataset, execution, images)
        train_data, test_data = images
        return dataclasses.replace(
            setups[recipe.training],
            config=config,
            dataset=dataset,
            train_data=train_data,
            test_data=test_data,
        )

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ensemble, "make_setup", shared)
        first = cache(lambda *given: jax.device_get(init_ensemble(*given)[1]))
        patch.setattr(loop, "init_ensemble", lambda *given: (None, first(*given)))
        yield


@pytest.fixture(scope="module")
def fit(shared_programs, tiny_model, small_digits, quick_execution):
    """Train two small networks on 100 digits: three epochs of two steps, unless told otherwise."""
    from ensemble_rsa.config import settings
    from ensemble_rsa.training.ensemble import train_ensemble

    def trained(folder=None, progress=None, group=None, **recipe):
        config = settings.Config(
            settings.DataConfig(preprocessing="standardize"),
            settings.ModelConfig(tiny_model, width=0.2),
            settings.TrainingConfig(**SMALL | recipe),
            settings.ExecutionConfig(group=group),
        )
        return train_ensemble(config, small_digits, quick_execution, progress, folder)

    return trained


@pytest.fixture(scope="module")
def plain(fit):
    """That training without any options, and the statuses it reported."""
    statuses = []
    return fit(progress=statuses.append, eval_every=2), statuses
