"""Checks at imports and analyses: what is refused, and where findings are stored."""

import dataclasses
import json

import numpy as np
import pytest

import ensemble_rsa as ersa
from ensemble_rsa.errors import InputError
from ensemble_rsa.extraction.sources import source_from_arrays
from ensemble_rsa.hygiene.finding import Finding
from ensemble_rsa.pipeline.check import extract_run, stored_findings
from ensemble_rsa.pipeline.extract import source_of
from ensemble_rsa.runs.imported import open_run


def values(n: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    means = np.repeat(rng.normal(size=(3, 30)), 4, axis=0)
    return {"fc": (means + 0.5 * rng.normal(size=(n, 12, 30))).astype(np.float32)}


LABELS = list("aaaabbbbcccc")


def test_an_import_of_the_same_network_twice_is_refused_and_leaves_nothing(tmp_path):
    activations = values(4)
    activations["fc"][3] = activations["fc"][1]
    source = source_from_arrays(activations, LABELS)
    expected = "instance 3: has the RDMs of instance 1 in all layers; leave one out"
    with pytest.raises(InputError, match=expected):
        ersa.import_run(source, tmp_path / "run")
    assert list(tmp_path.iterdir()) == []
    (finding,) = ersa.check_networks(source)
    assert (finding.severity, str(finding)) == ("refuse", expected)


def test_equal_weights_are_refused_before_any_rdm_is_computed(tmp_path):
    def unread(position):
        raise AssertionError(position)

    weights = {"fc.weight": np.random.default_rng(0).normal(size=(20, 20))}
    source = dataclasses.replace(
        source_from_arrays(values(2), LABELS), weights=lambda i: weights, activations=unread
    )
    with pytest.raises(InputError, match="instance 1: has the weights of instance 0"):
        ersa.import_run(source, tmp_path / "run")


def test_findings_of_an_import_stand_first_in_manifest_summary_and_report(tmp_path):
    activations = values(3)
    activations["fc"][2, :, :20] = 0.0
    source = source_from_arrays(activations, LABELS)
    source = dataclasses.replace(source, notes=["read from memory"])
    path = ersa.import_run(source, tmp_path / "run")
    message = "67% of units are dead, the same for all stimuli, and 0% in the median instance"
    expected = [
        Finding("warn", 2, "fc", message),
        Finding("note", None, None, "read from memory"),
    ]
    assert ersa.check_networks(source) == expected
    assert ersa.check_networks(path) == ersa.check_networks(open_run(path)) == expected
    records = [finding.as_record() for finding in expected]
    assert json.loads((path / "manifest.json").read_text())["findings"] == records


def test_other_rdms_of_an_import_replace_the_numbers_of_its_findings(tmp_path):
    activations = values(3)
    activations["fc"][2, :, :20] = 0.0
    for i in range(3):
        np.savez(tmp_path / f"{i}.npz", fc=activations["fc"][i])
    source = ersa.from_files(tmp_path / "{instance}.npz", LABELS)
    run = open_run(ersa.import_run(source, tmp_path / "run"))
    stored = stored_findings(run)
    assert [(one.severity, one.instance) for one in stored[:1]] == [("warn", 2)]
    settings = ersa.AnalysisConfig.of(distance="euclidean", stimuli=9)
    rdms, findings = extract_run(run, source_of(run, settings), settings, None)
    assert rdms.attrs["distance"] == "euclidean"
    assert findings == stored
    path = run.path / "manifest.json"
    path.write_text(path.read_text().replace('"severity"', '"strength"'))
    with pytest.raises(InputError, match="its findings are not what `import` writes; import it"):
        ersa.check_networks(run.path)


def test_wrong_arguments_are_refused(unchecked_annotations):
    with pytest.raises(InputError, match="expected what from_files or from_networks returns, or"):
        ersa.check_networks({"fc": np.ones((2, 3, 4))})


def test_a_trained_run_is_checked_when_it_is_analysed(analysed):
    summary = json.loads((analysed.path / "summary.json").read_text())
    messages = [one["message"] for one in summary["findings"]]
    assert not [text for text in messages if "untrained" in text or "weights" in text]
    accuracy = summary["accuracy"]["test"]
    at_chance = [one["instance"] for one in summary["findings"] if "at chance" in one["message"]]
    limit = 0.1 + 3 * np.sqrt(0.09 / 60)  # guesses of 10 categories for 60 images
    assert at_chance == [i for i, value in enumerate(accuracy) if value <= limit]
