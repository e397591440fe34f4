"""Calls of known cost: turns, memory, rows, and the reasons why a way is left out."""

import numpy as np
import pytest

from ensemble_rsa.bench import measure, run
from ensemble_rsa.bench.case import OURS, Case, Way
from ensemble_rsa.bench.measure import Patience, Turn, side_by_side, take_turn, typical

FIFTY_MIB = 50 * 2**20
ONCE = Patience(repeats=1)


@pytest.mark.parametrize("keep", [True, False], ids=["returned", "freed at once"])
def test_an_allocation_is_measured_at_its_peak(keep):
    if take_turn(list)[1].extra_mib is None:
        pytest.skip("this system does not report the peak of a process")

    def allocate():
        array = np.ones(FIFTY_MIB, np.uint8)
        return array if keep else int(array[0])

    assert 48 < take_turn(allocate)[1].extra_mib < 60
    assert take_turn(list)[1].extra_mib < 10


def test_memory_is_unknown_if_the_peak_cannot_be_reset(monkeypatch):
    monkeypatch.setattr(measure, "process_bytes", {"VmRSS": 1, "VmHWM": 2**30}.get)
    assert take_turn(list)[1].extra_mib is None


def test_ways_take_turns_and_first_results_are_kept():
    called, seen = [], {}
    ways = {name: Way(lambda name=name: called.append(name) or name * 2) for name in "ab"}
    turns = side_by_side(ways, seen.__setitem__, Patience(repeats=2))
    assert called == list("ababab")
    assert seen == {"a": "aa", "b": "bb"}
    assert [len(taken) for taken in turns.values()] == [3, 3]


def test_the_median_excludes_the_first_turn():
    turns = [Turn(100.0, 9.0), Turn(1.0, 7.0), Turn(3.0, None), Turn(2.0, None)]
    assert typical(turns) == Turn(2.0, 7.0)
    assert typical(turns[:1]) == Turn(100.0, 9.0)


def test_patience_limits_repetition_after_the_second_turn(monkeypatch):
    called = []
    ways = {name: Way(lambda name=name: called.append(name), compiles=name == "a") for name in "ab"}
    side_by_side(ways, lambda *found: None, Patience(repeats=9, seconds=0.0))
    assert called == list("abab")
    called.clear()
    monkeypatch.setattr(measure, "ONCE_FROM", 0.0)
    side_by_side(ways, lambda *found: None, ONCE)
    assert called == list("aba")


# Seconds of every call in the next tests.
SECONDS = {OURS: [3.0, 0.5], "NumPy": [1.0, 1.0]}


@pytest.fixture
def asked(monkeypatch):
    """Which ways of which case were called."""
    asked = []

    def canned(ways, look, patience):
        asked.append(list(ways))
        for name, way in ways.items():
            look(name, way.call())
        return {name: [Turn(seconds, 7.0) for seconds in SECONDS[name]] for name in ways}

    monkeypatch.setattr(run, "side_by_side", canned)
    return asked


def case(n=10, **others):
    ways = {OURS: Way(lambda: 0.25, compiles=True), **others}
    return Case("job", {"stimuli": n}, lambda: (ways, lambda result: result / 2), OURS, n**2)


def rows_of(*cases, patience=ONCE):
    return run.measure_all("analysis", "quick", cases, patience, lambda *state: None).rows


def test_rows_hold_what_was_measured(asked):
    ours, theirs, absent = rows_of(case(NumPy=Way(lambda: 0.5), SciPy="left out"))
    assert (ours.case, ours.size, ours.way) == ("job", {"stimuli": 10}, OURS)
    assert (ours.seconds, ours.first_seconds, ours.extra_mib) == (0.5, 3.0, 7.0)
    assert (ours.ratio, ours.error, ours.note) == (1.0, 0.125, "")
    assert (theirs.seconds, theirs.ratio, theirs.error) == (1.0, 2.0, 0.25)
    assert (absent.seconds, absent.note) == (None, "left out")


def test_a_part_is_scaled_to_the_whole_and_has_no_error(asked):
    _, theirs = rows_of(case(NumPy=Way(lambda: 0.5, share=0.1)))
    assert (theirs.seconds, theirs.first_seconds) == pytest.approx((10, 10))
    assert theirs.ratio == pytest.approx(20)
    assert theirs.error is None


def test_a_call_predicted_to_take_too_long_is_left_out(asked):
    cases = [case(n, NumPy=Way(lambda: 0.5)) for n in (10, 100)]
    rows = rows_of(*cases, patience=Patience(limit=99.0))
    assert asked == [[OURS, "NumPy"], [OURS]]
    assert rows[3].note == "left out: about 100 s a call"
    assert rows_of(*cases, patience=Patience(limit=101.0))[3].note == ""


def test_a_failure_is_a_note():
    def fail():
        raise ZeroDivisionError("of theirs\nand more")

    ours, theirs = rows_of(case(NumPy=Way(fail)))
    assert (theirs.note, theirs.seconds) == ("failed: ZeroDivisionError: of theirs", None)
    assert ours.seconds > 0
