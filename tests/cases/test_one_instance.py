"""One instance has RDMs, a geometry and clusters; only consistency needs two."""

import json
import re

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

from ensemble_rsa import files
from ensemble_rsa.config.analysis import AnalysisConfig
from ensemble_rsa.figures.save import save_figures
from ensemble_rsa.pipeline.analyze import analyze
from ensemble_rsa.pipeline.extract import extract
from ensemble_rsa.report.report import write_report
from ensemble_rsa.runs.summary import summarize

LABELS = np.array(list("aaaabbbbcccc"))


@pytest.fixture(scope="module")
def layers():
    rng = np.random.default_rng(0)
    categories = 2 * rng.normal(size=(3, 20)).repeat(4, 0)
    return {name: rng.normal(size=(1, 12, 20)) + categories for name in ("early", "late")}


@pytest.fixture(scope="module")
def results(layers):
    return analyze(extract(layers, LABELS), AnalysisConfig.of(n_resamples=50))


def test_what_needs_one_instance_is_there_and_the_rest_is_absent(layers, results):
    rdm = pdist(layers["late"][0], "correlation")
    same = squareform(LABELS[:, None] == LABELS[None, :], checks=False).astype(bool)
    across, within = rdm[~same].mean(), rdm[same].mean()
    index = results.category_clustering_index.sel(layer="late").item()
    assert index == pytest.approx((across - within) / (across + within), abs=1e-5)
    early = pdist(layers["early"][0], "correlation")
    distance = results.second_level_distance.values.reshape(2, 2)[0, 1]
    assert distance == pytest.approx(1 - np.corrcoef(early, rdm)[0, 1], abs=1e-5)
    embedded = pdist(results.embedding.sel(layer="late").values[0])
    stress = np.sqrt(((embedded - rdm) ** 2).sum() / (rdm**2).sum())
    assert results.embedding_stress.sel(layer="late").item() == pytest.approx(stress, abs=1e-4)
    assert "consistency" not in results
    assert np.isnan(results.category_clustering_index_low).all()


def test_the_report_says_that_consistency_needs_two(results, tmp_path):
    summary = summarize(results, {})
    assert summary["consistency"] is None
    assert summary["category_clustering_index"]["low"] is None
    files.write_json(tmp_path / "summary.json", summary)
    assert json.loads((tmp_path / "summary.json").read_text())["instances"] == 1
    files.write_dataset(tmp_path / "results.nc", results)
    figures = save_figures(results, None, tmp_path)
    assert [figure.stem for figure in figures] == ["geometry", "second_level", "clustering"]
    page = write_report(tmp_path / "report.html", results, None, summary, {}, {}, figures)
    text = page.read_text(encoding="utf-8")
    assert "Representational consistency compares instances and needs two or more." in text
    shown = re.sub(
        r"<script.*?</script>|base64,[^\"]*", "", text.split("<body>")[-1], flags=re.DOTALL
    )
    assert not re.search(r"\bnan\b", shown, re.IGNORECASE)


def test_one_layer_of_one_instance_and_twins(layers):
    one = analyze(extract({"late": layers["late"]}), AnalysisConfig.of(n_resamples=50))
    assert "embedding" in one
    assert "second_level_distance" not in one
    twins = np.concatenate([layers["late"]] * 2)
    both = analyze(extract({"late": twins}, LABELS), AnalysisConfig.of(n_resamples=50))
    np.testing.assert_allclose(both.consistency, 1, rtol=1e-6)
    np.testing.assert_allclose(both.second_level_distance, 0, atol=1e-12)
    assert "second_level_embedding" not in both
