"""From jobs to rows: shares, ratios, and what is left out for which reason."""

import pytest

from ensemble_rsa.bench import run
from ensemble_rsa.bench.jobs import OURS, Job, Routine, Size, Way
from ensemble_rsa.bench.measure import Cost, Failure
from ensemble_rsa.bench.run import Patience, run_jobs
from ensemble_rsa.errors import RunError

SMALL, LARGE = Size(10), Size(100)


def routine(prepare, memory=0):
    return Routine("routine", prepare, lambda size: size.stimuli**2, lambda size: memory)


@pytest.fixture
def costs(monkeypatch):
    """What every call is said to cost; which ones were made is in `asked`."""
    known = {OURS: Cost(3.0, 0.5, 7.0), "NumPy": Cost(1.0, 1.0, None), "asked": []}

    def canned(calls, look, repeats, patience):
        known["asked"].append(list(calls))
        for name, call in calls.items():
            look(name, call())
        return {name: known[name] for name in calls}

    monkeypatch.setattr(run, "side_by_side", canned)
    return known


def job(**ways):
    return Job({OURS: Way(lambda: 0.25), **ways}, error=lambda result: result / 2)


def rows_of(prepare, sizes=(SMALL,), limit=10.0, progress=None):
    return run_jobs([(routine(prepare), sizes)], Patience(limit), progress)


def test_rows_hold_what_was_measured(costs):
    ours, theirs = rows_of(lambda size: job(NumPy=Way(lambda: 0.5)))
    assert (ours.routine, ours.stimuli, ours.tool) == ("routine", 10, OURS)
    assert (ours.seconds, ours.first_seconds, ours.extra_mib) == (0.5, 3.0, 7.0)
    assert (ours.ratio, ours.error, ours.note) == (1.0, 0.125, "")
    assert (theirs.ratio, theirs.error, theirs.extra_mib) == (2.0, 0.25, None)


def test_part_of_a_job_is_scaled_to_the_whole_and_not_judged(costs):
    _, theirs = rows_of(lambda size: job(NumPy=Way(lambda: 0.5, share=0.1)))
    assert (theirs.seconds, theirs.first_seconds) == pytest.approx((10, 10))
    assert theirs.ratio == pytest.approx(20)
    assert theirs.error is None


def test_a_tool_is_left_out_where_it_would_take_too_long(costs):
    prepare = lambda size: job(NumPy=Way(lambda: 0.5))
    rows = rows_of(prepare, [SMALL, LARGE], limit=99.0)
    assert costs["asked"] == [[OURS, "NumPy"], [OURS]]
    assert rows[3].seconds is None
    assert rows[3].note == "left out: about 100 s a call"
    assert rows_of(prepare, [SMALL, LARGE], limit=101.0)[3].note == ""


def test_a_tool_that_is_not_there_or_fails_has_a_reason(costs):
    costs["SciPy"] = Failure("ValueError: no")
    rows = rows_of(lambda size: job(NumPy=None, SciPy=Way(lambda: 0.5)))
    assert [row.note for row in rows] == ["", "not installed", "failed: ValueError: no"]
    assert rows[1].seconds is None
    assert rows[2].seconds is None


def test_a_job_that_is_too_large_for_the_machine_has_a_reason(costs, monkeypatch):
    def prepare(size):
        raise RunError("no disk")

    (row,) = rows_of(prepare)
    assert (row.note, row.seconds) == ("no disk", None)
    monkeypatch.setattr(run, "memory_bytes", lambda entry: 2**30)
    (row,) = run_jobs([(routine(job, memory=2**31), [SMALL])], Patience(1.0))
    assert row.note == "may need 2.0 GiB of memory, 1.0 are free"
    monkeypatch.setattr(run, "memory_bytes", lambda entry: None)
    prepare = lambda size: job()
    assert run_jobs([(routine(prepare, memory=2**31), [SMALL])], Patience(1.0))[0].seconds


def test_what_a_job_needed_is_removed_also_after_an_error(monkeypatch):
    def stop(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "side_by_side", stop)
    closed = []
    prepare = lambda size: Job({OURS: Way(list)}, close=lambda: closed.append(size))
    with pytest.raises(KeyboardInterrupt):
        rows_of(prepare)
    assert closed == [SMALL]


def test_progress_names_every_job(costs):
    told = []
    prepare = lambda size: job()
    rows_of(prepare, [SMALL, Size(1000, 20)], progress=lambda *words: told.append(words))
    assert told == [(0, 2, "routine, 10"), (1, 2, "routine, 1,000 × 20"), (2, 2, "done")]
