"""Verdicts: intervals that touch, effects above zero, and scales that cannot be compared."""

import json
from dataclasses import replace

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

LAST = ("fig4", "last-layer consistency, All-CNN-C")  # 0.4429 [0.4291, 0.4551]
SURROGATE = ("fig4", "last-layer consistency, All-CNN-7")  # 0.71, no interval
ACCURACY = ("fig4", "test accuracy, All-CNN-C")  # no number, 0.844 to 0.859


@pytest.mark.parametrize(
    ("key", "value", "low", "high", "verdict"),
    [
        (LAST, 0.42, 0.40, 0.43, MET),  # the intervals overlap, though 0.42 lies outside
        (LAST, 0.42, 0.40, 0.4290, NOT_MET),
        (LAST, 0.47, 0.456, 0.48, NOT_MET),
        (SURROGATE, 0.70, 0.70, 0.70, MET),  # within 0.02
        (SURROGATE, 0.68, 0.675, 0.685, NOT_MET),
        (ACCURACY, 0.85, 0.80, 0.90, MET),
        (ACCURACY, 0.84, 0.80, 0.90, NOT_MET),  # the mean lies outside, wide as our range is
    ],
)
def test_a_number_is_met_where_the_intervals_touch_and_a_range_holds_the_mean(
    key, value, low, high, verdict
):
    row = compare(Finding(*key, value, low, high), make_scale("paper"))
    assert row.verdict == verdict
    assert (row.paper, row.low, row.high) == (
        NUMBERS[key].value,
        NUMBERS[key].low,
        NUMBERS[key].high,
    )


def test_an_overlap_alone_is_said():
    overlapping, inside = (
        compare(Finding(*LAST, value, 0.40, 0.45), make_scale("paper")) for value in (0.42, 0.44)
    )
    assert overlapping.note == "ours lies outside, but the intervals overlap"
    assert inside.note == ""


def test_a_measure_of_ours_is_not_judged():
    for scale in ("smoke", "paper"):
        row = compare(Finding("fig4", "something of ours", 1.0), make_scale(scale))
        assert (row.kind, row.verdict) == ("measure", NOT_JUDGED)


def test_every_number_has_a_row_before_its_figure_is_run():
    rows = not_run(("fig8", "s8"), make_scale("small"))
    printed = [key for key in NUMBERS if key[0] == "fig8"]
    assert [(row.figure, row.quantity) for row in rows] == printed
    assert {(row.ours, row.verdict) for row in rows} == {(None, NOT_RUN)}
    assert rows[-1].paper == NUMBERS[printed[-1]].value


@pytest.mark.parametrize("scale", ["smoke", "small"])
def test_numbers_of_smaller_networks_are_not_judged(scale):
    row = compare(Finding(*LAST, 0.4429, 0.44, 0.45), make_scale(scale))
    assert row.verdict == NOT_COMPARABLE


@pytest.mark.parametrize(
    ("low", "high", "verdict", "why"),
    [
        (0.01, 0.2, MET, ""),
        (-0.01, 0.2, NOT_MET, "holds zero"),
        (-0.2, -0.1, NOT_MET, "reversed"),
    ],
)
def test_an_effect_is_met_where_its_whole_interval_is_above_zero(low, high, verdict, why):
    finding = Finding("fig4", "first minus last", (low + high) / 2, low, high, effect=True)
    row = compare(finding, make_scale("small"))
    assert row.verdict == verdict
    assert why in row.note
    untrained = compare(finding, make_scale("smoke"))
    assert untrained.verdict == NOT_COMPARABLE
    assert compare(finding, make_scale("smoke"), simulated=True).verdict == verdict


def test_the_ledger_holds_what_the_contract_names(tmp_path):
    rows = [compare(Finding(*LAST, 0.4, note="ours"), make_scale("small"))]
    write_comparison(tmp_path / "comparison.json", make_scale("small"), rows)
    stored = json.loads((tmp_path / "comparison.json").read_text(encoding="utf-8"))
    assert stored["scale"] == "small"
    (row,) = stored["rows"]
    expected = {
        "figure": "fig4", "quantity": LAST[1], "paper": 0.4429, "low": 0.4291, "high": 0.4551,
        "ours": 0.4, "ours_low": None, "ours_high": None, "scale": "small", "note": "ours",
    }  # fmt: skip
    assert row.items() >= expected.items()


def test_what_is_not_defined_is_null_and_not_met(tmp_path):
    nan = float("nan")
    row = compare(Finding("fig9", "an effect", nan, nan, nan, effect=True), make_scale("small"))
    assert (row.ours, row.ours_low, row.verdict) == (None, None, NOT_MET)
    write_comparison(tmp_path / "comparison.json", make_scale("small"), [row])
    assert "NaN" not in (tmp_path / "comparison.json").read_text(encoding="utf-8")


def test_a_scale_decides_not_the_name():
    finding = Finding(*LAST, 0.4429)
    assert compare(finding, replace(make_scale("small"), comparable=True)).verdict == MET
