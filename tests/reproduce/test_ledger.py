"""Verdicts: differences in standard errors, effects above zero, Holm's correction, sentences."""

import json

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from ensemble_rsa.reproduce.experiment import EXACT, JACKKNIFE, Finding
from ensemble_rsa.reproduce.ledger import (
    MET,
    NOT_COMPARABLE,
    NOT_JUDGED,
    NOT_MET,
    NOT_RUN,
    compare,
    holm,
    not_run,
    with_holm,
    write_comparison,
)
from ensemble_rsa.reproduce.paper import NUMBERS
from ensemble_rsa.reproduce.scales import make_scale
from ensemble_rsa.reproduce.verdicts import summary, verdict_of_figure

SCALES = {name: make_scale(name) for name in ("smoke", "small", "paper")}
LAST = ("fig4", "last-layer consistency, All-CNN-C")  # 0.4429 [0.4291, 0.4551]
SURROGATE = ("fig4", "last-layer consistency, All-CNN-7")  # 0.71, no interval
ACCURACY = ("fig4", "test accuracy, All-CNN-C")  # no number, 0.844 to 0.859


@pytest.mark.parametrize(
    ("key", "value", "error", "verdict"),
    [
        (LAST, 0.44, 0.0, MET),
        # the paper's half width is 0.013; with ours of 0.0196 a difference may be 0.02354
        (LAST, 0.4429 - 0.0235, 0.01, MET),
        (LAST, 0.4429 - 0.0236, 0.01, NOT_MET),
        (LAST, 0.43, 0.0, MET),
        (LAST, 0.4298, 0.0, NOT_MET),
        (SURROGATE, 0.70, 0.0, MET),  # within 0.02
        (SURROGATE, 0.6853, 0.0075, MET),  # √(0.02² + 0.0147²) = 0.02482
        (SURROGATE, 0.6853, 0.007, NOT_MET),
        (ACCURACY, 0.85, None, MET),
        (ACCURACY, 0.84, None, NOT_MET),  # a range has to contain the mean
    ],
)
def test_a_number_is_met_within_standard_errors_of_the_difference(key, value, error, verdict):
    row = compare(Finding(*key, value, standard_error=error), SCALES["paper"])
    assert (row.kind, row.verdict) == ("number", verdict)
    printed = NUMBERS[key]
    assert (row.paper, row.low, row.high) == (printed.value, printed.low, printed.high)
    how = {LAST: "at most ±", SURROGATE: "no interval printed: 0.02 (ours)", ACCURACY: "the range"}
    assert how[key] in row.note


@pytest.mark.parametrize(
    ("value", "error", "why"),
    [
        (0.44, None, "ours has no standard error"),  # fewer than three instances
        (0.44, float("nan"), "ours has no standard error"),
        (float("nan"), 0.01, ""),
    ],
)
def test_a_number_without_a_value_or_an_error_of_ours_is_not_judged(value, error, why):
    row = compare(Finding(*LAST, value, standard_error=error), SCALES["paper"])
    assert (row.verdict, row.note) == (NOT_JUDGED, why)
    assert row.ours == (0.44 if value == value else None)


def effect(p: float, low: float = 0.1, figure: str = "fig4") -> Finding:
    quantity = f"effect with p {p:g}"
    return Finding(figure, quantity, low + 0.1, low, low + 0.2, True, "", 0.1, p, JACKKNIFE)


def test_holm_is_that_of_statsmodels_over_the_judged_effects():
    p_values = [0.01, 0.04, 0.03, 0.005, 0.5]
    np.testing.assert_allclose(holm(p_values), multipletests(p_values, method="holm")[1])
    assert holm([]) == []
    others = [
        Finding(*LAST, 0.44, p=1e-9),  # a number
        Finding("fig9", "not defined", float("nan"), effect=True),
        Finding("s5", "margin", 0.2, interval=EXACT),
    ]
    rows = [compare(one, SCALES["small"]) for one in (*others, *map(effect, p_values))]
    rows = with_holm(rows)
    assert [row.p_holm for row in rows[:3]] == [None] * 3
    assert [row.p_holm for row in rows[3:]] == pytest.approx(holm(p_values))
    assert [row.stands for row in rows[3:]] == [True, False, False, True, False]
    assert rows[0].p is None


