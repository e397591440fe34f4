"""Which workers may take part."""

import dataclasses

import pytest

from ensemble_rsa.cluster.facts import Facts, commonest_kind, facts_here, reason_against

OURS = Facts("here", "3.12", (("ensemble_rsa", "0.1.0"), ("jax", "0.10.2")), "H100")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, None),
        ({"host": "node7", "device": "V100"}, None),  # the device is another question
        ({"python": "3.11"}, "it has Python 3.11, and this process 3.12"),
        (
            {"versions": (("ensemble_rsa", "0.1.0"), ("jax", "0.9.2"))},
            "it has jax 0.9.2, and this process 0.10.2",
        ),
        (
            {"versions": (("ensemble_rsa", None), ("jax", "0.10.2"))},
            "it has ensemble_rsa not at all, and this process 0.1.0",
        ),
    ],
)
def test_other_versions_are_named(changes, expected):
    assert reason_against(dataclasses.replace(OURS, **changes), OURS) == expected


def test_this_process_may_take_part_in_its_own_work():
    assert reason_against(facts_here(with_device=True), facts_here(with_device=False)) is None


@pytest.mark.parametrize(
    ("kinds", "expected"), [("ABB", "B"), ("BA", "A"), ("A", "A"), ("CABCB", "B")]
)
def test_the_kind_of_most_workers(kinds, expected):
    assert commonest_kind(list(kinds)) == expected
