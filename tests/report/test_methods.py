"""Methods paragraphs state what configuration and results say, and nothing else."""

import dataclasses
import json

import pytest
import xarray as xr

from ensemble_rsa.config.presets import PRESETS
from ensemble_rsa.config.serialize import config_to_dict
from ensemble_rsa.config.settings import Config, DataConfig, ModelConfig, TrainingConfig
from ensemble_rsa.config.sweep import sweep, vary
from ensemble_rsa.report.comparison import comparison_values
from ensemble_rsa.report.evaluation import evaluation_values
from ensemble_rsa.report.methods import (
    analysis_methods,
    comparison_methods,
    evaluation_methods,
    reproduction_methods,
    training_paragraph,
)
from ensemble_rsa.report.recipe import recipe_values
from ensemble_rsa.runs.set_aside import with_set_aside
from ensemble_rsa.training.recipe import make_schedule
from tests.report.test_comparison import comparison

VERSIONS = {"ensemble_rsa": "0.1.0", "jax": "0.10.2", "numpy": "2.4.6", "flax": "0.12.8"}
ANALYSIS = {
    "draw_stimuli": False, "stimulus_seed": 0, "stimulus_map": None, "epoch": None,
    "dropout_sample": None,
}  # fmt: skip


def methods(results, config=None, manifest=None, **analysis):
    stored = {} if config is None else json.loads(json.dumps(config_to_dict(config)))
    stored["analysis"] = ANALYSIS | analysis
    return analysis_methods(results, manifest or {}, stored)


def text(*args, **analysis):
    return " ".join(methods(*args, **analysis).paragraphs)


def states(said, *sentences):
    assert [each for each in sentences if each not in said] == []
    assert not any(wrong in said for wrong in ("None", "nan", "  ", " .", " ,", "..")), said


def test_the_recipe_of_the_paper(make_results):
    results = make_results(scale="width 1, 350 epochs of 50000 images")
    said = text(results, PRESETS["paper"])
    states(
        said,
        "We trained 10 instances of All-CNN-C (Springenberg et al. 2015) on CIFAR-10 (50,000 "
        "training images). They differed only in the seed of their initial weights (seeds 0–9).",
        "ZCA-whitened.",
        "Training took 350 epochs of stochastic gradient descent with a momentum of 0.9 in batches "
        "of 128 images. The learning rate was 0.01, divided by ten after epochs 200, 250 and 300. "
        "The loss was the cross-entropy plus 1e-05 times the sum of the squared weights and "
        "biases. The gradient of each network was clipped to a norm of 500. There was no dropout. "
        "Training images were not augmented, and all instances saw them in the same order.",
        "The networks were shown 60 test images (6 of each of 10 categories), the first of each "
        "category in the order of the data set, and activations were recorded in 9 layers (conv1 "
        "to conv9).",
        "holds one minus the Pearson correlation across units of the activation patterns",
        "averaged over the 45 pairs of instances. Centroid-based",
        "pooled over categories in one correlation.",
        "Intervals over instances (95 % confidence) were computed by the jackknife",
        "with Student's t of 9 degrees of freedom",
        "as if they were independent (10,000 resamples).",
        "The embeddings of RDMs and of stimuli in the figures minimise metric stress",
    )
    assert "did not reach" not in said


def test_the_recipe_of_a_residual_network(make_results):
    results = make_results(n_layers=2, n_instances=3, model="resnet20")
    found = methods(results, PRESETS["resnet"])
    states(
        found.paragraphs[0],
        "10 instances of ResNet-20 (He et al. 2016) on CIFAR-10.",
        "Training took 164 epochs",
        "0.1, divided by ten after epochs 82 and 123.",
        "plus 5e-05 times the sum of the squared parameters.",
        "Training images were mirrored at random and shifted at random by up to 4 pixels, and all",
    )
    assert "dropout" not in found.paragraphs[0]
    assert sum("doi:10.1109/CVPR.2016.90" in each for each in found.references) == 1


