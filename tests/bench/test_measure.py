"""Calls whose cost is known: turns, memory, rows, and what is left out for which reason."""

import numpy as np
import pytest

from ensemble_rsa.bench import measure, run
from ensemble_rsa.bench.case import NOT_INSTALLED, OURS, Case, Job, Way, ours
from ensemble_rsa.bench.measure import Patience, Turn, side_by_side, take_turn, typical
from ensemble_rsa.bench.run import run_cases
from ensemble_rsa.errors import RunError

FIFTY_MIB = 50 * 2**20
ONCE = Patience(repeats=1)


def forget(name, result):
    """Results do not matter."""


@pytest.mark.parametrize("keep", [True, False], ids=["returned", "freed at once"])
def test_an_allocation_is_seen_at_its_peak(keep):
    if take_turn(list)[1].extra_mib is None:
        pytest.skip("this system does not tell the peak of a process")

    def allocate():
        array = np.ones(FIFTY_MIB, np.uint8)
        return array if keep else int(array[0])

    assert 48 < take_turn(allocate)[1].extra_mib < 60
    assert take_turn(list)[1].extra_mib < 10


def test_memory_is_unknown_where_the_mark_cannot_be_reset(monkeypatch):
    monkeypatch.setattr(measure, "process_bytes", {"VmRSS": 1, "VmHWM": 2**30}.get)
    assert take_turn(list)[1].extra_mib is None


def test_ways_take_turns_and_the_first_results_are_looked_at():
    called, seen = [], {}
    calls = {name: Way(lambda name=name: called.append(name) or name * 2) for name in "ab"}
    turns = side_by_side(calls, seen.__setitem__, Patience(repeats=2))
    assert called == list("ababab")
    assert seen == {"a": "aa", "b": "bb"}
    assert [len(taken) for taken in turns.values()] == [3, 3]


def test_the_median_leaves_the_first_turn_out():
    turns = [Turn(100.0, 9.0), Turn(1.0, 7.0), Turn(3.0, None), Turn(2.0, None)]
    assert typical(turns) == Turn(2.0, 7.0)
    assert typical(turns[:1]) == Turn(100.0, 9.0)


def test_patience_ends_the_turns_but_not_the_second(monkeypatch):
    called = []
    ways = {name: Way(lambda name=name: called.append(name), compiles=name == "a") for name in "ab"}
    side_by_side(ways, forget, Patience(repeats=9, seconds=0.0))
    assert called == list("abab")
    called.clear()
    monkeypatch.setattr(measure, "ONCE_FROM", 0.0)
    side_by_side(ways, forget, ONCE)
    assert called == list("aba")


# Every call of the next tests is said to take these seconds.
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


def case(n=10, prepare=None, bytes_needed=0, **ways):
    job = Job({**ours(lambda: 0.25), **ways}, error=lambda result: result / 2)
    return Case("job", {"stimuli": n}, prepare or (lambda: job), OURS, n**2, bytes_needed)


def test_rows_hold_what_was_measured(asked):
    ours, theirs, absent = run_cases([case(NumPy=Way(lambda: 0.5), SciPy=NOT_INSTALLED)], ONCE)
    assert (ours.case, ours.size, ours.way) == ("job", {"stimuli": 10}, OURS)
    assert (ours.seconds, ours.first_seconds, ours.extra_mib) == (0.5, 3.0, 7.0)
    assert (ours.ratio, ours.error, ours.note) == (1.0, 0.125, "")
    assert (theirs.seconds, theirs.ratio, theirs.error) == (1.0, 2.0, 0.25)
    assert (absent.seconds, absent.note) == (None, "not installed")


def test_a_part_of_a_job_is_scaled_to_the_whole_and_its_error_unknown(asked):
    _, theirs = run_cases([case(NumPy=Way(lambda: 0.5, share=0.1))], ONCE)
    assert (theirs.seconds, theirs.first_seconds) == pytest.approx((10, 10))
    assert theirs.ratio == pytest.approx(20)
    assert theirs.error is None


def test_a_tool_is_left_out_where_it_would_take_too_long(asked):
    cases = [case(n, NumPy=Way(lambda: 0.5)) for n in (10, 100)]
    rows = run_cases(cases, Patience(limit=99.0))
    assert asked == [[OURS, "NumPy"], [OURS]]
    assert rows[3].note == "left out: about 100 s a call"
    assert run_cases(cases, Patience(limit=101.0))[3].note == ""


def test_a_failure_is_a_finding():
    def fail():
        raise ZeroDivisionError("of theirs\nand more")

    ours, theirs = run_cases([case(NumPy=Way(fail))], ONCE)
    assert (theirs.note, theirs.seconds) == ("failed: ZeroDivisionError: of theirs", None)
    assert ours.seconds > 0


def test_a_case_that_is_too_large_for_the_machine_has_a_reason(asked, monkeypatch):
    def no_disk():
        raise RunError("no disk")

    monkeypatch.setattr(run, "free_host_bytes", lambda: 2.0**30)
    told = []
    rows = run_cases([case(prepare=no_disk), case(bytes_needed=2**31)], ONCE, told.append)
    assert [row.note for row in rows] == [
        "no disk", "may need 2.0 GiB of memory, 1.0 are free",
    ]  # fmt: skip
    assert asked == []
    assert told == ["job, stimuli 10"] * 2


def test_what_a_job_needed_is_removed_also_after_an_interruption(monkeypatch):
    def stop(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "side_by_side", stop)
    closed = []
    job = Job(ours(list), close=lambda: closed.append(True))
    with pytest.raises(KeyboardInterrupt):
        run_cases([case(prepare=lambda: job)], ONCE)
    assert closed
