"""Configurations: checked when they are made, stored as JSON, and identified by a hash."""

import json
from dataclasses import fields, replace
from typing import get_args

import pytest

from ensemble_rsa.analysis.categories import AGGREGATES
from ensemble_rsa.config import analysis, settings
from ensemble_rsa.config.analysis import AnalysisConfig, RdmConfig, StatisticsConfig, StimulusConfig
from ensemble_rsa.config.effects import check_effects
from ensemble_rsa.config.serialize import (
    config_differences,
    config_from_dict,
    config_hash,
    config_to_dict,
)
from ensemble_rsa.config.settings import (
    Config,
    DataConfig,
    ExecutionConfig,
    ModelConfig,
    TrainingConfig,
)
from ensemble_rsa.config.sweep import sweep
from ensemble_rsa.data.dataset import SOURCES
from ensemble_rsa.data.decoding import RESIZE
from ensemble_rsa.data.preprocessing import PREPROCESSING
from ensemble_rsa.errors import InputError
from ensemble_rsa.models.catalogue import MODELS, MODULES
from ensemble_rsa.models.convolution import CONVOLUTIONS
from ensemble_rsa.rdm.distances import DISTANCES

OTHER = Config(
    DataConfig("folder:/pictures", train_images=30, preprocessing="none"),
    ModelConfig("all_cnn_7", 0.5, last_relu=False),
    TrainingConfig(instances=3, drop_after=(0.5,), dropout=0.25, unconverged="replace"),
)
GRID = sweep(OTHER, l2=[0.0, 1e-4], dropout=[0.1, 0.2])


def test_the_default_recipe_is_that_of_the_paper():
    recipe = TrainingConfig()
    assert (recipe.instances, recipe.epochs, recipe.batch_size) == (10, 350, 128)
    assert (recipe.learning_rate, recipe.momentum, recipe.l2) == (0.01, 0.9, 1e-5)
    assert (recipe.clip_norm, recipe.dropout) == (500.0, 0.0)
    assert [round(share * 350, 9) for share in recipe.drop_after] == [200, 250, 300]


@pytest.mark.parametrize(
    ("choices", "registry"),
    [
        ((*get_args(settings.DatasetName), "folder", "tfds", "arrays"), SOURCES),
        (get_args(settings.PreprocessingName), PREPROCESSING),
        (get_args(settings.Resize), RESIZE),
        (get_args(settings.ConvNetName), MODELS),
        (get_args(settings.ModuleName), MODULES),
        (get_args(settings.Convolution), ["auto", *CONVOLUTIONS]),
        (get_args(analysis.DistanceName), DISTANCES),
        (get_args(analysis.WithinCategory), AGGREGATES),
    ],
)
def test_choices_are_the_names_of_the_registries(choices, registry):
    assert sorted(choices) == sorted(registry)


@pytest.mark.parametrize(
    ("config", "earlier"),
    [(Config(), "f8f7b9a57780"), (OTHER, "3dc6450fc601"), (GRID, "c290303d0885")],
    ids=["defaults", "other", "grid"],
)
def test_a_configuration_is_read_back_from_json_and_keeps_the_hash_of_earlier_versions(
    config, earlier
):
    values = json.loads(json.dumps(config_to_dict(config)))
    assert config_from_dict(values) == config
    reordered = {name: dict(reversed(values[name].items())) for name in reversed(values)}
    assert config_hash(config_from_dict(reordered)) == config_hash(config) == earlier


def test_every_setting_of_data_model_and_training_changes_the_hash():
    changes = {
        "train_images is 40, was 30": replace(OTHER, data=replace(OTHER.data, train_images=40)),
        "width is 0.25, was 0.5": replace(OTHER, model=replace(OTHER.model, width=0.25)),
        "seed is 1, was 0": replace(OTHER, training=replace(OTHER.training, seed=1)),
    }
    assert len({config_hash(config) for config in (OTHER, *changes.values())}) == 4
    for difference, config in changes.items():
        assert config_differences(config, OTHER) == [difference]


def test_unknown_fields_are_named_and_missing_ones_have_their_defaults():
    with pytest.raises(InputError, match="config: unknown section 'network'; expected data, model"):
        config_from_dict({"network": {}})
    with pytest.raises(InputError, match="config: unknown model setting 'depth'; expected dropout"):
        config_from_dict({"model": {"depth": 9}})
    earlier = {"group": 2, "processes": 4, "process_id": 1}  # as earlier versions stored it
    assert config_from_dict({"execution": earlier}) == Config(execution=ExecutionConfig(group=2))
    assert config_from_dict({"training": {"epochs": 3}}) == Config(
        training=TrainingConfig(epochs=3)
    )