@pytest.mark.parametrize(
    ("drop_after", "words", "shares"),
    [
        (TrainingConfig().drop_after, "by 100 after epoch 2. ", (1, 0.01)),
        ((0.3, 0.6, 0.7), "by ten after epoch 1, and by 100 after epoch 2. ", (0.1, 0.001)),
    ],
)
def test_drops_that_fall_on_one_epoch_are_multiplied(drop_after, words, shares):
    training = TrainingConfig(epochs=3, drop_after=drop_after)
    schedule = make_schedule(training, steps_per_epoch=5)
    assert [schedule(9), schedule(14)] == pytest.approx(shares)  # in the epochs 2 and 3
    values = recipe_values(Config(training=training))
    none = {"n_flagged": 0, "n_failed": 0, "n_replaced": 0}
    said = training_paragraph(values | none)[0]
    states(said, f"The learning rate was 0.01, divided {words}")


def test_the_recipe_of_a_transformer(make_results):
    said = text(make_results(n_layers=2, n_instances=3), PRESETS["vit"])
    states(
        said,
        "200 epochs of AdamW in batches of 128 images. The learning rate was 0.001, reached "
        "linearly over the first 5 % of the training, and fell to zero along a cosine. The loss "
        "was the cross-entropy with a label smoothing of 0.1; weights, not biases, decayed by 0.05",
    )


def test_a_sweep_says_what_differs_and_how_often(make_results):
    base = dataclasses.replace(PRESETS["paper"], training=TrainingConfig(instances=3))
    results = make_results(n_layers=2, n_instances=6)
    states(
        text(results, sweep(base, dropout=[0.0, 0.5])),
        "We trained 6 instances",
        "only in the seed of their initial weights (seeds 0–2) and the probability of dropout (0, "
        "0.5). There are 3 instances for each setting.",
        "Dropout acted after the strided layers, with the probability of each instance.",
    )
    states(
        text(results, sweep(base, l2=[1e-5, 1e-4], learning_rate=[0.01, 0.1])),
        "There are 3 instances for each combination of settings.",
        "The learning rate differed between instances, divided by ten",
        "the sum of the squared weights and biases times a coefficient that differed between",
    )
    said = text(results, vary(base, ["order"]))
    states(said, "They differed only in the seed of the order of training images (seeds 0–2).")
    assert "same order" not in said


def test_a_sweep_over_one_value_has_that_value(make_results):
    training = TrainingConfig(instances=3, learning_rate=(0.1,) * 3, l2=(0.0,) * 3)
    said = text(make_results(n_layers=2, n_instances=3), Config(training=training))
    states(said, "The learning rate was 0.1, divided by", "The loss was the cross-entropy. ")


@pytest.mark.parametrize(
    ("distance", "words"),
    [
        ("correlation", "2 constant patterns had the distance 1 to every other pattern."),
        ("cosine", "2 all-zero patterns had the distance 1 to every other pattern."),
        ("unit_euclidean", "2 all-zero patterns had the distance √2 to every other pattern."),
    ],
)
def test_patterns_without_direction_are_named_by_their_distance(make_results, distance, words):
    results = make_results(n_layers=2, n_instances=3, distance=distance)
    results.constant_patterns[1, 2] = 2
    states(text(results), words)


def test_mappings_of_categories_are_named(make_results):
    data = DataConfig("folder:/data/birds", category_map="/data/families.json")
    config = Config(data, training=TrainingConfig(instances=3))
    states(
        text(make_results(n_layers=2, n_instances=3), config, stimulus_map="animals"),
        "Classes of images were grouped into categories by the mapping families.json, and those "
        "that it does not name were left out. Images were resized",
        "The categories of the stimuli are those of the mapping animals.",
    )


def test_masks_of_dropout_are_the_same_for_instances_of_one_seed(make_results):
    results = make_results(n_layers=2, n_instances=3)
    base = dataclasses.replace(PRESETS["paper"], training=TrainingConfig(instances=3, dropout=0.5))
    said = text(results, base, dropout_sample=0)
    states(said, "Dropout was applied at the rate of training, with masks that are the same for")
    said = text(results, vary(base, ["dropout"]), dropout_sample=0)
    states(
        said,
        "only in the seed of dropout",
        "with masks drawn from the dropout seed of each instance.",
    )
    assert "same for all" not in said


