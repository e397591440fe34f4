"""Jobs of one kind, done by the workers of a cluster; each worker does one at a time."""

import logging
import pickle
import queue
import threading
import time
import uuid
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from ensemble_rsa.cluster.on_worker import (
    SECONDS_TO_STORE,
    Failure,
    Note,
    ask_to_stop,
    do,
)
from ensemble_rsa.cluster.workers import SECONDS_PER_LOOK, ClusterLost, Workers
from ensemble_rsa.errors import InputError, RunError, first_line

log = logging.getLogger(__name__)
MOST_DEATHS = 3  # of workers with the same job
PREPARING = -1  # the number of a preparation


class WorkStopped(Exception):
    """The work was asked to stop; its message says how many jobs are done."""


@dataclass(frozen=True)
class Work:
    """What workers do for several jobs.

    Attributes:
        function: called on a worker with the arguments of a job, `send` and `stop` (see
            `cluster.on_worker.do`).
        names: of the jobs, for messages.
        arguments: of the jobs.
        prepare: called once on each worker with its arguments, `send` and `stop`; a worker on which
            it raises an `InputError` or a `RunError` is left out.
        preparation: its arguments.
    """

    function: Callable[..., Any]
    names: Sequence[str]
    arguments: Sequence[tuple[Any, ...]]
    prepare: Callable[..., None]
    preparation: tuple[Any, ...]


@dataclass
class _Progress:
    """The state of the work."""

    waiting: deque[int]
    results: dict[int, Any] = field(default_factory=dict)
    running: dict[str, tuple[int, Any]] = field(default_factory=dict)
    sent: dict[str, Future[Any]] = field(default_factory=dict)  # results on their way
    prepared: set[str] = field(default_factory=set)
    ending: set[str] = field(default_factory=set)
    deaths: Counter[int] = field(default_factory=Counter)


def do_work(
    workers: Workers,
    work: Work,
    stop: Callable[[], bool] = lambda: False,
    receive: Callable[[int, Any], None] = lambda number, message: None,
    finished: Callable[[int], None] = lambda number: None,
) -> list[Any]:
    """Results of all jobs, in their order.

    Args:
        workers: of an open cluster.
        work: the jobs.
        stop: whether the work shall stop; jobs that are being done store their state before.
        receive: called with the number of a job and what it sent.
        finished: called with the number of a job that is done.

    Raises:
        WorkStopped: `stop` returned True.
        InputError, RunError: a job failed; the message names it and its worker.
        RuntimeError: a job failed in a way that is not foreseen; with the trace of its worker.
        ClusterLost: the scheduler is gone, or all workers.
    """
    return _Loop(workers, work, stop, receive, finished).run()


def _fetched(future: Any) -> Future[Any]:
    """The result of a future of Dask, which comes while this process goes on.

    Should it never come, its thread does not keep the process from ending.
    """
    arrived: Future[Any] = Future()

    def fetch() -> None:
        try:
            arrived.set_result(future.result())
        except BaseException as error:  # noqa: BLE001 - raised where the result is taken
            arrived.set_exception(error)

    threading.Thread(target=fetch, daemon=True).start()
    return arrived