def test_a_grid_has_the_same_seeds_for_every_combination():
    first = sweep(Config(training=TrainingConfig(instances=2)), l2=[0.0, 1.0])
    assert (first.training.l2, first.training.seeds) == ((0.0, 0.0, 1.0, 1.0), (0, 1, 0, 1))
    again = sweep(first, dropout=[0.1, 0.2]).training
    assert again.l2 == (0.0, 0.0, 1.0, 1.0) * 2
    assert again.dropout == (0.1,) * 4 + (0.2,) * 4
    for values, message in (({"epochs": [1.0]}, "unknown 'epochs'"), ({"l2": []}, r"got \[\]")):
        with pytest.raises(InputError, match=f"sweep: .*{message}"):
            sweep(OTHER, **values)


def test_seeds_of_order_and_dropout_are_swept_as_whole_numbers():
    base = Config(training=TrainingConfig(instances=2, seed=5))
    grid = sweep(base, order_seed=[0.0, 3.0], dropout_seed=[1, 2])
    assert grid.training.seeds == (5, 6) * 4
    assert grid.training.order_seed == (0,) * 4 + (3,) * 4
    assert grid.training.dropout_seed == (1, 1, 2, 2) * 2
    assert config_from_dict(config_to_dict(grid)) == grid
    assert config_hash(grid) != config_hash(base)
    # stored when no instance had a seed of its own
    assert config_hash(Config()) == "f8f7b9a57780"
    with pytest.raises(InputError, match="sweep: expected whole numbers for order_seed, got 0.5"):
        sweep(base, order_seed=[0, 0.5])
    with pytest.raises(InputError, match="order_seed: expected one value, or one for each of 2"):
        TrainingConfig(instances=2, order_seed=(1, 2, 3))


def test_settings_of_an_analysis_are_given_by_name():
    changed = AnalysisConfig.of(distance="cosine", stimuli=20).replace(n_resamples=100, stimuli=30)
    assert changed == AnalysisConfig(
        StimulusConfig(30), RdmConfig("cosine"), StatisticsConfig(n_resamples=100)
    )
    with pytest.raises(InputError, match="setting: unknown 'resamples'; choose from stimuli, "):
        AnalysisConfig.of(resamples=100)


def test_an_analysis_is_stored_without_its_sections():
    sections = (StimulusConfig(20), RdmConfig(), StatisticsConfig())
    expected = {f.name: getattr(part, f.name) for part in sections for f in fields(part)}
    assert len(expected) == 13
    assert config_to_dict(AnalysisConfig(*sections)) == expected


@pytest.mark.parametrize(
    ("section", "name", "value", "expected"),
    [
        (DataConfig, "dataset", "mnist", "choose from digits, cifar10, imagenet2012, folder:PATH"),
        (DataConfig, "dataset", "digits:here", "unknown"),
        (DataConfig, "dataset", "folder", "unknown"),
        (DataConfig, "dataset", "folder:", "expected folder:PATH with the path of a folder"),
        (DataConfig, "train_images", 0, "1 or more"),
        (DataConfig, "test_images", -5, "1 or more"),
        (DataConfig, "image_size", 0, "1 or more"),
        (DataConfig, "test_fraction", 1.0, "between 0 and 1"),
        (DataConfig, "categories", ("cat",), "two or more"),
        (ModelConfig, "width", 0.0, "above 0"),
        (ModelConfig, "width", float("nan"), "above 0"),
        (TrainingConfig, "instances", 0, "1 or more"),
        (TrainingConfig, "epochs", -1, "0 or more"),
        (TrainingConfig, "eval_every", True, "a whole number"),
        (TrainingConfig, "seed", -1, "from 0 to 2147483648"),
        (TrainingConfig, "drop_after", (0.0,), "shares from 0 to 1"),
        (TrainingConfig, "learning_rate", 0.0, "above 0"),
        (TrainingConfig, "dropout", 1.0, "from 0 to below 1"),
        (TrainingConfig, "momentum", 1.5, "from 0 to below 1"),
        (TrainingConfig, "l2", -1e-5, "0 or more"),
        (TrainingConfig, "l2", (0.1, 0.2), "one for each of 10 instances, got 2"),
        (TrainingConfig, "save_at", (3, -1), "a whole number, 0 or more"),
        (TrainingConfig, "converged_at", 1.5, "from 0 to 1"),
        (ExecutionConfig, "at_once", 0, "1 or more"),
        (StimulusConfig, "stimuli", 1, "2 or more"),
        (RdmConfig, "epoch", -1, "0 or more"),
        (StatisticsConfig, "n_resamples", 0, "1 or more"),
        (StatisticsConfig, "confidence", 1.0, "between 0 and 1"),
    ],
)
def test_impossible_values_are_refused_in_one_line(section, name, value, expected):
    with pytest.raises(InputError) as caught:
        section(**{name: value})
    message = str(caught.value)
    assert message.startswith(f"{name}: ")
    assert str(value) in message or isinstance(value, tuple)
    assert expected in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("section", "name", "choices"),
    [
        (ExecutionConfig, "feed", "auto, memory, disk"),
        (
            ExecutionConfig,
            "convolution",
            "auto, winograd, plain_gradients, patches, per_instance, xla",
        ),
        (ModelConfig, "model", "all_cnn_c, all_cnn_7, all_cnn_7b, alexnet"),
        (DataConfig, "preprocessing", "gcn_zca, gcn_zca_per_image, standardize, symmetric, none"),
        (TrainingConfig, "unconverged", "keep, replace"),
        (RdmConfig, "distance", "correlation, cosine, euclidean, unit_euclidean, norm_difference"),
        (StatisticsConfig, "within_category", "pooled, per_category"),
    ],
)
def test_names_that_are_no_choice_are_refused(section, name, choices):
    config = section()
    object.__setattr__(config, name, "other")  # the test run checks annotations of arguments first
    with pytest.raises(InputError, match=f"{name}: unknown 'other'; choose from {choices}"):
        config.__post_init__()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--model alexnet --no-last-relu", "last_relu: is about All-CNN and has no effect on"),
        ("--model alexnet --no-valid-padding", "valid_padding: is about All-CNN and has no"),
        ("--model alexnet --dropout-after all", "dropout_after: is about All-CNN and has no"),
        ("--schedule one_cycle --warm-up 0.2", "warm_up: expected 0 for the schedule one_cycle"),
        ("--recipe vit --schedule one_cycle", "warm_up: expected 0 for the schedule one_cycle"),
        ("--save-at 500 --epochs 350", "save_at: expected epochs from 0 to 350, the last one, got"),
        ("--recipe vit --precision bfloat16", "precision: expected float32 or tensorfloat32 for"),
        ("--model nets:Net --precision bfloat16", "precision: expected float32 or tensorfloat32"),
    ],
)
def test_settings_that_would_have_no_effect_are_refused(words, message, capsys):
    from ensemble_rsa.cli.main import main

    assert main(["train", *words.split(), "--print"]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"ensemble-rsa: {message}")
    assert said.count("\n") == 1


