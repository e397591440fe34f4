"""`summary.json`: the numbers of the results, and nothing else."""

import json

import numpy as np
import pytest

from ensemble_rsa.config.analysis import AnalysisConfig
from ensemble_rsa.pipeline.analyze import analyze
from ensemble_rsa.pipeline.extract import extract
from ensemble_rsa.runs.summary import summarize


@pytest.fixture(scope="module")
def results():
    rng = np.random.default_rng(0)
    activations = {name: rng.normal(size=(3, 8, 20)) for name in ("V1", "V2")}
    activations["V2"][1] = 0.5  # cannot be compared
    return analyze(extract(activations, list("aabbccdd")), AnalysisConfig.of(n_resamples=50))


def test_every_number_is_that_of_the_results(results):
    summary = summarize(results, {"train": 1.23456, "extract": 2.0})
    assert json.loads(json.dumps(summary)) == summary
    assert summary["instances"] == 2
    assert summary["layers"] == ["V1", "V2"]
    assert summary["distance"] == "correlation"
    assert summary["seconds"] == {"train": 1.23, "extract": 2.0}
    assert set(summary["consistency"]) == {"exemplar", "centroid", "within_category"}
    for kind, values in summary["consistency"].items():
        found = results.sel(kind=kind)
        np.testing.assert_allclose(values["mean"], found.consistency_mean, atol=1e-6)
        for end in ("low", "high"):
            bounds = found[f"consistency_{end}"]
            np.testing.assert_allclose(values[end], bounds.sel(bootstrap="pairs"), atol=1e-6)
            np.testing.assert_allclose(
                values["instances"][end], bounds.sel(bootstrap="instances"), atol=1e-6
            )
    for end in ("mean", "low", "high"):
        np.testing.assert_allclose(
            summary["category_clustering_index"][end],
            results[f"category_clustering_index_{end}"],
            atol=1e-6,
        )


def test_who_was_left_out_is_said(results):
    (excluded,) = summarize(results, {})["excluded_instances"]
    assert excluded["instance"] == 1
    assert "V2" in excluded["reason"]


def test_activations_from_elsewhere_have_no_accuracy_and_no_model(results):
    summary = summarize(results, {})
    assert summary["accuracy"] == {}
    assert summary["model"] is summary["dataset"] is None


def test_accuracies_are_one_per_instance(results):
    own = results.assign(
        train_accuracy=("instance", [1.0, 0.75]), test_accuracy=("instance", [0.5, 0.25])
    ).assign_attrs(model="all_cnn_c", dataset="digits")
    summary = summarize(own, {})
    assert summary["accuracy"] == {"train": [1.0, 0.75], "test": [0.5, 0.25]}
    assert (summary["model"], summary["dataset"]) == ("all_cnn_c", "digits")


def test_without_categories_there_is_no_clustering():
    rng = np.random.default_rng(0)
    results = analyze(
        extract({"V1": rng.normal(size=(3, 8, 20))}), AnalysisConfig.of(n_resamples=20)
    )
    summary = summarize(results, {})
    assert set(summary["consistency"]) == {"exemplar"}
    assert "category_clustering_index" not in summary
