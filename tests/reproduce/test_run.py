"""The command: nothing is measured twice, and all of it is in one ledger, report and notebook."""

import json
import math
import re
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import xarray as xr
from matplotlib.figure import Figure

from ensemble_rsa.errors import InputError, RunError
from ensemble_rsa.report.captions import Caption
from ensemble_rsa.reproduce import captions, catalogue, pictures, run
from ensemble_rsa.reproduce.experiment import EXACT, Experiment, Finding, Picture
from ensemble_rsa.training import interrupts


class Trial:
    """Two experiments without networks; `calls` holds the name of each that was measured."""

    def __init__(self, patch: pytest.MonkeyPatch):
        self.calls, self.patch = [], patch
        effect = [Finding("fig4", "the value", 0.5, interval=EXACT)]
        self.experiments = {
            "fig4": self._experiment("first", "fig4", effect),
            "s5": self._experiment("second", "s5", []),
        }
        self.change("fig4")

    def _experiment(self, name: str, figure: str, findings: list[Finding]) -> Experiment:
        def measure(work):
            self.calls.append(name)
            return xr.Dataset(attrs={"n_stimuli": 12})

        pictures = {figure: Picture(lambda result: Figure())}
        return Experiment(name, (), measure, lambda result: findings, pictures)

    def change(self, figure: str, **changes: object) -> None:
        """Change one of them, and have both run in place of the paper's."""
        self.experiments[figure] = replace(self.experiments[figure], **changes)
        for module in (catalogue, run):
            self.patch.setattr(module, "EXPERIMENTS", tuple(self.experiments.values()))


