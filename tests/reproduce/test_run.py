"""The command's loop: measured once, resumed, redrawn, and put into one ledger and one report."""

import json
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from ensemble_rsa.errors import InputError, RunError
from ensemble_rsa.figures.style import SINGLE_COLUMN, new_figure, paper_style
from ensemble_rsa.reproduce import catalogue, run
from ensemble_rsa.reproduce.experiment import Experiment, Finding, Picture


@pytest.fixture
def measured(monkeypatch):
    """Two experiments that need no networks; the list holds how often each was measured."""
    calls = []

    def experiment(name, figure, value):
        def measure(work):
            calls.append(name)
            return xr.Dataset({"value": value}, attrs={"n_stimuli": 12})

        @paper_style()
        def draw(result):
            made = new_figure(SINGLE_COLUMN, 1.0)
            made.subplots().plot([0, float(result.value)])
            return made

        def findings(result):
            return [Finding(figure, "the value", float(result.value), effect=True)]

        picture = Picture(f"Title of {figure}", draw, lambda result: f"Caption of {figure}.")
        return Experiment(name, (), measure, findings, {figure: picture})

    made = (experiment("first", "fig4", 0.5), experiment("second", "s5", np.nan))
    made = (made[0], replace(made[1], findings=lambda result: []))
    monkeypatch.setattr(catalogue, "EXPERIMENTS", made)
    monkeypatch.setattr(run, "EXPERIMENTS", made)
    return calls


def test_one_figure_then_all_share_what_was_measured(measured, tmp_path):
    report = run.reproduce(["fig4"], "smoke", tmp_path / "out")
    assert (tmp_path / "out" / "figures" / "fig4.pdf").is_file()
    assert "Fig. S5" not in report.read_text(encoding="utf-8")
    run.reproduce(["all"], "smoke", tmp_path / "out")
    assert measured == ["first", "second"]
    page = report.read_text(encoding="utf-8")
    assert page.index("Fig. 4. Title of fig4") < page.index("Fig. S5. Title of s5")
    assert "the same at every scale" in page


def test_the_ledger_keeps_other_figures_and_replaces_its_own(measured, tmp_path):
    for _ in range(2):
        run.reproduce(["fig4"], "smoke", tmp_path / "out")
    ledger = json.loads((tmp_path / "out" / "comparison.json").read_text(encoding="utf-8"))
    assert ledger["scale"] == "smoke"
    (row,) = ledger["rows"]
    assert (row["figure"], row["ours"]) == ("fig4", 0.5)
    assert row["verdict"] == "met"  # above zero, and no network has a part in it


def test_what_other_settings_gave_is_neither_in_the_ledger_nor_in_the_report(
    measured, tmp_path, monkeypatch
):
    report = run.reproduce(["fig4"], "smoke", tmp_path / "out")
    later = (replace(catalogue.EXPERIMENTS[0], revision=2), catalogue.EXPERIMENTS[1])
    for module in (catalogue, run):
        monkeypatch.setattr(module, "EXPERIMENTS", later)
    run.reproduce(["s5"], "smoke", tmp_path / "out")
    page = report.read_text(encoding="utf-8")
    assert "Fig. S5. Title" in page
    assert "Fig. 4. Title" not in page
    rows = json.loads((tmp_path / "out" / "comparison.json").read_text(encoding="utf-8"))["rows"]
    assert {row["verdict"] for row in rows} == {"not run"}  # the numbers of fig4
    run.reproduce(["fig4"], "smoke", tmp_path / "out")
    assert measured == ["first", "second", "first"]


def test_too_few_images_for_the_stimuli_are_told_before_anything_is_trained(
    measured, tmp_path, monkeypatch
):
    needs = replace(catalogue.EXPERIMENTS[1], ensembles=("all_cnn_c", "alexnet"))
    for module in (catalogue, run):
        monkeypatch.setattr(module, "EXPERIMENTS", (catalogue.EXPERIMENTS[0], needs))
    asked = []

    def check(config, settings):
        asked.append(config.model.model)
        if config.model.model == "alexnet":
            raise InputError("stimuli: too few")

    monkeypatch.setattr(run, "check_stimuli", check)
    with pytest.raises(InputError, match="too few"):
        run.reproduce(["all"], "smoke", tmp_path / "out")
    assert (asked, measured) == (["all_cnn_c", "alexnet"], [])


@pytest.mark.parametrize(
    ("figures", "options", "message"),
    [
        (["fig99"], {}, r"figure.*fig99.*fig4"),
        (["fig4"], {"scale": "huge"}, r"scale.*huge.*smoke"),
        (["s5"], {"variants": True}, r"variants.*fig4"),
    ],
)
def test_wrong_words_are_told_before_there_is_a_folder(
    measured, tmp_path, figures, options, message
):
    with pytest.raises(InputError, match=message):
        run.reproduce(figures, out=tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_a_folder_holds_one_scale(measured, tmp_path):
    run.reproduce(["fig4"], "smoke", tmp_path / "out")
    with pytest.raises(InputError, match=r"holds the scale smoke, not small"):
        run.reproduce(["fig4"], "small", tmp_path / "out")


def test_without_large_images_alexnet_is_left_out_and_said(measured, tmp_path, monkeypatch):
    needs = replace(catalogue.EXPERIMENTS[0], ensembles=("alexnet",))
    for module in (catalogue, run):
        monkeypatch.setattr(module, "EXPERIMENTS", (needs, catalogue.EXPERIMENTS[1]))
    said = []
    run.reproduce(["all"], "small", tmp_path / "out", say=said.append)
    assert measured == ["second"]
    assert any("--image-folder" in line for line in said)
    with pytest.raises(InputError, match="--image-folder"):
        run.reproduce(["fig4"], "small", tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("error", [InputError, RunError])
def test_of_all_figures_one_that_cannot_be_had_does_not_stop_the_others(
    error, measured, tmp_path, monkeypatch
):
    def absent(work):
        raise error("ImageNet was not found")

    failing = replace(catalogue.EXPERIMENTS[0], measure=absent)
    for module in (catalogue, run):
        monkeypatch.setattr(module, "EXPERIMENTS", (failing, catalogue.EXPERIMENTS[1]))
    with pytest.raises(RunError, match=r"fig4: ImageNet was not found; the other figures are in"):
        run.reproduce(["all"], "smoke", tmp_path / "out")
    assert measured == ["second"]
    assert (tmp_path / "out" / "report.html").is_file()
    with pytest.raises(error, match="^ImageNet was not found$"):
        run.reproduce(["fig4"], "smoke", tmp_path / "out")
