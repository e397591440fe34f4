"""What runs in the processes of workers: admission, and jobs with their messages and stops."""

import asyncio
import logging
import os
import pickle
import signal
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from ensemble_rsa.cluster.facts import Facts, facts_here
from ensemble_rsa.errors import InputError, RunError, first_line
from ensemble_rsa.jax_settings import use_cores

SECONDS_TO_STORE = 60.0  # that a worker which is being closed waits for its job to be stored
SECONDS_PER_LOOK = 0.1
PLUGIN = "ensemble_rsa"
_stopped: set[str] = set()  # runs whose jobs stop here
_closing = threading.Event()
_busy = threading.Lock()  # one job at a time: it has the whole device
Send = Callable[[Any], None]


@dataclass(frozen=True)
class Failure:
    """Why a job has no result.

    Attributes:
        reason: a sentence.
        stopped: whether it was asked to stop, and can go on later.
        of_input: whether the input is wrong.
        trace: where it was raised, for errors that nobody expects. As text, since not every error
            can be sent, and of one that cannot, the client of Dask would hear nothing.
    """

    reason: str
    stopped: bool = False
    of_input: bool = False
    trace: str = ""


class JobStopped(Exception):
    """A job was asked to stop, and what it needs to go on is stored."""


def admit(pinned: tuple[int, ...] | None, is_local: bool) -> Facts:
    """Prepare the process for work and return its facts.

    `pinned` are the cores that it shall use. Ctrl-C reaches local workers too, which must live on
    to store their state, so they ignore it.
    """
    worker = import_module("distributed").get_worker()
    if pinned is not None and hasattr(os, "sched_setaffinity"):
        for thread in os.listdir("/proc/self/task"):
            with suppress(OSError):  # a thread that has ended
                os.sched_setaffinity(int(thread), pinned)
    use_cores()  # as the command line does
    if is_local:
        worker.loop.add_callback(signal.signal, signal.SIGINT, signal.SIG_IGN)
    if PLUGIN not in worker.plugins:  # adding it again would tear it down before
        worker.loop.add_callback(worker.plugin_add, _storing_plugin(), name=PLUGIN)
    return facts_here(with_device=True)


def _storing_plugin() -> Any:
    """Stops the job when its worker is closed, and lets it store its state before."""
    plugin: Any = import_module("distributed").WorkerPlugin

    class StoreOnClose(plugin):
        async def teardown(self, worker: Any) -> None:
            if worker.status.name == "running":
                return
            _closing.set()
            until = time.monotonic() + SECONDS_TO_STORE
            while _busy.locked() and time.monotonic() < until:
                await asyncio.sleep(SECONDS_PER_LOOK)

    return StoreOnClose()


def ask_to_stop(run: str) -> None:
    """Let the jobs of a run stop here, once their state is stored."""
    _stopped.add(run)


def do(run: str, number: int, topic: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """The result of a job, or a `Failure`.

    The function is called with the arguments, `send`, which passes an object to the client, and
    `stop`, which returns whether the job shall stop. A job stops too whose client is gone.
    """
    worker = import_module("distributed").get_worker()

    def send(message: Any) -> None:
        worker.log_event(topic, [number, pickle.dumps(message)])

    key = worker.get_current_task()

    def stop() -> bool:
        task = worker.state.tasks.get(key)
        forgotten = task is None or task.state == "cancelled"
        return run in _stopped or _closing.is_set() or forgotten

    with _busy, _forwarded(send):
        if stop():
            return Failure("stopped before it began", stopped=True)
        try:
            return function(*arguments, send, stop)
        except JobStopped as reason:
            return Failure(str(reason), stopped=True)
        except (InputError, RunError, OSError, MemoryError) as error:
            return Failure(first_line(error), of_input=isinstance(error, InputError))
        except Exception as error:  # noqa: BLE001 - shown with its trace where the command runs
            out_of_memory = "RESOURCE_EXHAUSTED" in str(error)
            trace = "" if out_of_memory else traceback.format_exc()
            return Failure(first_line(error), trace=trace)


@contextmanager
def _forwarded(send: Send) -> Iterator[None]:
    """Pass warnings and log messages of the package to the client."""

    class Forward(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            send(Note(record.getMessage(), record.levelno))

    handler, log = Forward(), logging.getLogger("ensemble_rsa")
    before = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        warnings.showwarning = lambda message, *place, **more: send(
            Note(str(message), logging.WARNING)
        )
        try:
            yield
        finally:
            log.removeHandler(handler)
            log.setLevel(before)


@dataclass(frozen=True)
class Note:
    """A line for the user, and how important it is (as in `logging`)."""

    text: str
    level: int
