"""Jobs of a cluster that Ctrl-C, SIGTERM and a limit of time end with a sentence."""

from collections.abc import Callable
from typing import Any

from ensemble_rsa.cluster.jobs import Work, WorkStopped, do_work
from ensemble_rsa.cluster.workers import Workers
from ensemble_rsa.training.interrupts import TrainingInterrupted, held_back


def do_interruptible_work(
    workers: Workers,
    work: Work,
    what_is_left: str,
    receive: Callable[[int, Any], None] = lambda number, message: None,
    finished: Callable[[int], None] = lambda number: None,
) -> list[Any]:
    """Results of all jobs, in their order, as `cluster.jobs.do_work`.

    Raises:
        TrainingInterrupted: on Ctrl-C, SIGTERM or a limit of time; says `what_is_left` of the work.
    """
    with held_back() as asked_to_stop:
        try:
            return do_work(workers, work, asked_to_stop, receive, finished)
        except WorkStopped as stopped:
            raise TrainingInterrupted(f"interrupted {stopped}; {what_is_left}") from None
