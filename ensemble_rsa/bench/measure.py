"""Measurement of time and memory of interleaved calls."""

import contextlib
import ctypes
import gc
import math
import re
import statistics
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax

from ensemble_rsa.bench.case import Way

ONCE_FROM = 10.0  # seconds: a call this long is not repeated, unless the first one compiles
_MIB = 2**20
_SLACK = 4 * _MIB  # inaccuracy of the kernel's memory counts


class Patience(NamedTuple):
    """How often calls after the first are timed: at most `repeats`, for at most `seconds`.

    A call of another tool that is predicted to take longer than `limit` seconds is left out.
    """

    repeats: int = 5
    seconds: float = 3.0
    limit: float = math.inf


class Turn(NamedTuple):
    """Seconds of a call, and MiB by which it raised the peak of memory, if known."""

    seconds: float
    extra_mib: float | None


def side_by_side(
    ways: Mapping[str, Way], on_first_result: Callable[[str, Any], None], patience: Patience
) -> dict[str, list[Turn] | str]:
    """Turns of several ways, or the reason why one failed.

    The ways take turns, so that other work on the machine slows all of them alike. Each is called
    at least once after its first turn, unless that took `ONCE_FROM` seconds without compiling.
    `on_first_result` is called with each name and the result of its first call.
    """
    turns: dict[str, list[Turn]] = {name: [] for name in ways}
    failed: dict[str, str] = {}

    def is_due(name: str) -> bool:
        if name in failed:
            return False
        first, *later = (turn.seconds for turn in turns[name])
        if not later:
            return ways[name].compiles or first < ONCE_FROM
        return len(later) < patience.repeats and sum(later) < patience.seconds

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        due = list(ways)
        while due:
            for name in due:
                try:
                    result, turn = take_turn(ways[name].call, memory=len(turns[name]) < 2)
                    if not turns[name]:
                        on_first_result(name, result)
                    turns[name].append(turn)
                except Exception as error:  # noqa: BLE001 - one tool's bug must not end a long run
                    failed[name] = one_line(error)
            due = [name for name in ways if is_due(name)]
    return {**turns, **failed}


def one_line(error: Exception) -> str:
    """The first line of an error, as a reason why there are no figures."""
    return f"failed: {type(error).__name__}: {error}".splitlines()[0][:200]


def typical(turns: list[Turn]) -> Turn:
    """Median seconds of the turns after the first, if there are any, and the latest memory."""
    known = [None, *(turn.extra_mib for turn in turns if turn.extra_mib is not None)]
    return Turn(statistics.median(turn.seconds for turn in turns[1:] or turns), known[-1])


def take_turn(call: Callable[[], Any], memory: bool = True) -> tuple[Any, Turn]:
    """Call once, wait for the result, and measure time and, if wanted, memory."""
    before, old_peak = (_begin_peak(), _peak()) if memory else (None, None)
    began = time.perf_counter()
    result = jax.block_until_ready(call())
    seconds = time.perf_counter() - began
    peak = _peak() if memory else None
    if before is None or peak is None or (not _on_cpu() and peak == old_peak):
        return result, Turn(seconds, None)
    return result, Turn(seconds, max(0, peak - before) / _MIB)


def _on_cpu() -> bool:
    return jax.default_backend() == "cpu"


def _accelerator_bytes(entry: str) -> int | None:
    return (jax.local_devices()[0].memory_stats() or {}).get(entry)


def _peak() -> int | None:
    """Highest memory of this process, or of the accelerator, whose record cannot be reset."""
    return process_bytes("VmHWM") if _on_cpu() else _accelerator_bytes("peak_bytes_in_use")


def _begin_peak() -> int | None:
    """Let the peak start from the memory in use now, and return that; None if not possible.

    Linux resets the peak (VmHWM) when 5 is written to `clear_refs`; some containers accept the
    write and keep the peak.
    """
    if not _on_cpu():
        return _accelerator_bytes("bytes_in_use")
    gc.collect(1)
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)  # freed memory would hide some of the call's
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    in_use, peak = process_bytes("VmRSS"), process_bytes("VmHWM")
    return in_use if in_use and peak and peak <= in_use + _SLACK else None


def process_bytes(entry: str) -> int | None:
    """`VmRSS`: memory of this process now; `VmHWM`: at its peak. None if not on Linux."""
    status = Path("/proc/self/status")
    found = re.search(rf"{entry}:\s*(\d+) kB", status.read_text()) if status.exists() else None
    return 1024 * int(found[1]) if found else None
