"""Exponents of laws that are known."""

import pytest

from ensemble_rsa.bench.growth import fit_growth
from ensemble_rsa.bench.run import Row


def row(stimuli, units, tool="ours", seconds=None, extra_mib=None):
    return Row("RDM", stimuli, units, tool, seconds, seconds, extra_mib)


def law(stimuli, units):
    return row(stimuli, units, seconds=1e-6 * stimuli**2 * units, extra_mib=0.1 * stimuli)


def test_each_axis_has_its_own_exponent_at_a_fixed_other_one():
    sizes = [(100, 10), (200, 10), (400, 10), (100, 20), (100, 40)]
    first, second = fit_growth([law(*size) for size in sizes])
    assert (first.axis, first.low, first.high, first.other) == ("stimuli", 100, 400, 10)
    assert first.time == pytest.approx(2)
    assert first.memory == pytest.approx(1)
    assert (second.axis, second.low, second.high, second.other) == ("units", 10, 40, 100)
    assert second.time == pytest.approx(1)
    assert second.memory == pytest.approx(0)


def test_two_sizes_are_too_few():
    assert fit_growth([law(100, 10), law(200, 10)]) == []


def test_tools_are_kept_apart_and_gaps_left_out():
    rows = [
        row(n, 0, tool, seconds)
        for n in (10, 20, 40)
        for tool, seconds in [("a", float(n)), ("b", None)]
    ]
    (growth,) = fit_growth(rows)
    assert growth.tool == "a"
    assert growth.time == pytest.approx(1)


def test_too_little_memory_has_no_exponent():
    rows = [row(n, 0, "a", float(n), 0.01 * n) for n in (10, 20, 40)]
    assert fit_growth(rows)[0].memory is None
