"""Jobs, one after the other, become rows: what was measured, and why the rest was not."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ensemble_rsa.bench.jobs import OURS, Job, Routine, Size, Way
from ensemble_rsa.bench.machine import GIB, memory_bytes
from ensemble_rsa.bench.measure import Cost, Failure, side_by_side
from ensemble_rsa.errors import RunError

Progress = Callable[[int, int, str], None]  # jobs done, of how many, and what comes next
Plan = Sequence[tuple[Routine, Sequence[Size]]]  # of each routine the smallest size first

NOT_INSTALLED = "not installed"
_LARGEST_SHARE = 0.8  # of the free memory that a job may need


@dataclass(frozen=True)
class Patience:
    """How long a benchmark may take.

    Attributes:
        limit: seconds that one call of another tool may take; longer ones are left out.
        repeats: how many calls after the first are timed.
        later: seconds of such calls after which a way is called no more.
    """

    limit: float
    repeats: int = 5
    later: float = 3.0


@dataclass(frozen=True)
class Row:
    """One way of doing one job; what was not measured is None, and `note` says why.

    Attributes:
        routine: what was done.
        stimuli: how many there were.
        units: how many there were; 0 where that does not matter.
        tool: who did it.
        seconds: median of the calls after the first, for the whole job.
        first_seconds: the first call, which compiles.
        extra_mib: what a call adds to the memory of the process at its peak.
        ratio: `seconds` over ours.
        error: largest deviation from float64, relative to the largest value; for MDS the stress.
        share: the part of the job that was measured; both times are scaled from it to the whole.
        note: why there are no figures, else empty.
    """

    routine: str
    stimuli: int
    units: int
    tool: str
    seconds: float | None = None
    first_seconds: float | None = None
    extra_mib: float | None = None
    ratio: float | None = None
    error: float | None = None
    share: float = 1.0
    note: str = ""


def run_jobs(plan: Plan, patience: Patience, progress: Progress | None = None) -> list[Row]:
    """Do all jobs of a plan.

    Another tool is left out of a job when a call would take longer than `patience.limit`, judged by
    the jobs before it; a whole job when it may need more memory or disk than there is.

    Args:
        plan: routines, each with its sizes.
        patience: how long it may take.
        progress: is told about each job before it begins, and about the end.

    Returns:
        A row for each size and tool, ours first.
    """
    rows: list[Row] = []
    total, done = sum(len(sizes) for _, sizes in plan), 0
    for routine, sizes in plan:
        pace: dict[str, float] = {}
        for size in sizes:
            if progress:
                progress(done, total, f"{routine.name}, {size_in_words(size.stimuli, size.units)}")
            rows += _rows_of_job(routine, size, patience, pace)
            done += 1
    if progress:
        progress(total, total, "done")
    return rows


def size_in_words(stimuli: int, units: int) -> str:
    """How large a job is.

    >>> size_in_words(1000, 36864), size_in_words(1000, 0)
    ('1,000 × 36,864', '1,000')
    """
    return f"{stimuli:,} × {units:,}" if units else f"{stimuli:,}"


def _rows_of_job(
    routine: Routine, size: Size, patience: Patience, pace: dict[str, float]
) -> list[Row]:
    """`pace`: seconds per unit of work of each tool, in jobs before this one; it is updated."""
    try:
        _check_memory(routine.memory(size))
        job = routine.prepare(size)
    except RunError as error:
        return [Row(routine.name, size.stimuli, size.units, OURS, note=str(error))]
    try:
        return _measured_rows(routine, size, job, patience, pace)
    finally:
        job.close()


def _check_memory(needed: int) -> None:
    free = memory_bytes("MemAvailable")
    if free is not None and needed > _LARGEST_SHARE * free:
        raise RunError(f"may need {needed / GIB:.1f} GiB of memory, {free / GIB:.1f} are free")


def _measured_rows(
    routine: Routine, size: Size, job: Job, patience: Patience, pace: dict[str, float]
) -> list[Row]:
    work = routine.work(size)
    notes: dict[str, str] = {}
    ways: dict[str, Way] = {}
    for tool, way in job.ways.items():
        foreseen = pace.get(tool, 0) * work
        if way is None:
            notes[tool] = NOT_INSTALLED
        elif tool != OURS and foreseen > patience.limit:
            notes[tool] = f"left out: about {foreseen:.0f} s a call"
        else:
            ways[tool] = way
    errors: dict[str, float] = {}

    def look(tool: str, result: Any) -> None:
        if job.error is not None and ways[tool].share == 1:
            errors[tool] = job.error(result)

    calls = {tool: way.call for tool, way in ways.items()}
    costs = side_by_side(calls, look, patience.repeats, patience.later)
    rows = []
    for tool in job.ways:
        row = Row(routine.name, size.stimuli, size.units, tool, note=notes.get(tool, ""))
        match costs.get(tool):
            case Failure(reason):
                row = replace(row, note=f"failed: {reason}")
            case Cost() as cost:
                share = ways[tool].share
                row = replace(
                    row,
                    seconds=cost.seconds / share,
                    first_seconds=cost.first_seconds / share,
                    extra_mib=cost.extra_mib,
                    ratio=1.0 if tool == OURS else cost.seconds / share / rows[0].seconds,
                    error=errors.get(tool),
                    share=share,
                )
                # The least, since small jobs pay more for what has nothing to do with their size.
                pace[tool] = min(cost.seconds / work, pace.get(tool, math.inf))
        rows.append(row)
    return rows
