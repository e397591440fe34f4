"""What an accelerator does with this package, in minutes: rates, memory, hours of the paper."""

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax

from ensemble_rsa.bench import pytorch
from ensemble_rsa.bench.machine import describe_machine, load
from ensemble_rsa.bench.paper import Hours, paper_hours, total_hours
from ensemble_rsa.bench.rates import RIVALS, Rate, Turns, measure_rates
from ensemble_rsa.bench.run import Progress
from ensemble_rsa.bench.steps import Setup, device_bytes, way_name
from ensemble_rsa.bench.training import VERSIONED, setup_in_words
from ensemble_rsa.device import device_name
from ensemble_rsa.errors import RunError
from ensemble_rsa.models.execution import Execution, candidates

MEMORY, RATES, SECOND_MODEL = "memory of the first way", "rates", "the second network"
PRECISIONS = ("float32", "tensorfloat32", "bfloat16")
_MIB = 2**20


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    Attributes:
        setup: the sizes.
        memory_at: numbers of instances, ascending, since an accelerator tells only its highest
            peak.
        ways: how many of the candidates are tried in the first precision, and how many, the best
            first, in the others.
        turns: how often each call is timed.
        seconds: after which nothing new is begun.
    """

    setup: Setup
    memory_at: tuple[int, ...]
    ways: tuple[int | None, int]
    turns: Turns
    seconds: float


FULL_SIZE = Plan(
    Setup(10, 1.0, (32, 32, 3), 128, steps=10), (1, 2, 4), (None, 2), Turns(3, 5.0), 330.0
)
TOY = Plan(Setup(2, 0.1, (8, 8, 1), 10, steps=2), (1,), (2, 1), Turns(2, 0.5), 90.0)


@dataclass(frozen=True)
class Memory:
    """What training takes.

    Attributes:
        source: whose memory it is.
        at: number of instances → MiB at the peak.
        mib_per_instance: by how much it grows; None where fewer than two sizes are known.
    """

    source: str
    at: Mapping[int, float]
    mib_per_instance: float | None


@dataclass(frozen=True)
class Check:
    """Every figure of a check.

    Attributes:
        toy: whether it ran at toy size, where no figure means anything.
        machine: plain values of `describe_machine`.
        seconds: how long it took.
        rows: rates by precision and way, ours and PyTorch's.
        memory: of ours in float32.
        hours: precision → those of the whole paper.
        left_out: what there was no time for.
    """

    toy: bool
    machine: Mapping[str, Any]
    seconds: float
    rows: list[Rate]
    memory: Memory
    hours: Mapping[str, list[Hours]]
    left_out: list[str]


def check_accelerator(toy: bool = False, progress: Progress | None = None) -> Check:
    """Measure on the accelerator that JAX uses; at toy size wherever it computes.

    Args:
        toy: a minute on a CPU, to see that everything runs.
        progress: is told about each measurement.

    Raises:
        RunError: there is no accelerator, and this is not a toy.
    """
    if not toy and jax.default_backend() == "cpu":
        raise RunError(
            f"no accelerator: JAX computes on {device_name()}; install jax[cuda12], or see with "
            "--toy that the check itself runs"
        )
    plan = TOY if toy else FULL_SIZE
    machine, began = describe_machine(VERSIONED), time.monotonic()
    rows: list[Rate] = []
    left_out: list[str] = []
    peaks: dict[int, float | None] = {}
    steps = len(plan.memory_at) + len(PRECISIONS) + 1

    def measure(part: str, setup: Setup, executions: Sequence[Execution], rivals=()) -> list[Rate]:
        what = f"{part}: {setup_in_words(setup)}"
        if progress:
            progress(len({(row.part, row.setup) for row in rows}) + len(left_out), steps, what)
        if time.monotonic() - began > plan.seconds:
            left_out.append(what)
            return []
        return measure_rates(part, setup, executions, rivals, plan.turns)

    for n in plan.memory_at:
        found = measure(MEMORY, replace(plan.setup, instances=n), candidates()[:1])
        rows += found
        if found:
            peaks[n] = _peak(found[0])
    several, few = plan.ways
    for precision in PRECISIONS:
        tried = _best_first(rows)[:few] if precision != PRECISIONS[0] else candidates()[:several]
        setup = replace(plan.setup, precision=precision)
        rows += measure(RATES, setup, tried, tuple(RIVALS))
        if precision == PRECISIONS[0]:
            second = replace(plan.setup, model="all_cnn_7")
            rows += measure(SECOND_MODEL, second, _best_first(rows)[:1])
    if progress:
        progress(steps, steps, "done")
    return Check(
        toy,
        {**machine, "load_at_the_end": load()},
        round(time.monotonic() - began, 1),
        rows,
        _memory(peaks),
        _hours(rows),
        left_out,
    )


def as_plain(check: Check) -> dict[str, Any]:
    """The same as dictionaries and lists, for JSON, with the sum of hours."""
    totals = {precision: total_hours(rows) for precision, rows in check.hours.items()}
    return {"bench": "gpu_check", **dataclasses.asdict(check), "total_hours": totals}


def in_words(check: Check) -> list[str]:
    """Memory, hours and what was left out, a line each."""
    lines = [
        f"memory of {check.memory.source}: "
        + ", ".join(f"{n} instances {mib:,.0f} MiB" for n, mib in check.memory.at.items())
    ]
    if check.memory.mib_per_instance is not None:
        lines[0] += f"; {check.memory.mib_per_instance:,.0f} MiB more for each instance"
    for precision, rows in check.hours.items():
        total = total_hours(rows)
        lines.append(f"hours of the whole paper in {precision}: {_number(total)}, of which")
        for row in rows:
            apart = ", estimated by multiplications" if row.estimated else ""
            lines.append(
                f"  {_number(row.hours)} for {row.number} {row.what}, {row.epochs} epochs of "
                f"{row.images:,} images{apart}"
            )
    lines += [f"left out, since time was over: {what}" for what in check.left_out]
    if check.toy:
        lines.append("toy size: these figures mean nothing")
    return lines


def _number(hours: float | None) -> str:
    return "unknown" if hours is None else f"{hours:,.2f}"


def _peak(row: Rate) -> float | None:
    """MiB: of the device since the start, or what a call adds to the process."""
    peak = device_bytes("peak_bytes_in_use")
    return row.extra_mib if peak is None else peak / _MIB


def _memory(peaks: Mapping[int, float | None]) -> Memory:
    of_device = device_bytes("peak_bytes_in_use") is not None
    source = "the device (peak_bytes_in_use)" if of_device else "the process (what a call adds)"
    known = {n: mib for n, mib in peaks.items() if mib is not None}
    if len(known) < 2:
        return Memory(source, known, None)
    low, high = min(known), max(known)
    return Memory(source, known, (known[high] - known[low]) / (high - low))


def _rates_of(rows: Sequence[Rate], precision: str) -> list[Rate]:
    return [row for row in rows if row.part == RATES and row.setup.precision == precision]


def _best_first(rows: Sequence[Rate]) -> list[Execution]:
    """Our ways, the fastest in the first precision first; those without a figure last."""
    summed = {row.way: row.summed or 0.0 for row in _rates_of(rows, PRECISIONS[0])}
    speed: Callable[[Execution], float] = lambda way: summed.get(way_name(way), 0.0)
    return sorted(candidates(), key=speed, reverse=True)


def _hours(rows: Sequence[Rate]) -> dict[str, list[Hours]]:
    """By precision: the second network is measured in the first one and scaled like the first."""
    best = {
        precision: max(
            (row.summed for row in _rates_of(rows, precision) if row.summed and _is_ours(row)),
            default=None,
        )
        for precision in PRECISIONS
    }
    second = next((row.summed for row in rows if row.part == SECOND_MODEL), None)
    first = best[PRECISIONS[0]]
    found = {}
    for precision, rate in best.items():
        rates = {"all_cnn_c": rate} if rate else {}
        if rate and first and second:
            rates["all_cnn_7"] = second * rate / first
        found[precision] = paper_hours(rates)
    return found


def _is_ours(row: Rate) -> bool:
    return row.way not in (pytorch.ONE_BY_ONE, pytorch.STACKED)
