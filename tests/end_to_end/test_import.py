"""Activations of others by the command line: import, analyse, compare, report, export."""

import json
import re
import shutil

import numpy as np
import pytest
import xarray as xr
from scipy.stats import spearmanr

from ensemble_rsa.cli.main import main
from ensemble_rsa.figures.save import figure_names

IDS = [f"image{i}" for i in range(12)]


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """Two groups of three networks, of which one is noisier, as files; and labels."""
    folder = tmp_path_factory.mktemp("acts")
    rng = np.random.default_rng(5)
    shared = rng.normal(size=(12, 30))
    for group, noise in (("mine", 0.3), ("theirs", 1.0)):
        for i in range(3):
            (folder / group / f"net{i}").mkdir(parents=True)
            for layer in ("conv1", "fc"):
                values = shared + noise * rng.normal(size=(12, 30))
                np.save(folder / group / f"net{i}" / f"{layer}.npy", values)
    lines = ["stimulus,category", *(f"{name},{'xyz'[i % 3]}" for i, name in enumerate(IDS))]
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="module")
def imported(places):
    """Both groups imported; the first one analysed."""
    for group in ("mine", "theirs"):
        pattern = str(places / group / "{instance}" / "{layer}.npy")
        words = ["--labels", str(places / "labels.csv"), "--out", str(places / "runs" / group)]
        assert main(["import", pattern, *words, "--quiet"]) == 0
    assert main(["analyze", str(places / "runs/mine"), "--n-resamples", "50", "--quiet"]) == 0
    return places / "runs"