class _Loop:
    def __init__(
        self,
        workers: Workers,
        work: Work,
        stop: Callable[[], bool],
        receive: Callable[[int, Any], None],
        finished: Callable[[int], None],
    ):
        self._workers, self._work = workers, work
        self._stop, self._receive, self._finished = stop, receive, finished
        self._at = _Progress(deque(range(len(work.names))))
        self._id = uuid.uuid4().hex
        self._topic = f"ensemble_rsa-{self._id}"
        self._inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._alone_since: float | None = None

    def run(self) -> list[Any]:
        client, at = self._workers.client, self._at
        client.subscribe_topic(self._topic, lambda event: self._inbox.put(event[1]))
        try:
            while len(at.results) < len(self._work.names):
                self._hear()
                there = self._workers.available()
                self._collect()
                if self._stop():
                    self._let_store()
                    done = f"{len(at.results)} of {len(self._work.names)}"
                    raise WorkStopped(f"with {done} jobs done")
                self._give(there)
                self._check_not_alone(there)
                time.sleep(SECONDS_PER_LOOK)
            self._hear()
            return [at.results[number] for number in range(len(self._work.names))]
        finally:
            with suppress(Exception):
                client.unsubscribe_topic(self._topic)
                client.cancel([future for _, future in at.running.values()], force=True)

    def _hear(self) -> None:
        """Pass on what jobs have sent."""
        while not self._inbox.empty():
            number, text = self._inbox.get()
            message = pickle.loads(text)
            if isinstance(message, Note):
                log.log(message.level, "%s", message.text)
            else:
                self._receive(number, message)

    def _collect(self) -> None:
        """Take results, and let jobs wait again whose workers have died."""
        at = self._at
        if self._workers.client.status != "running":  # all futures are cancelled then
            return
        for address, (number, future) in [*at.running.items()]:
            # its result may have arrived before a worker left
            if self._has_arrived(address, future):
                del at.running[address]
                self._take(address, number, at.sent.pop(address))
            elif address not in self._workers.registered() or future.status in (
                "lost",
                "cancelled",
            ):
                del at.running[address]
                at.sent.pop(address, None)
                at.prepared.discard(address)
                with suppress(Exception):
                    future.cancel(force=True)
                self._died(address, number)

    def _has_arrived(self, address: str, future: Any) -> bool:
        """Whether the result of a worker is here; its transfer may take any time."""
        sent = self._at.sent
        if future.done() and address not in sent:
            sent[address] = _fetched(future)
            with suppress(BaseException):
                sent[address].exception(timeout=SECONDS_PER_LOOK)  # most are small
        return address in sent and sent[address].done()

    def _take(self, address: str, number: int, arrived: Future[Any]) -> None:
        at = self._at
        try:
            result = arrived.result()
        except OSError as error:  # jobs return theirs as a `Failure`
            self._died(address, number, first_line(error))
            return
        except Exception as error:
            if type(error).__name__ not in (
                "KilledWorker",
                "CancelledError",
                "FutureCancelledError",
            ):
                self._let_store()
                raise
            self._died(address, number)
            return
        if not isinstance(result, Failure):
            if number == PREPARING:
                at.prepared.add(address)
            else:
                at.results[number] = result
                self._finished(number)
        elif result.trace:
            self._let_store()
            called = self._workers.called(address)
            raise RuntimeError(f"{called} failed, which is a defect:\n{result.trace}")
        elif result.stopped:  # the worker is being closed
            at.ending.add(address)
            self._wait_again(number)
        elif number == PREPARING:
            self._workers.leave_out(address, result.reason)
            if error := self._workers.nobody():
                raise InputError(str(error)) if result.of_input else error
        else:
            self._let_store()
            where = f"{self._work.names[number]}, on {self._workers.called(address)}"
            raise (InputError if result.of_input else RunError)(f"{where}: {result.reason}")

    def _died(self, address: str, number: int, not_sent: str = "") -> None:
        """Let a job wait again whose worker has died, or could not send its result (why)."""
        called = self._workers.called(address)
        self._at.deaths[number] += 1
        name, most = "reading the data", MOST_DEATHS * max(1, len(self._workers.registered()))
        if number != PREPARING:
            name, most = self._work.names[number], MOST_DEATHS
        if self._at.deaths[number] >= most:
            self._let_store()
            if not_sent:
                raise RunError(f"{name}: the result of {called} did not arrive ({not_sent})")
            raise RunError(
                f"{name}: {most} workers died while they did this, the last one {called}; "
                "look for too little memory there"
            )
        what = f"the result of {called} did not arrive ({not_sent})" if not_sent else ""
        log.warning("%s; %s goes on elsewhere", what or f"{called} died", name)
        self._wait_again(number)

    def _wait_again(self, number: int) -> None:
        if number != PREPARING:
            self._at.waiting.appendleft(number)

    def _give(self, there: Sequence[str] | dict[str, Any]) -> None:
        """Give each worker that has nothing to do a job, once it is prepared."""
        at, work = self._at, self._work
        for address in there:
            if address in at.running or address in at.ending or not at.waiting:
                continue
            if address not in at.prepared:
                number, function, arguments = PREPARING, work.prepare, work.preparation
            else:
                number = at.waiting.popleft()
                function, arguments = work.function, work.arguments[number]
            future = self._workers.submit(
                address, do, self._id, number, self._topic, function, *arguments
            )
            at.running[address] = number, future

    def _check_not_alone(self, there: Any) -> None:
        """Raise if there has been no worker for a while, at a scheduler that runs already."""
        if there or self._at.running or self._workers.arriving():
            self._alone_since = None
            return
        if error := self._workers.nobody():
            raise error
        now = time.monotonic()
        self._alone_since = self._alone_since or now
        patience = self._workers.patience
        if patience is not None and now - self._alone_since > patience:
            raise ClusterLost(
                f"cluster: {self._workers.where} has had no worker for {patience:.0f} seconds"
            )

    def _let_store(self) -> None:
        """Ask the jobs that are being done to store their state, and wait for them."""
        at = self._at
        at.waiting.clear()
        busy = {address: future for address, (_, future) in at.running.items()}
        if not busy:
            return
        with suppress(Exception):
            self._workers.client.run(ask_to_stop, self._id, workers=[*busy], on_error="ignore")
        until = time.monotonic() + SECONDS_TO_STORE
        while time.monotonic() < until:
            self._hear()
            with suppress(ClusterLost):
                self._workers.available()
            there = self._workers.registered()
            if all(future.done() or address not in there for address, future in busy.items()):
                return
            time.sleep(SECONDS_PER_LOOK)
        log.warning("some workers have not answered; what they stored last is kept")