def test_other_images_and_settings(make_results):
    config = Config(
        DataConfig("folder:/data/birds", part="first_half", preprocessing="symmetric"),
        ModelConfig("nets:Small", model_arg=("depth=3",)),
        TrainingConfig(instances=1, epochs=1, optimiser="nesterov", precision="tensorfloat32"),
    )
    scale = "10 epochs of 1000 images"
    results = make_results(n_layers=2, n_instances=2, scale=scale).isel(instance=[0])
    said = text(results, config, draw_stimuli=True, epoch=0)
    states(
        said,
        "We trained one instance of the Flax module Small (depth=3) on the images in the folder "
        "birds (1,000 training images, the first half of each category's).",
        "Images were resized to 32 × 32 pixels (the short side scaled, and the centre cropped).",
        "Training took 1 epoch of stochastic gradient descent with a Nesterov momentum of 0.9",
        "Arithmetic was in tensorfloat32.",
        "The network was shown 60 test images (6 of each of 10 categories), drawn at random (seed "
        "0), and",
        "These are the networks after epoch 0.",
    )
    assert "differed" not in said


@pytest.mark.parametrize(
    ("set_aside", "words"),
    [
        (
            {"flagged": [1], "excluded": [4]},
            "We trained 5 instances; One of the 5 instances did not reach a training accuracy of "
            "99 % and was kept.; 1 of the 5 networks was excluded, since its RDMs",
        ),
        (
            {"flagged": [3, 4], "excluded": [3, 4]},
            "2 of the 5 instances did not reach a training accuracy of 99 % and were excluded.; "
            "The networks were shown; 2 of the 5 networks were excluded, since their RDMs",
        ),
        (
            {"flagged": [1, 4], "replaced": [0], "excluded": [4]},
            "3 instances did not reach a training accuracy of 99 %: 1 was replaced by networks of "
            "further seeds, 1 was kept and 1 was excluded.",
        ),
        ({"replaced": [0]}, "One instance did not reach a training accuracy of 99 % and was repl"),
    ],
)
def test_what_was_set_aside_is_stated_and_part_of_what_was_trained(make_results, set_aside, words):
    results = make_results(n_layers=2, n_instances=5 - len(set_aside.get("excluded", [])))
    for kind, instances in set_aside.items():
        entries = [{"instance": i, "seed": i, "reason": "?"} for i in instances]
        results = with_set_aside(results, kind, entries)
    five = dataclasses.replace(PRESETS["paper"], training=TrainingConfig(instances=5))
    said = text(results, five)
    states(said, *words.split("; "))
    assert "further instance" not in said
    said = text(results)
    assert ("further instance" in said) == ("excluded" in set_aside)


def test_imported_activations_have_no_recipe(foreign_results):
    found = methods(foreign_results)
    said = " ".join(found.paragraphs)
    states(
        said, "Activations of 4 instances in 3 layers (conv1, conv2, conv3) were analysed for 60"
    )
    absent = ["train", "epoch", "seed", "categor", "clustering", "Computations"]
    assert [word for word in absent if word in said] == []
    assert found.missing.startswith("How these networks were made and trained is not known")


def test_one_pair_and_one_instance_have_no_intervals(make_results):
    states(text(make_results(n_layers=2, n_instances=2)), "One pair of instances has no confidence")
    two = make_results(n_layers=2, n_instances=2)
    said = text(two.isel(instance=[0]).drop_dims(["instance_pair", "kind"]))
    states(said, "Consistency compares instances, and was not computed for one.")
    assert "Intervals" not in said


def test_versions_are_those_of_training_and_analysis(make_results):
    results, commit = make_results(n_layers=2, n_instances=3), "15bddce58007fbb5"
    made = {"versions": VERSIONS, "git_commit": commit}
    states(
        text(results, PRESETS["paper"], made),
        "Computations were made with ensemble_rsa 0.1.0 (commit 15bddce580), JAX 0.10.2, NumPy "
        "2.4.6, Flax 0.12.8.",
    )
    later = {"versions": VERSIONS | {"ensemble_rsa": "0.2.0"}, "git_commit": None}
    found = methods(results, PRESETS["paper"], made | {"analysis": later})
    states(found.paragraphs[-1], "and analysed with ensemble_rsa 0.2.0, JAX 0.10.2, NumPy 2.4.6.")
    assert found.references[-1].endswith("(version 0.2.0).")
    assert "Networks were trained" not in text(results, None, made | {"analysis": later})