def test_exact_properties_are_judged_at_every_scale_and_have_no_interval():
    for value, verdict in ((1e-9, MET), (-1e-9, NOT_MET)):
        row = compare(Finding("s5", "a margin", value, interval=EXACT), SCALES["smoke"])
        assert (row.kind, row.verdict, row.ours_low, row.p) == ("exact", verdict, None, None)


def test_verdicts_are_sentences_about_the_rows():
    findings = [effect(0.001), effect(0.04), effect(0.04, low=-0.05), effect(0.01, low=-0.5)]
    rows = with_holm([compare(one, SCALES["small"]) for one in findings])
    assert verdict_of_figure(rows[:1]) == (
        "The effect is reproduced, also after Holm's correction over the report."
    )
    assert verdict_of_figure(rows) == (
        "2 of 4 effects are reproduced, 1 of them also after Holm's correction over the report. "
        "Not reproduced: effect with p 0.04 (its interval contains zero); effect with p 0.01 "
        "(reversed)."
    )
    missing = [*rows[:1], *not_run(("fig9", "s8"), SCALES["small"])]
    assert summary(missing).endswith("over the report. Not run: Fig. 9, Fig. S8.")
    number = compare(Finding(*LAST, 0.44, standard_error=0.01), SCALES["paper"])
    assert verdict_of_figure([number]) == "The printed number is met."
    number = compare(Finding(*LAST, 0.44), SCALES["small"])
    assert verdict_of_figure([number]) == "Printed numbers are not judged at this scale."
    number = compare(Finding(*LAST, 0.44), SCALES["paper"])
    assert verdict_of_figure([number]) == "No printed number is judged."
    hardly_trained = compare(effect(0.001), SCALES["smoke"])
    assert verdict_of_figure([hardly_trained]) == "Effects are not judged at this scale."
    assert verdict_of_figure([compare(Finding("s1", "stress", 0.1), SCALES["small"])]) == (
        "Nothing in this figure is judged."
    )


def test_every_number_has_a_row_before_its_figure_is_run():
    *rows, without_numbers = not_run(("fig8", "s8"), SCALES["small"])
    printed = [key for key in NUMBERS if key[0] == "fig8"]
    assert [(row.figure, row.quantity) for row in rows] == printed
    assert {(row.ours, row.verdict) for row in rows} == {(None, NOT_RUN)}
    assert rows[-1].paper == NUMBERS[printed[-1]].value
    assert (without_numbers.figure, without_numbers.verdict) == ("s8", NOT_RUN)
    assert (without_numbers.kind, without_numbers.paper) == ("measure", None)


@pytest.mark.parametrize("name", ["smoke", "small", "paper"])
def test_numbers_are_judged_at_comparable_scales_only_and_measures_of_ours_nowhere(name):
    number = compare(Finding(*LAST, 0.4429, 0.44, 0.45, standard_error=0.01), SCALES[name])
    assert number.verdict == (MET if name == "paper" else NOT_COMPARABLE)
    measure = compare(Finding("fig4", "something of ours", 1.0), SCALES[name])
    assert (measure.kind, measure.verdict) == ("measure", NOT_JUDGED)
    size = compare(Finding("fig4", "instances", 5.0), SCALES[name])
    assert (size.kind, size.paper, size.verdict) == ("number", 10.0, NOT_JUDGED)


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
        "ours": 0.4, "ours_low": None, "ours_high": None, "interval": "none", "p": None,
        "p_holm": None, "scale": "small", "kind": "number", "verdict": NOT_COMPARABLE,
        "note": "ours",
    }  # fmt: skip
    assert (effect["ours"], effect["ours_low"], effect["verdict"]) == (None, None, NOT_MET)
