"""Measure cases, and collect the results with the machine they were measured on."""

import datetime
import importlib.metadata
import math
import platform
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
import psutil

from ensemble_rsa.bench.case import Case, Size, Way
from ensemble_rsa.bench.measure import Patience, side_by_side, typical
from ensemble_rsa.device import device_name
from ensemble_rsa.jax_settings import n_cores

Progress = Callable[[int, int, str], None]  # cases done, number of cases, the next one

_PACKAGES = (
    "ensemble_rsa", "jax", "jaxlib", "numpy", "scipy", "scikit-learn", "rsatoolbox", "torch",
)  # fmt: skip


@dataclass(frozen=True)
class BenchRow:
    """One way of one case; what was not measured is None, and `note` gives the reason."""

    case: str
    size: Size
    way: str
    seconds: float | None = None  # median of the calls after the first, for the whole computation
    first_seconds: float | None = None
    extra_mib: float | None = None  # at the peak of a call, beyond what was in use before
    ratio: float | None = None  # of `seconds` to those of the case's reference
    error: float | None = None
    share: int | float = 1  # of the computation that one call does
    note: str = ""


@dataclass(frozen=True)
class Bench:
    """All rows of a benchmark, and the machine they were measured on."""

    bench: str
    scale: str
    machine: Mapping[str, Any]
    rows: list[BenchRow]


def measure_all(
    bench: str,
    scale: str,
    cases: Sequence[Case],
    patience: Patience,
    progress: Progress,
    compiled: Callable[[], None] | None = None,
) -> Bench:
    """Measure all cases in their order.

    A call of another tool is left out if smaller cases of the same name predict that it takes
    longer than `patience.limit`. With `compiled`, everything is compiled ahead, and it is called
    before anything is timed; the seconds of first calls are then without compiling.
    """
    machine = describe_machine()
    if compiled is not None:
        cases = [_compiled_ahead(case) for case in cases]
        compiled()
    rows: list[BenchRow] = []
    pace: dict[tuple[str, str], float] = {}
    for done, case in enumerate(cases):
        progress(done, len(cases), f"{case.name}, {size_in_words(case.size)}")
        rows += _measure(case, patience, pace, forget=compiled is None)
    progress(len(cases), len(cases), "done")
    return Bench(bench, scale, {**machine, "load_at_the_end": _load()}, rows)


def size_in_words(size: Size) -> str:
    """Axes and numbers.

    >>> size_in_words({"stimuli": 1000, "width": 0.5})
    'stimuli 1,000, width 0.5'
    """
    return ", ".join(f"{axis} {number:,g}" for axis, number in size.items())


def _compiled_ahead(case: Case) -> Case:
    """The case with its programs compiled; what cannot be compiled fails in its first call."""
    prepared = case.prepare()
    for way in prepared[0].values():
        if isinstance(way, Way) and way.compile is not None:
            with suppress(jax.errors.JaxRuntimeError):
                way.compile()
    return replace(case, prepare=lambda: prepared)


def _measure(
    case: Case, patience: Patience, pace: dict[tuple[str, str], float], forget: bool
) -> list[BenchRow]:
    """The rows of a case; updates `pace`, the seconds per unit of work of each name and way.

    `forget` lets first calls compile what earlier cases have compiled.
    """
    prepared, error_of = case.prepare()
    rows = {name: BenchRow(case.name, case.size, name) for name in prepared}
    ways: dict[str, Way] = {}
    errors: dict[str, float] = {}
    for name, way in prepared.items():
        predicted = pace.get((case.name, name), 0) * case.work
        if isinstance(way, str):
            rows[name] = replace(rows[name], note=way)
        elif predicted > patience.limit and not way.compiles:
            note = f"left out: about {predicted:.0f} s a call"
            rows[name] = replace(rows[name], note=note)
        else:
            ways[name] = way

    def keep_error(name: str, result: Any) -> None:
        if error_of is not None and ways[name].share == 1:
            errors[name] = error_of(result)

    if forget:
        jax.clear_caches()
    for name, turns in side_by_side(ways, keep_error, patience).items():
        if isinstance(turns, str):
            rows[name] = replace(rows[name], note=turns)
            continue
        cost, share = typical(turns), ways[name].share
        rows[name] = replace(
            rows[name],
            seconds=cost.seconds / share,
            first_seconds=turns[0].seconds / share,
            extra_mib=cost.extra_mib,
            error=errors.get(name),
            share=share,
        )
        # the least, since overheads that do not depend on the size slow small cases more
        key = case.name, name
        pace[key] = min(cost.seconds / case.work, pace.get(key, math.inf))
    base = rows[case.reference].seconds
    return [
        replace(row, ratio=row.seconds / base if base and row.seconds else None)
        for row in rows.values()
    ]


def describe_machine() -> dict[str, Any]:
    """Processor, memory, load, device and versions; no host name and no paths."""
    info = Path("/proc/cpuinfo")
    cpu = re.search(r"model name\s*: (.*)", info.read_text()) if info.exists() else None
    versions = {}
    for name in _PACKAGES:
        with suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "cpu": cpu[1] if cpu else platform.processor() or platform.machine(),
        "cores": n_cores(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "load": _load(),
        "device": device_name(),
        "versions": versions,
    }


def _load() -> float:
    return round(psutil.getloadavg()[0], 2)