def save_nothing(figure, path):
    """In place of `save_figure`, which takes a second: the header of a PNG file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes([0, 0, 0, 9, 0, 0, 0, 9]))


@pytest.fixture
def trial(monkeypatch):
    made_up = lambda name, **values: Caption(f"Title of {name}", f"Caption of {name}.")
    monkeypatch.setattr(captions, "render", made_up)
    monkeypatch.setattr(pictures, "save_figure", save_nothing)
    return Trial(monkeypatch)


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def ledger(out):
    return json.loads((out / "comparison.json").read_text(encoding="utf-8"))


def test_one_figure_then_all_share_what_was_measured(trial, out):
    report = run.reproduce(["fig4"], "smoke", out)
    page = report.read_text(encoding="utf-8")
    assert "Title of paper/s5" not in page
    assert "Not run: Fig. S5." in page
    run.reproduce(["all"], "smoke", out)
    assert trial.calls == ["first", "second"]
    page = report.read_text(encoding="utf-8")
    assert page.index("Title of paper/fig4") < page.index("Title of paper/s5")
    assert "the same at every scale" in page
    assert ledger(out)["scale"] == "smoke"
    (row,) = ledger(out)["rows"]
    assert (row["figure"], row["ours"]) == ("fig4", 0.5)
    assert row["verdict"] == "met"  # above zero, and judged since there are no networks
    assert "The property of distances is shown by simulation." in page
    with pytest.raises(InputError, match=r"holds the scale smoke, not small"):
        run.reproduce(["fig4"], "small", out)
    with pytest.raises(InputError, match=r"holds the precision float32, not bfloat16"):
        run.reproduce(["fig4"], "smoke", out, precision="bfloat16")
    with pytest.raises(InputError, match=r"holds the preprocessing standardize, not none"):
        run.reproduce(["fig4"], "smoke", out, preprocessing="none")
    (out / "scale.json").write_text('{"scale": "smoke"}')  # of an earlier version
    run.reproduce(["fig4"], "smoke", out)


@pytest.mark.parametrize("name", ["scale.json", "figures/shown.json"])
def test_a_file_of_its_own_that_holds_something_else_is_named(name, trial, out):
    run.reproduce(["fig4"], "smoke", out)
    (out / name).write_text("[]")
    with pytest.raises(InputError, match=r"json: expected a JSON object, got \[\]; remove it"):
        run.reproduce(["fig4"], "smoke", out)


def test_results_of_other_settings_are_in_neither_ledger_nor_report(trial, out):
    report = run.reproduce(["fig4"], "smoke", out)
    trial.change("fig4", revision=2)
    run.reproduce(["s5"], "smoke", out)
    page = report.read_text(encoding="utf-8")
    assert "Title of paper/s5" in page
    assert "Title of paper/fig4" not in page
    assert {row["verdict"] for row in ledger(out)["rows"]} == {"not run"}  # numbers of fig4
    run.reproduce(["fig4"], "smoke", out)
    assert trial.calls == ["first", "second", "first"]


def test_too_few_images_for_the_stimuli_are_an_error_before_training(trial, out, monkeypatch):
    trial.change("s5", ensembles=("all_cnn_c", "alexnet"))
    asked = []

    def check(config, stimuli):
        asked.append(config.model.model)
        if config.model.model == "alexnet":
            raise InputError("stimuli: too few")

    monkeypatch.setattr(run, "check_enough_stimuli", check)
    with pytest.raises(InputError, match="too few"):
        run.reproduce(["all"], "smoke", out)
    assert (asked, trial.calls) == (["all_cnn_c", "alexnet"], [])


@pytest.mark.parametrize(
    ("figures", "options", "message"),
    [
        (["fig99"], {}, r"figure.*fig99.*fig4"),
        (["fig4"], {"scale": "huge"}, r"scale.*huge.*smoke"),
        (["fig4"], {"scale": "small"}, r"--image-folder"),
        (["s5"], {"variants": True}, r"variants.*fig4"),
        ("fig4", {}, r"figures: expected a list such as .* got 'fig4'"),
        ([], {}, r"figures: expected a list .* got \[\]"),
        (None, {}, r"figures: expected a list .* got None"),
        (["s5"], {"minutes": "9"}, r"minutes: expected a finite number above 0, got '9'"),
        (["s5"], {"images": "photos"}, r"images: expected ImageLocations, got 'photos'"),
    ],
)
def test_wrong_arguments_make_no_folder(
    trial, out, figures, options, message, unchecked_annotations
):
    trial.change("fig4", ensembles=("alexnet",))
    with pytest.raises(InputError, match=message):
        run.reproduce(figures, out=out, **options)
    assert not out.exists()


def test_without_large_images_alexnet_is_left_out(trial, out):
    trial.change("fig4", ensembles=("alexnet",))
    lines = []
    run.reproduce(["all"], "small", out, log=lines.append)
    assert trial.calls == ["second"]
    assert any("--image-folder" in line for line in lines)


@pytest.mark.parametrize("error", [InputError, RunError])
def test_with_all_a_figure_that_fails_does_not_stop_the_others(error, trial, out):
    def absent(work):
        raise error("ImageNet was not found")

    trial.change("fig4", measure=absent)
    with pytest.raises(RunError, match=r"fig4: ImageNet was not found; the other figures are in"):
        run.reproduce(["all"], "smoke", out)
    assert trial.calls == ["second"]
    assert (out / "report.html").is_file()
    with pytest.raises(error, match="^ImageNet was not found$"):
        run.reproduce(["fig4"], "smoke", out)


def test_pieces_end_between_figures_with_what_is_available(trial, out):
    """The time is up at the end of the first experiment."""
    measure = trial.experiments["fig4"].measure

    def measure_until_the_end(work):
        assert not interrupts.time_is_up()
        interrupts._STOP_AT.set(time.monotonic())
        return measure(work)

    trial.change("fig4", measure=measure_until_the_end)
    with pytest.raises(run.TimeIsUp, match="continue with the same command") as stop:
        run.reproduce(["all"], "smoke", out, minutes=1.0)
    assert trial.calls == ["first"]
    page = stop.value.report.read_text(encoding="utf-8")
    assert "Title of paper/fig4" in page
    assert "Title of paper/s5" not in page
    run.reproduce(["all"], "smoke", out, minutes=1.0)
    assert trial.calls == ["first", "second"]
    assert not interrupts.time_is_up()  # the limit ends with the call


@pytest.mark.parametrize("minutes", [0.0, -5.0, math.nan, math.inf])
def test_minutes_are_a_positive_number(minutes, trial, out):
    with pytest.raises(InputError, match="minutes: expected a finite number above 0, got"):
        run.reproduce(["fig4"], "smoke", out, minutes=minutes)
    assert not trial.calls


def test_a_report_has_no_picture_of_other_settings(trial, out, monkeypatch):
    drawn = []

    def save(figure, path):
        drawn.append(path.stem)
        save_nothing(figure, path)

    monkeypatch.setattr(pictures, "save_figure", save)
    for revision in (8, 9):
        trial.change("fig4", revision=revision)
        run.reproduce(["fig4"], "smoke", out)
    assert drawn == ["fig4", "fig4"]
    trial.change("fig4", revision=8)
    run.reproduce(["s5"], "smoke", out)
    assert drawn[2:] == ["s5", "fig4"]
    (out / "figures" / "s5.png").unlink()
    run.reproduce(["fig4"], "smoke", out)
    assert drawn[4:] == ["fig4", "s5"]
    for result in (out / "results").glob("second-*.nc"):
        result.unlink()
    (out / "figures" / "s5.png").unlink()
    page = run.reproduce(["fig4"], "smoke", out).read_text(encoding="utf-8")
    assert "Title of paper/fig4" in page
    assert "Title of paper/s5" not in page
    assert trial.calls == ["first", "first", "second"]


def test_a_report_is_written_after_every_experiment(trial, out):
    def killed(work):
        raise KeyboardInterrupt

    trial.change("s5", measure=killed)
    with pytest.raises(KeyboardInterrupt):
        run.reproduce(["all"], "smoke", out)
    assert "Title of paper/fig4" in (out / "report.html").read_text(encoding="utf-8")


def test_the_notebook_shows_every_figure_once_after_a_text_that_names_the_ledger():
    notebook = Path(__file__).resolve().parents[2] / "notebooks" / "paper.ipynb"
    cells, shown = json.loads(notebook.read_text(encoding="utf-8"))["cells"], []
    for text, code in pairwise("".join(cell["source"]) for cell in cells):
        if code.startswith('show("'):
            assert "the ledger" in text
            shown += re.findall(r'"(\w+)"', code)
    assert sorted(shown) == sorted(catalogue.figure_names())
