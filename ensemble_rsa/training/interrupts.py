"""Ctrl-C and SIGTERM (which schedulers send), delayed until the state of training is stored."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class TrainingInterrupted(KeyboardInterrupt):
    """Training was stopped by a signal, and its state is stored."""


@contextmanager
def held_back() -> Iterator[Callable[[], bool]]:
    """Yield a function that returns whether a signal has come; a second one interrupts at once.

    Only the main thread can catch signals: in others the function always returns False.
    """
    asked = False

    def ask(number, frame):
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True

    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
