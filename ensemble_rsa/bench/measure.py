"""What a call costs: seconds of the first call and of later ones, and memory at its peak."""

import contextlib
import ctypes
import gc
import math
import statistics
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax

from ensemble_rsa.bench.case import Way

ONCE_FROM = 10.0  # seconds: a call as long as that is not repeated, unless the first one compiles
_MIB = 2**20
_SLACK = 4 * _MIB  # by which the kernel's counts of memory may be off


class Patience(NamedTuple):
    """How often calls after the first are timed, and how long they may take.

    Attributes:
        repeats: how many at most.
        seconds: after which a way is called no more.
        limit: seconds that one call of another tool may take; longer ones are left out.
    """

    repeats: int = 5
    seconds: float = 3.0
    limit: float = math.inf


class Turn(NamedTuple):
    """Seconds of a call, and by how many MiB it raised the peak of memory, if that is known."""

    seconds: float
    extra_mib: float | None


def side_by_side(
    ways: Mapping[str, Way], look: Callable[[str, Any], None], patience: Patience
) -> dict[str, list[Turn] | str]:
    """Turns of several ways of doing the same job, or the reason why one failed.

    They take turns, so that other work on the machine slows all of them alike. Each is called once
    more after its first turn at least, unless that took `ONCE_FROM` seconds without compiling.
    Warnings are not shown.

    Args:
        ways: name → way.
        look: called with each name and the result of its first call.
        patience: how often each way is called.

    >>> ways = {"sum": Way(lambda: sum(range(1000)))}
    >>> len(side_by_side(ways, lambda name, result: None, Patience(repeats=2))["sum"])
    3
    """
    found: dict[str, list[Turn] | str] = {}

    def take(name: str) -> None:
        turns = found.setdefault(name, [])
        assert isinstance(turns, list)
        try:
            result, turn = take_turn(ways[name].call, memory=len(turns) < 2)
            if not turns:
                look(name, result)
            turns.append(turn)
        except Exception as error:  # noqa: BLE001 - one tool's bug must not end a long run
            found[name] = f"failed: {type(error).__name__}: {error}".splitlines()[0][:200]

    def is_due(name: str) -> bool:
        turns = found[name]
        if isinstance(turns, str):
            return False
        first, *later = (turn.seconds for turn in turns)
        if not later:
            return ways[name].compiles or first < ONCE_FROM
        return len(later) < patience.repeats and sum(later) < patience.seconds

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        jax.clear_caches()  # or a first call would not compile what an earlier case has compiled
        due = list(ways)
        while due:
            for name in due:
                take(name)
            due = [name for name in ways if is_due(name)]
    return found


def typical(turns: list[Turn]) -> Turn:
    """Median seconds of the turns after the first, if there are any, and the latest memory."""
    known = [turn.extra_mib for turn in turns if turn.extra_mib is not None]
    seconds = statistics.median(turn.seconds for turn in turns[1:] or turns)
    return Turn(seconds, known[-1] if known else None)


def take_turn(call: Callable[[], Any], memory: bool = True) -> tuple[Any, Turn]:
    """Call once and wait for the result; to measure `memory`, first return what is free."""
    extra_mib = _memory_meter() if memory else lambda: None
    began = time.perf_counter()
    result = jax.block_until_ready(call())
    seconds = time.perf_counter() - began
    return result, Turn(seconds, extra_mib())


def _memory_meter() -> Callable[[], float | None]:
    """Begin to watch the peak of this process, or of the accelerator if JAX uses one.

    An accelerator knows only its highest peak: a call that stays below it is not measured.
    """
    if jax.default_backend() == "cpu":
        before, read, old_peak = _begin_process_peak(), lambda: process_bytes("VmHWM"), None
    else:
        device = jax.local_devices()[0]
        read = lambda: (device.memory_stats() or {}).get("peak_bytes_in_use")
        before, old_peak = (device.memory_stats() or {}).get("bytes_in_use"), read()

    def extra_mib() -> float | None:
        peak = read()
        if before is None or peak is None or peak == old_peak:
            return None
        return max(0, peak - before) / _MIB

    return extra_mib


def _begin_process_peak() -> int | None:
    """Let the peak start from what is in use now, and return that in bytes; None if it cannot be.

    Linux resets its mark of the peak (VmHWM) when 5 is written to `clear_refs`; some containers
    accept the write and keep the mark.
    """
    gc.collect(1)
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)  # freed memory would hide some of the call's
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return None
    in_use, peak = process_bytes("VmRSS"), process_bytes("VmHWM")
    return in_use if in_use and peak and peak <= in_use + _SLACK else None


def process_bytes(entry: str) -> int | None:
    """`VmRSS`: memory of this process now; `VmHWM`: at its peak. None if not on Linux."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    found = (int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{entry}:"))
    return next(found, None)
