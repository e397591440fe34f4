"""`summary.json`: the numbers of the results, and nothing else."""

import json

import numpy as np
import pytest

from ensemble_rsa.report.sentence import result_sentence
from ensemble_rsa.runs.set_aside import n_failed, with_set_aside
from ensemble_rsa.runs.summary import summarize


@pytest.fixture
def results(make_results):
    return make_results(n_layers=2, n_instances=3)


def test_every_number_is_that_of_the_results(results):
    summary = summarize(results, {"train": 1.23456, "extract": 2.0})
    assert json.loads(json.dumps(summary)) == summary
    assert (summary["model"], summary["dataset"]) == ("all_cnn_c", "digits")
    assert summary["instances"] == 3
    assert summary["layers"] == ["conv1", "conv2"]
    assert summary["distance"] == "correlation"
    assert summary["accuracy"] == {"train": [0.99, 0.995, 1.0], "test": [0.95, 0.96, 0.97]}
    assert summary["seconds"] == {"train": 1.23, "extract": 2.0}
    assert set(summary["consistency"]) == {"exemplar", "centroid", "within_category"}
    for kind, values in summary["consistency"].items():
        found = results.sel(kind=kind)
        np.testing.assert_allclose(values["mean"], found.consistency_mean, atol=1e-6)
        for end in ("low", "high"):
            pairs, instances = found[f"consistency_{end}"]
            np.testing.assert_allclose(values[end], instances, atol=1e-6)
            np.testing.assert_allclose(values["pairs"][end], pairs, atol=1e-6)
    for end, values in summary["category_clustering_index"].items():
        expected = results[f"category_clustering_index_{end}"]
        np.testing.assert_allclose(values, expected, atol=1e-6)


def test_how_well_other_instances_predict_one(results):
    assert "instance_ceiling" not in summarize(results, {})  # of an earlier version
    bounds = {"lower": [0.81, 0.5], "upper": [0.9, 0.75]}
    known = {f"instance_ceiling_{end}": ("layer", values) for end, values in bounds.items()}
    assert summarize(results.assign(known), {})["instance_ceiling"] == bounds


def test_instances_that_were_set_aside_are_listed(results):
    entries = {
        kind: [{"instance": i, "seed": 7 + i, "reason": f"it was {kind}"}]
        for i, kind in enumerate(("excluded", "replaced", "flagged"))
    }
    for kind, entry in entries.items():
        results = with_set_aside(results, kind, entry)
    summary = summarize(results, {})
    assert summary["excluded_instances"] == entries["excluded"] + entries["replaced"]
    assert summary["flagged_instances"] == entries["flagged"]


def test_an_instance_that_did_not_converge_and_is_excluded_was_not_kept(make_results):
    """Instances 0 and 4 did not converge, 4 and 5 are excluded; 4 was another seed before."""
    results = make_results(n_layers=2, n_instances=4)
    for kind, instances in (("flagged", {0: 10, 4: 14}), ("excluded", {4: 14, 5: 15})):
        entries = [
            {"instance": i, "seed": seed, "reason": f"it was {kind}"}
            for i, seed in instances.items()
        ]
        results = with_set_aside(results, kind, entries)
    before = {"instance": 4, "seed": 4, "reason": "it was replaced"}
    results = with_set_aside(results, "replaced", [before])
    summary = summarize(results, {})
    assert summary["flagged_instances"] == [{"instance": 0, "seed": 10, "reason": "it was flagged"}]
    assert summary["excluded_instances"] == [
        {"instance": 4, "seed": 14, "reason": "it was flagged; it was excluded"},
        {"instance": 5, "seed": 15, "reason": "it was excluded"},
        before,
    ]
    assert n_failed(results) == 1
    assert "1 of 4 instances had not converged" in result_sentence(results, summary)


def test_activations_from_elsewhere_have_no_accuracy_model_or_clustering(foreign_results):
    summary = summarize(foreign_results, {})
    assert summary["accuracy"] == {}
    assert summary["model"] is summary["dataset"] is None
    assert set(summary["consistency"]) == {"exemplar"}
    assert "category_clustering_index" not in summary
    assert summary["excluded_instances"] == summary["flagged_instances"] == []


def test_the_method_of_intervals_and_instances_unlike_all_others_are_told(make_results):
    results = make_results(n_layers=2, n_instances=5, interval_over_instances="jackknife")
    assert summarize(results, {})["outlying_instances"] == []
    assert summarize(results, {})["interval"] == "jackknife"
    of_third = (results.pair_first == 2) | (results.pair_second == 2)
    results["consistency"] = results.consistency.where(
        ~of_third | (results.layer == "conv1"), 0.001
    )
    summary = summarize(results, {})
    assert summary["outlying_instances"] == [{"instance": 2, "seed": 2, "layers": ["conv2"]}]


def test_earlier_results_have_bootstrap_intervals(results):
    results.attrs.pop("interval_over_instances", None)
    assert summarize(results, {})["interval"] == "bootstrap"
