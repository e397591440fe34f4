"""Images per second of several ways to train, called in turns, beside PyTorch."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax

from ensemble_rsa.bench import pytorch
from ensemble_rsa.bench.measure import take_turn
from ensemble_rsa.bench.run import NOT_INSTALLED
from ensemble_rsa.bench.steps import (
    Setup,
    device_bytes,
    hopeless,
    ready_to_train,
    too_large,
    way_name,
)
from ensemble_rsa.models.execution import Execution

_MIB = 2**20
# What may go wrong without ending a run of minutes: no memory, no kernel for it, a broken install.
_FAILURES = (ImportError, OSError, RuntimeError, MemoryError)


@dataclass(frozen=True)
class Turns:
    """How often a call is timed after its first: at most `repeats` times or `patience` seconds."""

    repeats: int
    patience: float


@dataclass(frozen=True)
class Rate:
    """One way to train; what was not measured is None, and `note` says why.

    Attributes:
        part: of the benchmark.
        setup: what was trained.
        way: how.
        summed: training images per second, over all instances.
        each: the same for one instance.
        milliseconds: a step's, divided by the instances.
        compile_seconds: by how much the first call took longer than later ones.
        extra_mib: what a call adds at its peak, to the memory of the process or, on an accelerator,
            to that of the device; there only where it rose above all peaks before.
        ratio: `summed` over that of PyTorch, one network after the other.
        note: why there are no figures, else empty.
    """

    part: str
    setup: Setup
    way: str
    summed: float | None = None
    each: float | None = None
    milliseconds: float | None = None
    compile_seconds: float | None = None
    extra_mib: float | None = None
    ratio: float | None = None
    note: str = ""


@dataclass(frozen=True)
class _Cost:
    first: float
    seconds: float
    extra_mib: float | None


def measure_rates(
    part: str, setup: Setup, executions: Sequence[Execution], rivals: Sequence[str], turns: Turns
) -> list[Rate]:
    """A row for each way, then one for each rival.

    Args:
        part: of the benchmark.
        setup: what is trained.
        executions: our ways; those that are hopeless here or too large are not tried.
        rivals: of `RIVALS`.
        turns: how often each is timed.
    """
    calls: dict[str, Callable[[], Any]] = {}
    notes: dict[str, str] = {}
    for way in executions:
        if note := hopeless(way) or too_large(setup, way):
            notes[way_name(way)] = note
        else:
            calls[way_name(way)] = ready_to_train(setup, way)
    for name in rivals:
        try:
            calls[name] = RIVALS[name](setup)
        except ImportError:
            notes[name] = NOT_INSTALLED
        except _FAILURES as error:
            notes[name] = _reason(error)
    costs, failed = _in_turns(calls, turns)
    notes |= failed
    # one network is timed for those that train one after the other
    trained = {pytorch.ONE_BY_ONE: 1}
    rows = []
    for name in [*map(way_name, executions), *rivals]:
        row = Rate(part, setup, name, note=notes.get(name, ""))
        if cost := costs.get(name):
            steps_each = cost.seconds / setup.steps / trained.get(name, setup.instances)
            summed = setup.batch / steps_each
            row = replace(
                row,
                summed=summed,
                each=summed / setup.instances,
                milliseconds=1e3 * steps_each,
                compile_seconds=None if name in RIVALS else max(0.0, cost.first - cost.seconds),
                extra_mib=cost.extra_mib,
            )
        rows.append(row)
    return with_ratios(rows)


def with_ratios(rows: Sequence[Rate]) -> list[Rate]:
    """The same rows of one setup, with their ratio to PyTorch where it was measured."""
    best = next((row.summed for row in rows if row.way == pytorch.ONE_BY_ONE), None)
    return [replace(row, ratio=row.summed / best if best and row.summed else None) for row in rows]


def _in_turns(
    calls: Mapping[str, Callable[[], Any]], turns: Turns
) -> tuple[dict[str, _Cost], dict[str, str]]:
    """What each call costs, or why it failed; in turns, so that other work slows all alike."""
    failed: dict[str, str] = {}
    first: dict[str, float] = {}
    extra: dict[str, float | None] = {}
    for name, call in calls.items():
        try:
            first[name], extra[name] = _first_turn(call)
        except _FAILURES as error:
            failed[name] = _reason(error)
    later: dict[str, list[float]] = {name: [] for name in first}

    def is_due(name: str) -> bool:
        taken = later[name]
        return not taken or (len(taken) < turns.repeats and sum(taken) < turns.patience)

    while due := [name for name in later if is_due(name)]:
        for name in due:
            on_host = jax.default_backend() == "cpu" and not later[name]
            turn = take_turn(calls[name], memory=on_host)[1]
            later[name].append(turn.seconds)
            if on_host:
                extra[name] = turn.extra_mib
    costs = {
        name: _Cost(first[name], statistics.median(taken), extra[name])
        for name, taken in later.items()
    }
    return costs, failed


def _first_turn(call: Callable[[], Any]) -> tuple[float, float | None]:
    """Seconds of a call, and the MiB it adds to the device where that makes a new peak."""
    in_use, before = device_bytes("bytes_in_use"), device_bytes("peak_bytes_in_use")
    seconds = take_turn(call, memory=False)[1].seconds
    after = device_bytes("peak_bytes_in_use")
    if in_use is None or before is None or after is None or after <= before:
        return seconds, None
    return seconds, (after - in_use) / _MIB


def _reason(error: BaseException) -> str:
    return f"failed: {type(error).__name__}: {error}".splitlines()[0][:200]


RIVALS: Mapping[str, Callable[[Setup], Callable[[], None]]] = {
    pytorch.ONE_BY_ONE: pytorch.one_by_one,
    pytorch.STACKED: pytorch.stacked,
}
