"""One small training for all tests: equal recipes share their compiled programs."""

import pytest

SMALL = {"instances": 2, "epochs": 3, "batch_size": 50, "learning_rate": 0.05, "seed": 3}


@pytest.fixture(scope="module")
def fit(tiny_model, small_digits, quick_execution):
    """Train two small networks on 100 digits: three epochs of two steps, unless told otherwise."""
    from ensemble_rsa.config.settings import (
        Config,
        DataConfig,
        ExecutionConfig,
        ModelConfig,
        TrainingConfig,
    )
    from ensemble_rsa.training.ensemble import train_ensemble

    def trained(folder=None, progress=None, group=None, **recipe):
        config = Config(
            DataConfig(preprocessing="standardize"),
            ModelConfig(tiny_model, width=0.2),
            TrainingConfig(**SMALL | recipe),
            ExecutionConfig(group=group),
        )
        return train_ensemble(config, small_digits, quick_execution, progress, folder)

    return trained


@pytest.fixture(scope="module")
def plain(fit):
    """That training without any options, and the statuses it reported."""
    statuses = []
    return fit(progress=statuses.append, eval_every=2), statuses