def test_an_instance_that_is_left_out_is_told_on_the_terminal(tmp_path, rng, capsys):
    for i in range(3):
        (tmp_path / f"net{i}").mkdir()
        np.save(tmp_path / f"net{i}" / "fc.npy", (i < 2) * rng.normal(size=(12, 30)))
    run = str(tmp_path / "run")
    pattern = str(tmp_path / "{instance}" / "{layer}.npy")
    assert main(["import", pattern, "--out", run, "--quiet"]) == 0
    capsys.readouterr()
    assert main(["analyze", run, "--n-resamples", "20", "--quiet"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == [str(tmp_path / "run" / "report.html")]
    told = "instance net2 is left out: all distances of layer fc are equal, so their correlation"
    assert err.startswith(told)
    assert err.count("\n") == 1


def test_an_evaluation_is_a_section_of_the_report_and_stays_there(imported, tmp_path, monkeypatch):
    drawn = lambda results, history, folder, flagged: [  # what was drawn before
        folder / f"{name}.png" for name in figure_names(results, history)
    ]
    monkeypatch.setattr("ensemble_rsa.pipeline.analyze.save_figures", drawn)
    run, brain = tmp_path / "mine", tmp_path / "brain.npy"
    shutil.copytree(imported / "mine", run)
    people = np.random.default_rng(7).random((4, 66))
    np.save(brain, people)
    words = ["evaluate", str(run), "--reference", str(brain), "--n-resamples", "20"]
    words += ["--comparison", "spearman"]
    assert main(words) == 0
    with xr.open_dataset(run / "evaluation-brain-spearman" / "evaluation.nc") as stored:
        mean = f"{float(stored['mean'][1]):.3f}".replace("-", "−")
        shares = stored.share_of_ceiling.values
    networks = [np.load(imported.parent / "mine" / f"net{i}" / "fc.npy") for i in range(3)]
    rdms = [1 - np.corrcoef(x)[np.triu_indices(12, 1)] for x in networks]
    expected = spearmanr(np.array(rdms).T, people.T).statistic[:3, 3:].mean()
    assert mean == f"{expected:.3f}".replace("-", "−")
    page = (run / "report.html").read_text()
    assert page.count(">Against brain.npy, Spearman correlation</h2>") == 1
    section = section_of(page)
    assert mean in section.replace("-", "−")
    figures = sorted({int(n) for n in re.findall(r"Figure (\d+)\.", page)})
    assert figures == list(range(1, len(figures) + 1))
    assert f"Figure {figures[-1]}. Similarity of networks" in section
    assert section.count('class="bar"') == (2 if np.isfinite(shares).all() else 0)
    assert "Of an earlier analysis" not in page

    quiet = ["--n-resamples", "50", "--quiet"]
    assert main(["report", str(run)]) == 0
    assert section_of((run / "report.html").read_text()) == section
    assert main(["analyze", str(run), "--distance", "cosine", *quiet]) == 0
    changed = (run / "report.html").read_text()
    assert (
        changed.count(">Against brain.npy, Spearman correlation</h2>")
        == changed.count("Of an earlier")
        == 1
    )
    assert main([*words, "--out", str(tmp_path / "elsewhere")]) == 0
    assert (run / "report.html").read_text() == changed
    assert main(words) == 0
    assert "Of an earlier analysis" not in (run / "report.html").read_text()


def section_of(page):
    return page[
        page.index(">Against brain.npy, Spearman correlation</h2") : page.index(">Provenance</h2")
    ]


def test_an_imported_run_is_analysed_and_reported_like_a_trained_one(imported):
    names = {path.name for path in (imported / "mine").iterdir()}
    assert names == {
        "config.json", "manifest.json", "extracted.nc", "rdms.h5", "analysis.json", "results.nc",
        "summary.json", "figures", "report.html",
    }  # fmt: skip
    summary = json.loads((imported / "mine" / "summary.json").read_text())
    assert summary["instances"] == 3
    assert summary["findings"][0]["severity"] == "note"
    assert "in the order of the labels" in summary["findings"][0]["message"]
    with xr.open_dataset(imported / "mine" / "results.nc") as results:
        assert results.instance.values.tolist() == ["net0", "net1", "net2"]
        assert results.category.values.tolist() == list("xyz") * 4
        rdms = [results.consistency_mean.sel(kind="exemplar").values]
    stacks = [np.load(imported.parent / "mine" / f"net{i}" / "fc.npy") for i in range(3)]
    vectors = np.array([1 - np.corrcoef(x)[np.triu_indices(12, 1)] for x in stacks])
    expected = np.mean(np.corrcoef(vectors)[np.triu_indices(3, 1)] ** 2)
    assert rdms[0][1] == pytest.approx(expected, rel=1e-4)
    page = (imported / "mine" / "report.html").read_text()
    assert page.index("<b>Notes</b>") < page.index("in the order of the labels")
    assert page.index("in the order of the labels") < page.index(">Result</h2>")
    assert not (imported / "mine" / "figures" / "training.png").exists()


@pytest.mark.slow  # draws all figures again
def test_the_report_is_drawn_again(imported, capsys):
    (imported / "mine" / "report.html").unlink()
    assert main(["report", str(imported / "mine")]) == 0
    assert capsys.readouterr().out == f"{imported / 'mine' / 'report.html'}\n"


def test_two_imports_are_compared(imported, tmp_path, capsys):
    words = ["compare", str(imported / "mine"), str(imported / "theirs"), "--out", str(tmp_path)]
    assert main(words) == 0
    shown = capsys.readouterr().out
    assert "3 and 3 instances, not paired" in shown
    with xr.open_dataset(tmp_path / "comparison.nc") as comparison:
        assert (comparison.within_a > comparison.within_b).all()


def test_layers_are_listed_and_activations_exported(imported, places, tmp_path, capsys):
    pattern = str(places / "mine" / "{instance}" / "{layer}.npy")
    assert main(["import", pattern, "--list-layers"]) == 0
    assert capsys.readouterr().out == "conv1: 12 stimuli, 30 units\nfc: 12 stimuli, 30 units\n"
    out = tmp_path / "out"
    words = ["export", str(imported / "mine"), "--format", "thingsvision", "--out", str(out)]
    assert main([*words, "--quiet"]) == 0
    assert capsys.readouterr().out == f"{out}\n"
    np.testing.assert_array_equal(
        np.load(out / "net1" / "fc" / "features.npy"),
        np.load(places / "mine" / "net1" / "fc.npy"),
    )
    assert main(["export", str(imported / "theirs"), "--format", "csv", "--quiet"]) == 0
    assert (imported / "theirs" / "export" / "csv" / "fc.csv").is_file()


@pytest.mark.slow  # compiles a network
def test_a_trained_run_is_exported_as_activations(analysed, tmp_path):
    from ensemble_rsa.pipeline.extract import activations

    out = tmp_path / "tv"
    words = ["--format", "thingsvision", "--out", str(out), "--quiet"]
    assert main(["export", str(analysed.path), *words]) == 0
    stored = np.load(out / "1" / "conv7" / "features.npy")
    expected = activations(analysed.path, "conv7")
    np.testing.assert_allclose(stored, expected.sel(instance=1), rtol=1e-6)
    assert (out / "1" / "file_names.txt").read_text().split() == expected.stimulus.values.tolist()


# Wrong words, the exit status, and what the one line on stderr says.
MISTAKES = {
    "no pattern": ("import", 2, "expected files of activations, got none"),
    "no file": ("import {acts}/mine/{{instance}}.npy", 2, "no file matches"),
    "labels": (
        "import {acts}/mine/net0/fc.npy --labels {acts}/gone.csv",
        2,
        "labels: no such file: ",
    ),
    "out in use": ("import {acts}/mine/net0/fc.npy --out {acts}/mine", 2, "not an empty folder"),
    "layers": ("import {acts}/mine/net0/fc.npy --layers fc8", 2, "layers: unknown 'fc8'; choose"),
    "epoch": ("analyze {runs}/mine --epoch 3", 2, "epoch: expected none for an imported run"),
    "stimuli": ("analyze {runs}/mine --stimuli 7", 2, "the same number of each of 3 categories"),
    "not analysed": ("report {runs}/theirs", 2, "holds no results.nc; run `ensemble-rsa analyze"),
    "resume": ("train --resume --out {runs}/mine", 2, "was imported, and this needs a run that"),
    "format": ("export {runs}/mine --format matlab", 2, "--format: expected rsatoolbox, npz, csv"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line_and_leaves_nothing(mistake, imported, places, capsys):
    words, status, message = MISTAKES[mistake]
    before = sorted(places.rglob("*"))
    assert main(words.format(acts=places, runs=imported).split()) == status
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert message in captured.err
    assert sorted(places.rglob("*")) == before
