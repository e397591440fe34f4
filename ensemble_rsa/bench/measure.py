"""What a call costs: seconds of the first call and of later ones, and memory at its peak."""

import contextlib
import ctypes
import gc
import statistics
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax

from ensemble_rsa.bench.machine import process_bytes

ONCE_FROM = 10.0  # seconds: another tool's call as long as that is not made a second time
_MIB = 2**20
_SLACK = 4 * _MIB  # by which the kernel's counts of memory may be off


@dataclass(frozen=True)
class Turn:
    """One call: its seconds, and what it added to the memory of the process, in MiB if known."""

    seconds: float
    extra_mib: float | None


@dataclass(frozen=True)
class Cost:
    """What one way of doing a job costs.

    Attributes:
        first_seconds: the first call at this size, with what it compiles.
        seconds: median of the calls after it; that of the first where there was no other.
        extra_mib: what a call adds to the memory of the process at its peak, its result included;
            None where the system does not tell.
    """

    first_seconds: float
    seconds: float
    extra_mib: float | None


@dataclass(frozen=True)
class Failure:
    """Why another tool could not do a job."""

    reason: str


def side_by_side(
    calls: Mapping[str, Callable[[], Any]],
    look: Callable[[str, Any], None],
    repeats: int = 5,
    patience: float = 3.0,
) -> dict[str, Cost | Failure]:
    """Cost of several ways of doing the same job, called in turns.

    Turns, so that other work on the machine slows all of them alike. Warnings are not shown.

    Args:
        calls: a name and a call without arguments for each way, ours first: what it raises is
            raised, while an exception of another way becomes a `Failure`.
        look: is given each name and what the first call returned.
        repeats: how many calls after the first are timed, at most; at least one, unless the first
            one of another way than ours took `ONCE_FROM` seconds.
        patience: seconds of later calls after which a way is called no more.

    >>> costs = side_by_side({"ours": lambda: sum(range(1000))}, look=lambda name, result: None)
    >>> 0 < costs["ours"].seconds < 1
    True
    """
    ours = next(iter(calls))
    turns: dict[str, list[Turn]] = {}
    costs: dict[str, Cost | Failure] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        jax.clear_caches()  # or a first call would not compile what an earlier job has compiled
        for name, call in calls.items():
            try:
                result, turn = take_turn(call)
            except Exception as error:
                if name == ours:
                    raise
                # Another tool's bug must not end a run of minutes.
                costs[name] = Failure(f"{type(error).__name__}: {error}".splitlines()[0])
                continue
            look(name, result)
            del result
            turns[name] = [turn]

        def is_due(name: str) -> bool:
            first, *later = (turn.seconds for turn in turns[name])
            if not later:
                return name == ours or first < ONCE_FROM
            return len(later) < repeats and sum(later) < patience

        while due := [name for name in turns if is_due(name)]:
            for name in due:
                turns[name].append(take_turn(calls[name], len(turns[name]) == 1)[1])
    for name, taken in turns.items():
        later = taken[1:] or taken
        seconds = statistics.median(turn.seconds for turn in later)
        costs[name] = Cost(taken[0].seconds, seconds, later[0].extra_mib)
    return {name: costs[name] for name in calls}


def take_turn(call: Callable[[], Any], memory: bool = True) -> tuple[Any, Turn]:
    """Call once, wait until the result is there, and say what that took.

    Args:
        call: what to call.
        memory: whether to measure memory, too, which makes the call begin with freed memory handed
            back to the system.
    """
    before = _begin_peak() if memory else None
    began = time.perf_counter()
    result = jax.block_until_ready(call())
    seconds = time.perf_counter() - began
    peak = None if before is None else process_bytes("VmHWM")
    if before is None or peak is None:
        return result, Turn(seconds, None)
    return result, Turn(seconds, max(0, peak - before) / _MIB)


def _begin_peak() -> int | None:
    """Let the peak start from what is in use now, and return that in bytes; None if it cannot be.

    Linux forgets its mark of the peak (VmHWM) when 5 is written to `clear_refs`; some containers
    accept the write and keep the mark.
    """
    gc.collect(1)  # what the last call left, not all that ever was
    # Another C library keeps freed memory, which then hides some of the call's.
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return None
    now, peak = process_bytes("VmRSS"), process_bytes("VmHWM")
    return now if now is not None and peak is not None and peak - now < _SLACK else None
