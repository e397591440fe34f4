"""Cases, one after the other, become rows: what was measured, and why the rest was not."""

import dataclasses
import datetime
import importlib.metadata
import itertools
import math
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil

from ensemble_rsa.bench.case import NOT_INSTALLED, TOOLS, Case, Job, Size, Way
from ensemble_rsa.bench.measure import Patience, side_by_side, typical
from ensemble_rsa.device import device_name, free_host_bytes
from ensemble_rsa.errors import RunError

Progress = Callable[[int, int, str], None]  # cases done, of how many, and what comes next

_GIB = 2**30
_LARGEST_SHARE = 0.8  # of the free memory that a case may need
_PACKAGES = ("ensemble_rsa", "jax", "jaxlib", *dict.fromkeys(TOOLS.values()))


@dataclass(frozen=True)
class BenchRow:
    """One way of doing one case; what was not measured is None, and `note` says why.

    Attributes:
        case: name of the job.
        size: how large it was.
        way: how it was done.
        seconds: median of the calls after the first, for the whole job.
        first_seconds: the first call, with what it compiles.
        extra_mib: what a call adds to the memory at its peak.
        ratio: `seconds` over those of the case's reference.
        error: largest deviation from float64, relative to the largest value; for MDS the stress.
        share: how much of the job one call did; times are scaled to the whole.
        note: why there are no figures, else empty.
    """

    case: str
    size: Size
    way: str
    seconds: float | None = None
    first_seconds: float | None = None
    extra_mib: float | None = None
    ratio: float | None = None
    error: float | None = None
    share: int | float = 1
    note: str = ""


@dataclass(frozen=True)
class Bench:
    """All figures of a benchmark, and the machine that they were measured on."""

    bench: str
    scale: str
    machine: Mapping[str, Any]
    rows: list[BenchRow]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return dataclasses.asdict(self)

    def missing_packages(self) -> list[str]:
        """What to give to `pip install` for the tools that were not there."""
        missing = [TOOLS[row.way] for row in self.rows if row.note == NOT_INSTALLED]
        return list(dict.fromkeys(missing))


def measure_all(
    bench: str,
    scale: str,
    stages: Sequence[Callable[[list[BenchRow]], Sequence[Case]]],
    n_cases: int,
    patience: Patience,
    progress: Progress,
) -> Bench:
    """Measure the cases of all stages.

    Args:
        bench: name of the benchmark.
        scale: name of its size.
        stages: rows of the stages before → the cases of this one.
        n_cases: how many there are in all stages.
        patience: how long it may take.
        progress: called before each case and at the end.
    """
    machine, done = describe_machine(), itertools.count()
    rows: list[BenchRow] = []
    for stage in stages:
        rows += run_cases(stage(rows), patience, lambda what: progress(next(done), n_cases, what))
    progress(n_cases, n_cases, "done")
    return Bench(bench, scale, {**machine, "load_at_the_end": _load()}, rows)


def run_cases(
    cases: Sequence[Case], patience: Patience, progress: Callable[[str], None] = lambda what: None
) -> list[BenchRow]:
    """A row for each case and way.

    A tool of others is left out of a case if a call is predicted to take longer than
    `patience.limit`, from cases of the same name before it; a whole case if it may need more memory
    or disk than there is.
    """
    rows: list[BenchRow] = []
    pace: dict[tuple[str, str], float] = {}  # seconds per unit of work
    for case in cases:
        progress(f"{case.name}, {size_in_words(case.size)}")
        needed, free = case.bytes_needed / _GIB, free_host_bytes() / _GIB
        try:
            if needed > _LARGEST_SHARE * free:
                raise RunError(f"may need {needed:.1f} GiB of memory, {free:.1f} are free")
            job = case.prepare()
        except RunError as error:
            rows.append(BenchRow(case.name, case.size, case.reference, note=str(error)))
            continue
        try:
            rows += _measure(case, job, patience, pace)
        finally:
            job.close()
    return rows


def size_in_words(size: Size) -> str:
    """Axes and numbers.

    >>> size_in_words({"stimuli": 1000, "width": 0.5})
    'stimuli 1,000, width 0.5'
    """
    return ", ".join(f"{axis} {number:,g}" for axis, number in size.items())


def _measure(
    case: Case, job: Job, patience: Patience, pace: dict[tuple[str, str], float]
) -> list[BenchRow]:
    """`pace` is updated."""
    ways: dict[str, Way] = {}
    notes: dict[str, str] = {}
    for name, way in job.ways.items():
        predicted = pace.get((case.name, name), 0) * case.work
        if isinstance(way, str):
            notes[name] = way
        elif predicted > patience.limit and not way.compiles:
            notes[name] = f"left out: about {predicted:.0f} s a call"
        else:
            ways[name] = way
    errors: dict[str, float] = {}

    def look(name: str, result: Any) -> None:
        if job.error is not None and ways[name].share == 1:
            errors[name] = job.error(result)

    found = side_by_side(ways, look, patience)
    rows = []
    for name in job.ways:
        row, turns = BenchRow(case.name, case.size, name), found.get(name, notes.get(name, ""))
        if isinstance(turns, str):
            rows.append(replace(row, note=turns))
            continue
        cost, share, key = typical(turns), ways[name].share, (case.name, name)
        row = replace(row, seconds=cost.seconds / share, first_seconds=turns[0].seconds / share)
        rows.append(replace(row, extra_mib=cost.extra_mib, error=errors.get(name), share=share))
        # the least, since overheads that do not depend on the size slow small cases more
        pace[key] = min(cost.seconds / case.work, pace.get(key, math.inf))
    base = next((row.seconds for row in rows if row.way == case.reference), None)
    return [
        replace(row, ratio=row.seconds / base if base and row.seconds else None) for row in rows
    ]


def describe_machine() -> dict[str, Any]:
    """Processor, memory, load, device and versions; no host name and no paths.

    >>> describe_machine()["cores"] >= 1
    True
    """
    versions = {}
    for name in _PACKAGES:
        with suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / _GIB, 1),
        "load": _load(),
        "device": device_name(),
        "versions": versions,
    }


def _load() -> float:
    return round(psutil.getloadavg()[0], 2)


def _cpu_name() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
