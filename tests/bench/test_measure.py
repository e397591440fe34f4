"""Measuring calls whose cost is known."""

import numpy as np
import pytest

from ensemble_rsa.bench import measure
from ensemble_rsa.bench.measure import Cost, Failure, side_by_side, take_turn

FIFTY_MIB = 50 * 2**20


def forget(name, result):
    """Nothing to see."""


def known_memory():
    if take_turn(list)[1].extra_mib is None:
        pytest.skip("this system does not tell the peak of a process")


@pytest.mark.parametrize("keep", [True, False], ids=["returned", "given back at once"])
def test_an_allocation_is_seen_at_its_peak(keep):
    known_memory()

    def allocate():
        array = np.ones(FIFTY_MIB, np.uint8)
        return array if keep else int(array[0])

    extra = take_turn(allocate)[1].extra_mib
    assert 48 < extra < 60


def test_an_earlier_peak_is_forgotten():
    known_memory()
    np.ones(2 * FIFTY_MIB, np.uint8)
    assert take_turn(list)[1].extra_mib < 10


def test_memory_is_unknown_where_the_mark_cannot_be_reset(monkeypatch):
    monkeypatch.setattr(measure, "process_bytes", {"VmRSS": 1, "VmHWM": 2**30}.get)
    assert take_turn(list)[1].extra_mib is None
    monkeypatch.setattr(measure, "process_bytes", lambda entry: None)
    assert take_turn(list)[1].extra_mib is None


def test_ways_take_turns_and_the_first_results_are_shown():
    called, seen = [], {}
    calls = {name: lambda name=name: called.append(name) or name * 2 for name in "ab"}
    costs = side_by_side(calls, seen.__setitem__, repeats=2)
    assert called == list("ababab")
    assert seen == {"a": "aa", "b": "bb"}
    assert all(isinstance(cost, Cost) and cost.seconds > 0 for cost in costs.values())


def test_the_median_leaves_the_first_call_out(monkeypatch):
    seconds = iter([0.0, 100.0, 0.0, 1.0, 0.0, 3.0, 0.0, 2.0])
    monkeypatch.setattr(measure.time, "perf_counter", lambda: next(seconds))
    cost = side_by_side({"ours": list}, forget, repeats=3, patience=100.0)["ours"]
    assert (cost.first_seconds, cost.seconds) == (100, 2)


def test_patience_ends_the_calls_after_one():
    called = []
    side_by_side({"ours": lambda: called.append(1)}, forget, repeats=9, patience=0.0)
    assert len(called) == 2


def test_a_long_call_of_another_tool_is_made_once(monkeypatch):
    monkeypatch.setattr(measure, "ONCE_FROM", 0.0)
    called = []
    calls = {name: lambda name=name: called.append(name) for name in ("ours", "theirs")}
    cost = side_by_side(calls, forget, repeats=1)["theirs"]
    assert called == ["ours", "theirs", "ours"]
    assert cost.seconds == cost.first_seconds


def fail():
    raise ZeroDivisionError("of theirs\nand more")


def test_a_failure_of_another_tool_is_a_finding():
    costs = side_by_side({"ours": list, "theirs": fail}, forget, repeats=1)
    assert costs["theirs"] == Failure("ZeroDivisionError: of theirs")
    assert isinstance(costs["ours"], Cost)


def test_a_failure_of_ours_is_raised():
    with pytest.raises(ZeroDivisionError):
        side_by_side({"ours": fail}, forget)
