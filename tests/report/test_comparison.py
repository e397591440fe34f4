"""The sentence of a comparison: which of its tests answers which question."""

import numpy as np
import pytest
import xarray as xr

from ensemble_rsa.report.comparison import comparison_sentence

ATTRIBUTES = {
    "name_a": "plain", "name_b": "dropout", "n_a": 5, "n_b": 5, "paired": 0, "exact": 1,
    "n_relabellings": 252, "least_p": 2 / 252, "distance": "correlation", "confidence": 0.95,
}  # fmt: skip


def comparison(separation=(0.5, 0.5), ratio=(1.0, 1.0), difference=(0.1, 0.1), p=0.5, **attrs):
    """Two layers; p of the ratio is small where it is below .9, that of the difference is `p`."""
    ratio = np.array(ratio)
    values = {
        "within_minus_between_p_adjusted": np.array(separation),
        "between_over_within": ratio,
        "between_over_within_p_adjusted": np.where(np.abs(ratio - 1) > 0.1, 0.01, 0.6),
        "a_minus_b": np.array(difference),
        "a_minus_b_p_adjusted": np.array([p, 0.5]),
    }
    return xr.Dataset(
        {name: ("layer", value) for name, value in values.items()},
        {"layer": ["conv1", "conv2"]},
        ATTRIBUTES | attrs,
    )


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (comparison(), ["No layer shows that two networks", "is not shown to be below 1."]),
        (
            comparison((0.01, 0.3)),
            ["of one run in conv1 (", "for whatever reason", "differ in noise alone"],
        ),
        (
            comparison((0.01, 0.05), (0.7, 0.95)),
            ["in all 2 layers (", "Their geometry differs in conv1: the ratio"],
        ),
        (
            comparison(ratio=(1.3, 1.0)),
            ["No layer shows another geometry", "not shown to be below 1"],
        ),
        (comparison(p=0.04), ["Networks of dropout are less similar to each other", "in conv1."]),
        (comparison(difference=(-0.1, 0.1), p=0.04), ["Networks of plain are less similar"]),
        (
            comparison((0.01, 0.05), (0.7, 0.95), comparison="tau_a"),
            ["noise alone can explain in part, since similarities are of ranks"],
        ),
        (comparison(ratio=(np.nan, np.nan)), ["cannot be told: the ratio", "is not above 0."]),
        (
            comparison(ratio=(np.nan, 1.0)),
            ["No layer shows another geometry", "The ratio is not defined in conv1, where a"],
        ),
        (comparison(least_p=0.1, exact=0), ["With so few permutations the permutation test"]),
        (
            comparison(least_p=0.1),
            ["With so few instances", "cannot give a p below 0.100", "cannot show that the two"],
        ),
    ],
)
def test_each_test_answers_its_question(found, words):
    sentence = comparison_sentence(found)
    assert [word for word in words if word not in sentence] == []
