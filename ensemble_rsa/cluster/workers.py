"""The workers of a cluster that take part, and jobs that they do one at a time.

Jobs wait here and not at the workers, so that a slow worker does fewer of them, and one that joins
later does some. A job whose worker has died is done by another one.
"""

import logging
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ensemble_rsa.cluster.facts import Facts, commonest_kind, facts_here, reason_against
from ensemble_rsa.cluster.on_worker import admit
from ensemble_rsa.errors import RunError, first_line

log = logging.getLogger(__name__)
SECONDS_PER_LOOK = 0.1
SECONDS_TO_ANSWER = 300.0  # for the first job of a worker, which imports JAX
SECONDS_PER_QUESTION = 0.5  # to the scheduler
SECONDS_WITHOUT_SCHEDULER = 10.0


class ClusterLost(RunError):
    """The scheduler is gone, or all workers; what was stored can be resumed."""


class Registered(NamedTuple):
    """A worker as the scheduler knows it."""

    name: Any
    host: str
    status: str


class Workers:
    """The workers of an open cluster; `where` is the text that it was opened with.

    `device` is the kind of device that all workers which take part have.
    """

    def __init__(
        self,
        client: Any,
        where: str,
        patience: float | None,
        pinned: Sequence[tuple[int, ...]] | None,
    ):
        """Wait for the first workers.

        Args:
            client: of Dask.
            where: the text of `--cluster`.
            patience: seconds in which a worker must appear; None if they may take any time.
            pinned: the cores of each local worker, whose names are their places here.

        Raises:
            RunError: no worker appears, or none may take part.
        """
        self.client, self.where, self.device = client, where, ""
        self.patience, self._pinned = patience, pinned
        self._ours = facts_here(with_device=False)
        self._asked: dict[str, tuple[Any, float]] = {}
        self._facts: dict[str, Facts] = {}
        self._left_out: dict[str, str] = {}
        self._seen: dict[str, Registered] = {}
        self._last_answer, self._asked_at = time.monotonic(), -SECONDS_PER_QUESTION
        self._wait_for_first()

    def available(self) -> dict[str, Registered]:
        """The workers that take part and are there now, by address.

        Raises:
            ClusterLost: the scheduler does not answer any more.
        """
        self._look()
        return {
            address: worker
            for address, worker in self._seen.items()
            if address in self._facts and worker.status == "running"
        }

    def registered(self) -> dict[str, Registered]:
        """All workers that the scheduler knows."""
        return self._seen

    def arriving(self) -> bool:
        """Whether a worker is there that has not said yet what it is, since it imports JAX."""
        return bool(self._asked)

    def leave_out(self, address: str, reason: str) -> None:
        """Let a worker take no part, and say so."""
        self._facts.pop(address, None)
        self._left_out[address] = reason
        log.warning("%s is left out: %s", self.called(address), reason)

    def called(self, address: str) -> str:
        """A worker in words, with its address and host."""
        known = self._seen.get(address)
        return f"worker {address}{f' ({known.host})' if known and known.host else ''}"

    def nobody(self) -> RunError | None:
        """The error if no worker is left that could take part, else None."""
        waiting = [address for address in self._seen if address not in self._left_out]
        if waiting or not self._left_out or (self.patience is None and not self._seen):
            return None
        reasons = {self._left_out[address]: address for address in self._left_out}
        text = "; ".join(f"{self.called(one)}: {reason}" for reason, one in reasons.items())
        return RunError(f"cluster: no worker of {self.where} can take part ({text})")

    def _wait_for_first(self) -> None:
        """Wait until all workers of now have answered; the kind of most of them is taken."""
        began = time.monotonic()
        n_local = len(self._pinned) if self._pinned else 1
        while True:
            self._look()
            n, waited = len(self._seen), time.monotonic() - began
            if n >= n_local and not self._asked:
                break
            if n < n_local and self.patience is not None and waited > self.patience:
                raise RunError(
                    f"cluster: {self.where} has {n or 'no'} workers after {self.patience:.0f} "
                    f"seconds{f' instead of {n_local}' if n_local > 1 else ''}; start workers with "
                    "`dask worker ADDRESS`"
                )
            time.sleep(SECONDS_PER_LOOK)
        if error := self.nobody():
            raise error
        self.device = commonest_kind([facts.device for facts in self._facts.values()])
        for address in list(self._facts):
            self._check_device(address)
        log.info("%d workers, each with %s", len(self._facts), self.device)

    def _look(self) -> None:
        """Ask the scheduler for its workers, and new workers for their facts."""
        if time.monotonic() - self._asked_at < SECONDS_PER_QUESTION:
            return
        self._asked_at = time.monotonic()
        found = self._ask_scheduler()
        if found is None:
            return
        self._seen = {
            address: Registered(one.get("name"), one.get("host", ""), one.get("status", ""))
            for address, one in found.items()
        }
        self._facts = {one: facts for one, facts in self._facts.items() if one in self._seen}
        known = {*self._asked, *self._facts, *self._left_out}
        for address in self._seen:
            if address not in known:
                self._asked[address] = self._submit_admission(address), time.monotonic()
        for address, (future, since) in [*self._asked.items()]:
            late = time.monotonic() - since > SECONDS_TO_ANSWER
            if address in self._seen and not future.done() and not late:
                continue
            del self._asked[address]
            if future.done():
                self._judge(address, future)
            elif address in self._seen:
                self.leave_out(
                    address, f"no answer within {SECONDS_TO_ANSWER:.0f} seconds; it may be busy"
                )

    def _ask_scheduler(self) -> dict[str, Any] | None:
        """What it says of its workers; None while it does not answer for a moment."""
        try:
            if self.client.status != "running":
                raise OSError("the connection is closed")
            # not `scheduler_info`, whose answer the client replaces every two seconds by one that
            # names no worker
            found = self.client.sync(self.client.scheduler.identity)["workers"]
        except (OSError, KeyError, ValueError, RuntimeError, TimeoutError) as error:
            if time.monotonic() - self._last_answer > SECONDS_WITHOUT_SCHEDULER:
                raise ClusterLost(
                    f"cluster: the scheduler of {self.where} does not answer any more "
                    f"({first_line(error)})"
                ) from None
            return None
        self._last_answer = time.monotonic()
        return found

    def _submit_admission(self, address: str) -> Any:
        name = self._seen[address].name
        is_local = self._pinned is not None
        pinned = None
        if self._pinned is not None and isinstance(name, int) and name < len(self._pinned):
            pinned = self._pinned[name]
        return self.submit(address, admit, pinned, is_local)

    def submit(self, address: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """Let one worker, and no other, call a function; returns the future of Dask."""
        return self.client.submit(
            function,
            *arguments,
            workers=[address],
            allow_other_workers=False,
            key=f"{function.__name__}-{uuid.uuid4().hex}",
            pure=False,
        )

    def _judge(self, address: str, future: Any) -> None:
        """Let a worker take part, or leave it out, by its facts."""
        try:
            facts = future.result(timeout=SECONDS_TO_ANSWER)
        except Exception as error:  # noqa: BLE001 - a worker without the package fails in any way
            self.leave_out(address, f"it cannot run ensemble_rsa ({first_line(error)})")
            return
        if reason := reason_against(facts, self._ours):
            self.leave_out(address, reason)
            return
        self._facts[address] = facts
        if self.device:
            self._check_device(address)

    def _check_device(self, address: str) -> None:
        device = self._facts[address].device
        if device != self.device:
            self.leave_out(
                address,
                f"it has {device}, and other workers {self.device}; results are equal bit for bit "
                "on one kind of device only",
            )
