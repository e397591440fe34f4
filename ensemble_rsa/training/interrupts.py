"""Ctrl-C and a scheduler's SIGTERM, held back until training is at a place where it can stop."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class TrainingInterrupted(KeyboardInterrupt):
    """Training was asked to stop, and did so with its state stored."""


@contextmanager
def held_back() -> Iterator[Callable[[], bool]]:
    """Yield a function that says whether to stop; a second Ctrl-C stops at once.

    Only the main thread can catch signals: elsewhere the answer is always no.
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