def test_a_comparison(make_results):
    found = comparison_methods(comparison_values(comparison(comparison="rho_a", paired=1)), {})
    states(
        found.paragraphs[0],
        "We compared 5 instances of plain with 5 instances of dropout in 2 layers (conv1, conv2)",
        "(RDMs; Kriegeskorte et al. 2008) of correlation distance. The similarity of two RDMs is "
        "their Spearman's ρa; it",
        "with all 252 exchanges of the instances of a seed.",
        "Student's t on differences of jackknife pseudo-values",
    )
    assert not any("Mehrer" in each for each in found.references)
    found = comparison_methods(comparison_values(comparison(exact=0)), {"versions": VERSIONS})
    states(
        found.paragraphs[0],
        "shared variance, r² (Mehrer et al. 2020)",
        "with 252 random assignments of instances to runs",
    )
    assert any("Mehrer" in each for each in found.references)


def evaluation(n_subjects, **attrs):
    layers, names = ["conv1", "conv2"], ("low", "high", "sd", "dof", "p_adjusted")
    more = ("mean", "p_ceiling_adjusted", "share_of_ceiling", "instance_ceiling_lower")
    ceiling = 0.5 if n_subjects > 1 else float("nan")
    return xr.Dataset(
        {name: ("layer", [0.1, 0.2]) for name in (*names, *more)}
        | {f"subject_ceiling_{end}": ceiling for end in ("lower", "upper")}
        | {f"component_{name}": (("component", "layer"), [[1, 1]]) for name in ("share", "clipped")}
        | {"difference_p_adjusted": ("layer_pair", [0.5])}
        | {"similarity": (("layer", "instance", "subject"), [[[0.1] * n_subjects] * 4] * 2)},
        {
            "layer": layers, "component": ["instances"], "layer_first": ("layer_pair", ["conv1"]),
            "layer_second": ("layer_pair", ["conv2"]),
        },
        {
            "comparison": "rho_a", "random": "instances stimuli", "run": "mine", "dropped": 0,
            "reference": "brain.h5", "n_stimuli": 92, "n_resamples": 1000,
            "distance": "correlation", **attrs,
        },
    )  # fmt: skip


def test_an_evaluation_against_brains():
    found = evaluation_methods(evaluation_values(evaluation(3)), ["name=IT", "distance cosine"], {})
    states(
        found.paragraphs[0],
        "We compared 2 layers of 4 networks (mine) with the representational dissimilarity "
        "matrices (RDMs; Kriegeskorte et al. 2008) of 3 subjects in brain.h5 (name=IT, distance "
        "cosine), for 92 stimuli.",
        "compared by Spearman's ρa, averaged over networks and subjects.",
        "Instances and stimuli were random factors; results hold for these subjects alone.",
        "those of stimuli from 1,000 bootstrap draws",
        "(upper bound; Nili et al. 2014). One-sided tests are against zero and against the lower",
    )
    assert any("Nili" in each for each in found.references)
    found = evaluation_methods(evaluation_values(evaluation(1)), [], {})
    states(found.paragraphs[0], "matrix (RDM; Kriegeskorte et al. 2008) of 1 subject in brain.h5,")
    assert "ceiling" not in found.paragraphs[0]
    assert not any("Nili" in each for each in found.references)


def test_a_reproduction():
    ensembles = {"all_cnn_c": {"hash": "1", **config_to_dict(PRESETS["paper"])}, "dropout": {}}
    found = reproduction_methods({"ensembles": ensembles, "versions": VERSIONS})
    states(
        " ".join(found.paragraphs),
        "We trained 10 instances of All-CNN-C",
        "Further ensembles (dropout) differ from this one",
        "Flax 0.12.8.",
    )
    assert len(reproduction_methods({}).paragraphs) == 1


@pytest.mark.parametrize("config", [{"training": {"instances": 3}}, {"training": {"unknown": 1}}])
def test_runs_of_other_versions(make_results, config):
    said = " ".join(analysis_methods(make_results(n_layers=2), {}, config).paragraphs)
    assert ("We trained 3 instances" in said) == ("instances" in config["training"])
