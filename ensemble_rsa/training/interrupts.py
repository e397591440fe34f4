"""Reasons to stop a training, which takes effect once its state is stored.

They are Ctrl-C, SIGTERM (which schedulers send), and a limit of time or a question set around it.
"""

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_STOP_AT: ContextVar[float] = ContextVar("stop_at", default=math.inf)
_ASKED: ContextVar[Callable[[], bool]] = ContextVar("asked", default=lambda: False)


class TrainingInterrupted(KeyboardInterrupt):
    """Training was stopped by a signal or a limit of time, and its state is stored."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Let trainings within the context stop, as if by a signal, once these seconds are over."""
    token = _STOP_AT.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _STOP_AT.reset(token)


def time_is_up() -> bool:
    """Whether the seconds of the surrounding `time_limit` are over; False without one."""
    return time.monotonic() >= _STOP_AT.get()


@contextmanager
def stopped_when(asked: Callable[[], bool]) -> Iterator[None]:
    """Let trainings within the context stop, as if by a signal, once `asked` returns True."""
    token = _ASKED.set(asked)
    try:
        yield
    finally:
        _ASKED.reset(token)


@contextmanager
def held_back() -> Iterator[Callable[[], bool]]:
    """Yield a function that returns whether a signal has come or the time is up.

    A second signal interrupts at once. Only the main thread can catch signals.
    """
    asked = False

    def ask(number, frame):
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True

    if threading.current_thread() is not threading.main_thread():
        elsewhere = _ASKED.get()
        yield lambda: elsewhere() or time_is_up()
        return
    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: asked or time_is_up()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
