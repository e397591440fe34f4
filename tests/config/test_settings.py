"""Configurations: checked when made, whole after a round trip, named by a hash."""

import dataclasses
import json
import re

import pytest

from ensemble_rsa.config.analysis import AnalysisConfig, RdmConfig, StatisticsConfig, StimulusConfig
from ensemble_rsa.config.serialize import config_from_dict, config_hash, config_to_dict
from ensemble_rsa.config.settings import Config, DataConfig, ModelConfig, TrainingConfig
from ensemble_rsa.errors import InputError

OTHER = Config(
    DataConfig("folder:/pictures", train_images=30, preprocessing="none"),
    ModelConfig("all_cnn_7", 0.5, last_relu=False),
    TrainingConfig(instances=3, drop_after=(0.5,), dropout=0.25, unconverged="replace"),
)


def test_the_recipe_is_the_papers():
    recipe = TrainingConfig()
    assert (recipe.instances, recipe.epochs, recipe.batch_size) == (10, 350, 128)
    assert (recipe.learning_rate, recipe.momentum, recipe.l2) == (0.01, 0.9, 1e-5)
    assert (recipe.clip_norm, recipe.dropout) == (500.0, 0.0)
    assert [round(share * 350, 9) for share in recipe.drop_after] == [200, 250, 300]


@pytest.mark.parametrize("config", [Config(), OTHER], ids=["defaults", "other"])
def test_a_configuration_comes_back_from_json(config):
    text = json.dumps(config_to_dict(config))
    assert config_from_dict(json.loads(text)) == config


def test_a_file_may_leave_out_what_is_not_special():
    assert config_from_dict({"training": {"epochs": 3}}) == Config(
        training=TrainingConfig(epochs=3)
    )


def test_the_hash_is_that_of_the_values():
    assert re.fullmatch("[0-9a-f]{12}", config_hash(OTHER))
    assert config_hash(config_from_dict(config_to_dict(OTHER))) == config_hash(OTHER)
    values = config_to_dict(OTHER)
    turned = {name: dict(reversed(values[name].items())) for name in reversed(values)}
    assert config_hash(config_from_dict(turned)) == config_hash(OTHER)


def test_every_setting_counts_in_the_hash():
    changes = [
        dataclasses.replace(OTHER, data=dataclasses.replace(OTHER.data, train_images=40)),
        dataclasses.replace(OTHER, model=dataclasses.replace(OTHER.model, width=0.25)),
        dataclasses.replace(OTHER, training=dataclasses.replace(OTHER.training, order_seed=1)),
    ]
    assert len({config_hash(config) for config in (OTHER, *changes)}) == 4


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"network": {}}, "config: unknown section 'network'; expected data, model, training"),
        ({"model": {"depth": 9}}, "config: unknown model setting 'depth'; expected dropout_after"),
    ],
)
def test_unknown_fields_are_named(values, message):
    with pytest.raises(InputError, match=re.escape(message)):
        config_from_dict(values)


def test_settings_of_an_analysis_are_given_by_name():
    changed = AnalysisConfig.of(distance="cosine", stimuli=20).replace(n_resamples=100, stimuli=30)
    assert changed == AnalysisConfig(
        StimulusConfig(30), RdmConfig("cosine"), StatisticsConfig(n_resamples=100)
    )
    with pytest.raises(InputError, match="setting: unknown 'resamples'; choose from stimuli, "):
        AnalysisConfig.of(resamples=100)


def test_an_analysis_is_stored_without_its_sections():
    assert config_to_dict(AnalysisConfig.of(stimuli=20)) == {
        "distance": "correlation",
        "stimuli": 20,
        "draw_stimuli": False,
        "stimulus_seed": 0,
        "stimulus_map": None,
        "epoch": None,
        "cocktail_blank": False,
        "dropout_sample": None,
        "one_mask": False,
        "within_category": "pooled",
        "n_resamples": 10_000,
        "confidence": 0.95,
        "seed": 0,
    }


@pytest.mark.parametrize(
    ("section", "name", "value", "expected"),
    [
        (DataConfig, "image_size", 0, "1 or more"),
        (DataConfig, "test_fraction", 1.0, "between 0 and 1"),
        (ModelConfig, "width", 0.0, "above 0"),
        (ModelConfig, "width", float("nan"), "above 0"),
        (TrainingConfig, "instances", 0, "1 or more"),
        (TrainingConfig, "epochs", -1, "0 or more"),
        (TrainingConfig, "batch_size", 0, "1 or more"),
        (TrainingConfig, "eval_every", 0, "1 or more"),
        (TrainingConfig, "seed", -1, "from 0 to 2147483648"),
        (TrainingConfig, "order_seed", -2, "from 0 to 2147483648"),
        (TrainingConfig, "dropout_seed", -3, "from 0 to 2147483648"),
        (TrainingConfig, "learning_rate", 0.0, "above 0"),
        (TrainingConfig, "clip_norm", -1.0, "above 0"),
        (TrainingConfig, "dropout", 1.0, "from 0 to below 1"),
        (TrainingConfig, "dropout", -0.1, "from 0 to below 1"),
        (TrainingConfig, "momentum", 1.5, "from 0 to below 1"),
        (TrainingConfig, "l2", -1e-5, "0 or more"),
        (StimulusConfig, "stimuli", 1, "2 or more"),
        (StatisticsConfig, "n_resamples", 0, "1 or more"),
        (StatisticsConfig, "confidence", 1.0, "between 0 and 1"),
    ],
)
def test_impossible_values_are_refused_in_one_line(section, name, value, expected):
    with pytest.raises(InputError) as caught:
        section(**{name: value})
    message = str(caught.value)
    assert message.startswith(f"{name}: ")
    assert str(value) in message
    assert expected in message
    assert "\n" not in message