def test_settings_with_an_effect_are_accepted():
    check_effects(Config(model=ModelConfig("alexnet", 0.5, dropout_after="strided")))
    for training in (
        TrainingConfig(schedule="cosine", warm_up=0.2),
        TrainingConfig(schedule="one_cycle"),
        TrainingConfig(epochs=9, save_at=(0, 9)),
        TrainingConfig(epochs=9, save_at="trajectory"),
    ):
        check_effects(Config(training=training))
    # of finished runs, which stay readable
    old = Config(
        model=ModelConfig("alexnet", last_relu=False),
        training=TrainingConfig(epochs=9, save_at=(0, 20), schedule="one_cycle", warm_up=0.1),
    )
    assert config_from_dict(config_to_dict(old)) == old
    rounded = TrainingConfig(precision="bfloat16")
    assert Config(model=ModelConfig("alexnet"), training=rounded).training == rounded


def test_recipes_and_what_flags_change(capsys):
    from ensemble_rsa.cli.main import main
    from ensemble_rsa.config.presets import PRESETS, preset

    assert preset("paper").training == TrainingConfig()
    words = ["train", "--recipe", "resnet", "--width", "0.5", "--epochs", "30", "--print"]
    assert main(words) == 0
    shown = json.loads(capsys.readouterr().out)
    training = PRESETS["resnet"].training
    expected = Config(
        PRESETS["resnet"].data, ModelConfig("resnet20", 0.5), replace(training, epochs=30)
    )
    assert shown == config_to_dict(expected)
    assert main(["train", "--recipe", "resnet", "--resume", "--out", "nowhere"]) == 2
    assert "recipe: a resumed run has its own settings" in capsys.readouterr().err
    with pytest.raises(InputError, match="recipe: unknown 'resnets'; .*resnet"):
        preset("resnets")


def test_what_instances_differ_in(capsys):
    from ensemble_rsa.cli.main import main

    words = ["train", "--instances", "3", "--seed", "4", "--order-seed", "7", "--print"]
    assert main([*words, "--dropout", "0.5", "--vary", "order", "dropout"]) == 0
    training = json.loads(capsys.readouterr().out)["training"]
    assert (training["seeds"], training["order_seed"]) == ([4, 4, 4], [7, 8, 9])
    assert (training["dropout_seed"], training["augmentation_seed"]) == ([0, 1, 2], 0)
    for given, message in {
        ("--vary",): "vary: expected one or more of weights, order, augmentation, dropout",
        ("--vary", "order", "--seeds", "1", "2", "3"): "vary: expected one seed for all instances",
        ("--vary", "order", "--sweep", "dropout=0,0.5"): "vary: expected either --vary or --sweep",
        ("--vary", "dropout"): "vary: expected a recipe with dropout, got one without",
        ("--vary", "order", "augmentation"): "vary: expected a recipe with augmentation",
        ("--vary", "order", "--unconverged", "replace"): "vary: expected --unconverged keep",
    }.items():
        assert main([*words, *given]) == 2
        assert message in capsys.readouterr().err
