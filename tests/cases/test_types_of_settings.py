"""Settings of another type: refused in one sentence, or taken for what they hold."""

from pathlib import Path

import numpy as np
import pytest

from ensemble_rsa.config.analysis import AnalysisConfig, RdmConfig, StatisticsConfig
from ensemble_rsa.config.serialize import config_hash
from ensemble_rsa.config.settings import (
    Config,
    DataConfig,
    ExecutionConfig,
    ModelConfig,
    TrainingConfig,
)
from ensemble_rsa.config.sweep import sweep
from ensemble_rsa.errors import InputError

pytestmark = pytest.mark.usefixtures("unchecked_annotations")


@pytest.mark.parametrize(
    ("section", "values", "expected"),
    [
        (DataConfig, {"dataset": ["digits"]}, "expected text, got ['digits']"),
        (DataConfig, {"train_images": "100"}, "expected a whole number or None, got '100'"),
        (DataConfig, {"train_images": 100.0}, "expected a whole number or None, got 100.0"),
        (DataConfig, {"preprocessing": ["none"]}, "unknown ['none']; choose from gcn_zca"),
        (DataConfig, {"categories": "cats"}, "a tuple of values, each text or None, got 'cats'"),
        (DataConfig, {"categories": (1, 2)}, "a tuple of values, each text or None, got (1, 2)"),
        (ModelConfig, {"width": True}, "expected a number, got True"),
        (ModelConfig, {"last_relu": 1}, "expected True or False, got 1"),
        (TrainingConfig, {"learning_rate": "0.1"}, "expected a number or a tuple of values, each"),
        (TrainingConfig, {"learning_rate": None}, "expected a number or a tuple of values, each"),
        (TrainingConfig, {"l2": float("inf")}, "expected 0 or more, got inf"),
        (TrainingConfig, {"seed": 1.0}, "expected a whole number, got 1.0"),
        (TrainingConfig, {"save_at": 3}, "expected 'trajectory' or a tuple of values, each a whol"),
        (TrainingConfig, {"save_at": "all"}, "unknown 'all'; choose from trajectory, numbers of"),
        (ExecutionConfig, {"at_once": 2.0}, "expected a whole number or 'auto' or 'all', got 2.0"),
        (StatisticsConfig, {"confidence": "95%"}, "expected a number, got '95%'"),
        (RdmConfig, {"distance": ["cosine"]}, "unknown ['cosine']; choose from correlation"),
        (Config, {"training": {"epochs": 3}}, "expected a TrainingConfig, got {'epochs': 3}"),
        (AnalysisConfig, {"stimulus": "cosine"}, "AnalysisConfig.of takes settings by their names"),
    ],
)
def test_values_of_another_type_are_refused_in_one_line(section, values, expected):
    with pytest.raises(InputError) as caught:
        section(**values)
    assert str(caught.value).startswith(f"{next(iter(values))}: ")
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_lists_arrays_numpy_numbers_and_paths_are_taken_for_what_they_hold():
    plain = TrainingConfig(instances=2, learning_rate=(0.5, 0.25), save_at=(0, 1, 2), momentum=0.5)
    for rates, epochs in (([0.5, 0.25], [0, 1, 2]), (np.array([0.5, 0.25]), range(3))):
        given = TrainingConfig(
            instances=np.int64(2), learning_rate=rates, save_at=epochs, momentum=np.float32(0.5)
        )
        assert given == plain
        assert hash(given) == hash(plain)
        assert config_hash(Config(training=given)) == config_hash(Config(training=plain))
    assert DataConfig(data_dir=Path("images")) == DataConfig(data_dir="images")
    assert DataConfig(categories=["cat", "dog"]) == DataConfig(categories=("cat", "dog"))


@pytest.mark.parametrize("given", [0.1, "0.1", ["0.1"], [True], []])
def test_a_grid_takes_lists_of_numbers(given):
    with pytest.raises(InputError, match="sweep: expected "):
        sweep(Config(), l2=given)
