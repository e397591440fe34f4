"""Verdicts: intervals that overlap, effects above zero, and scales that cannot be compared."""

import json

import pytest

from ensemble_rsa.reproduce.experiment import Finding
from ensemble_rsa.reproduce.ledger import (
    MET,
    NOT_COMPARABLE,
    NOT_JUDGED,
    NOT_MET,
    NOT_RUN,
    compare,
    not_run,
    write_comparison,
)
from ensemble_rsa.reproduce.paper import NUMBERS
from ensemble_rsa.reproduce.scales import make_scale

SCALES = {name: make_scale(name) for name in ("smoke", "small", "paper")}
LAST = ("fig4", "last-layer consistency, All-CNN-C")  # 0.4429 [0.4291, 0.4551]
SURROGATE = ("fig4", "last-layer consistency, All-CNN-7")  # 0.71, no interval
ACCURACY = ("fig4", "test accuracy, All-CNN-C")  # no number, 0.844 to 0.859


@pytest.mark.parametrize(
    ("key", "value", "low", "high", "verdict"),
    [
        (LAST, 0.44, 0.40, 0.45, MET),
        (LAST, 0.42, 0.40, 0.43, MET),  # the intervals overlap, though 0.42 lies outside
        (LAST, 0.42, 0.40, 0.4290, NOT_MET),
        (LAST, 0.47, 0.456, 0.48, NOT_MET),
        (SURROGATE, 0.70, 0.70, 0.70, MET),  # within 0.02
        (SURROGATE, 0.68, 0.675, 0.685, NOT_MET),
        (ACCURACY, 0.85, 0.80, 0.90, MET),
        (ACCURACY, 0.84, 0.80, 0.90, NOT_MET),  # a range has to contain the mean
    ],
)
def test_a_number_is_met_if_intervals_overlap(key, value, low, high, verdict):
    row = compare(Finding(*key, value, low, high), SCALES["paper"])
    assert (row.kind, row.verdict) == ("number", verdict)
    printed = NUMBERS[key]
    assert (row.paper, row.low, row.high) == (printed.value, printed.low, printed.high)
    overlap_only = "ours lies outside, but the intervals overlap"
    assert (overlap_only in row.note) == (verdict == MET and value == 0.42)


def test_every_number_has_a_row_before_its_figure_is_run():
    rows = not_run(("fig8", "s8"), SCALES["small"])
    printed = [key for key in NUMBERS if key[0] == "fig8"]
    assert [(row.figure, row.quantity) for row in rows] == printed
    assert {(row.ours, row.verdict) for row in rows} == {(None, NOT_RUN)}
    assert rows[-1].paper == NUMBERS[printed[-1]].value


@pytest.mark.parametrize("name", ["smoke", "small", "paper"])
def test_numbers_are_judged_at_comparable_scales_only_and_measures_of_ours_nowhere(name):
    number = compare(Finding(*LAST, 0.4429, 0.44, 0.45), SCALES[name])
    assert number.verdict == (MET if name == "paper" else NOT_COMPARABLE)
    measure = compare(Finding("fig4", "something of ours", 1.0), SCALES[name])
    assert (measure.kind, measure.verdict) == ("measure", NOT_JUDGED)


@pytest.mark.parametrize(
    ("low", "high", "verdict", "why"),
    [(0.1, 0.2, MET, ""), (-0.1, 0.2, NOT_MET, "zero"), (-0.2, -0.1, NOT_MET, "reversed")],
)
def test_an_effect_is_met_if_its_interval_lies_above_zero(low, high, verdict, why):
    finding = Finding("fig4", "first minus last", (low + high) / 2, low, high, effect=True)
    row = compare(finding, SCALES["small"])
    assert row.verdict == verdict
    assert why in row.note
    assert compare(finding, SCALES["smoke"]).verdict == NOT_COMPARABLE  # hardly trained
    assert compare(finding, SCALES["smoke"], simulated=True).verdict == verdict


def test_the_stored_ledger_has_null_for_what_is_not_defined(tmp_path):
    nan = float("nan")
    number, effect = Finding(*LAST, 0.4, note="ours"), Finding("fig9", "?", nan, nan, nan, True)
    rows = [compare(finding, SCALES["small"]) for finding in (number, effect)]
    write_comparison(tmp_path / "comparison.json", SCALES["small"], rows)
    stored = json.loads((tmp_path / "comparison.json").read_text(encoding="utf-8"))
    assert stored["scale"] == "small"
    number, effect = stored["rows"]
    assert number == {
        "figure": "fig4", "quantity": LAST[1], "paper": 0.4429, "low": 0.4291, "high": 0.4551,
        "ours": 0.4, "ours_low": None, "ours_high": None, "scale": "small", "kind": "number",
        "verdict": NOT_COMPARABLE, "note": "ours",
    }  # fmt: skip
    assert (effect["ours"], effect["ours_low"], effect["verdict"]) == (None, None, NOT_MET)
