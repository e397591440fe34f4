"""Terminal output: progress of training, RDMs and benchmarks."""

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

import jax
import numpy as np
from rich.console import Console, Group
from rich.live import Live
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from ensemble_rsa.cli.output import number, while_read
from ensemble_rsa.extraction.collect import RdmProgress
from ensemble_rsa.files import cache_folder
from ensemble_rsa.training.convergence import FIRST_EPOCHS
from ensemble_rsa.training.progress import TrainingCallback, TrainingStatus

log = logging.getLogger(__name__)
MOST_ROWS = 20  # of the table of instances; larger ensembles are shown as ranges


def keep_compiled_programs() -> None:
    """Cache compiled programs in the user's cache folder, unless JAX is configured otherwise.

    Where that folder cannot be written, they are compiled by each command.
    """
    if jax.config.jax_compilation_cache_dir is None:  # pyright: ignore[reportAttributeAccessIssue]
        folder = cache_folder() / "programs"
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            log.info("compiled programs are not cached, since %s cannot be written", folder)
            return
        jax.config.update("jax_compilation_cache_dir", str(folder))
        # by default JAX omits programs that compile in less than a second, as those of layers do
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)


@contextmanager
def training_display(
    epochs: int, console: Console, instances: int = 0
) -> Iterator[TrainingCallback]:
    """A callback that shows training: a live table in a terminal, else a line for each epoch.

    Groups of these `instances`, each with a status of its own, are shown together.
    """
    groups: dict[tuple[int, ...], TrainingStatus] = {}
    bar = _bar(console)
    task = bar.add_task("training", total=None)
    waiting = console.status("loading images and compiling")
    live = Live(bar, console=console, refresh_per_second=4)

    def show_live(status: TrainingStatus) -> None:
        if not live.is_started:
            waiting.stop()
            live.start()
        if status.seeds not in groups:
            _forget_begun(groups, len(status.seeds), instances)
        groups[status.seeds] = status
        whole = together(list(groups.values()), instances)
        description = f"epoch {whole.epoch}/{epochs}"
        bar.update(task, completed=whole.step, total=whole.steps, description=description)
        live.update(Group(_table(whole), bar))

    def print_epoch(status: TrainingStatus) -> None:
        if status.epoch_ended:
            seeds = status.seeds
            part = f" of seeds {_in_words(seeds)}" if len(seeds) < instances else ""
            console.print(
                f"epoch {status.epoch}/{epochs}{part}: loss {_range(status.train_loss)}, "
                f"training accuracy {_range(status.train_accuracy)}, "
                f"test accuracy {_range(status.test_accuracy)}",
                soft_wrap=True,
            )

    if not console.is_terminal:
        yield while_read(print_epoch)
        return
    waiting.start()
    try:
        yield show_live
    finally:
        waiting.stop()
        live.stop()


def together(groups: Sequence[TrainingStatus], instances: int) -> TrainingStatus:
    """The status of several groups of these instances, some of which may not have begun.

    The epoch is the earliest of those that have not finished.
    """
    if len(groups) == 1 and len(groups[0].seeds) >= instances:
        return groups[0]
    groups = sorted(groups, key=lambda one: one.seeds)
    n = max(instances, sum(len(one.seeds) for one in groups))
    steps = groups[0].steps
    training = [one.epoch for one in groups if one.step < steps]
    tests = [one.test_accuracy for one in groups]
    unknown = [np.full(len(one.seeds), np.nan) for one in groups]
    accuracies = [none if test is None else test for test, none in zip(tests, unknown, strict=True)]
    return TrainingStatus(
        step=sum(one.step * len(one.seeds) for one in groups) // n,
        steps=steps,
        epoch=min(training or [groups[0].epoch]),
        epoch_ended=False,
        seeds=tuple(seed for one in groups for seed in one.seeds),
        train_loss=np.concatenate([one.train_loss for one in groups]),
        train_accuracy=np.concatenate([one.train_accuracy for one in groups]),
        test_accuracy=np.concatenate(accuracies)
        if any(test is not None for test in tests)
        else None,
    )


def _forget_begun(
    groups: dict[tuple[int, ...], TrainingStatus], n_new: int, instances: int
) -> None:
    """Forget groups of a beginning that was given up, when instances of the new one are shown.

    They end with the last epoch of a beginning; of others, the next status tells them again.
    """
    if n_new + sum(map(len, groups)) > instances:
        for seeds, one in list(groups.items()):
            if one.epoch_ended and one.epoch == FIRST_EPOCHS:
                del groups[seeds]


@contextmanager
def rdm_display(console: Console, what: str = "RDMs") -> Iterator[RdmProgress]:
    """A callback that shows the number of finished RDMs, or of something else."""
    bar = _bar(console)
    task = bar.add_task(what, total=None)

    def show(done: int, total: int) -> None:
        bar.start()  # not before, so that an error before the first RDM leaves no empty bar
        bar.update(task, completed=done, total=total)

    try:
        yield show
    finally:
        if bar.live.is_started:
            bar.stop()


@contextmanager
def case_display(console: Console) -> Iterator[Callable[[int, int, str], None]]:
    """A callback that shows the current case of a benchmark: a bar in a terminal, else lines."""
    if not console.is_terminal:
        show = lambda done, total, what: console.print(f"{done}/{total} {what}", soft_wrap=True)
        yield while_read(show)
        return
    # redrawn once a second, since more would slow what is measured
    with Progress(*_COLUMNS, console=console, refresh_per_second=1) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total, what: bar.update(
            task, completed=done, total=total, description=what
        )


_COLUMNS = (
    TextColumn("{task.description}"),
    BarColumn(),
    MofNCompleteColumn(),
    TimeElapsedColumn(),
)


def _bar(console: Console) -> Progress:
    return Progress(*_COLUMNS, TextColumn("left"), TimeRemainingColumn(), console=console)


def _in_words(seeds: Sequence[int]) -> str:
    """Seeds, of which some may have taken the place of others."""
    if tuple(seeds) == tuple(range(seeds[0], seeds[-1] + 1)) and len(seeds) > 1:
        return f"{seeds[0]} to {seeds[-1]}"
    some = ", ".join(map(str, seeds[:6]))
    return some if len(seeds) <= 6 else f"{some} and {len(seeds) - 6} more"


def _table(status: TrainingStatus) -> Table:
    """Loss and accuracies of each instance, or their ranges."""
    head = ("seed", "training loss", "training accuracy", "test accuracy")
    table = Table(*head, box=None, pad_edge=False)
    columns = (status.train_loss, status.train_accuracy, status.test_accuracy)
    if len(status.seeds) > MOST_ROWS:
        table.add_row(_in_words(status.seeds), *map(_range, columns))
        return table
    for i, seed in enumerate(status.seeds):
        cells = ("–" if values is None else number(values[i]) for values in columns)
        table.add_row(str(seed), *cells)
    return table


def _range(values: np.ndarray | None) -> str:
    return "–" if values is None else f"{number(np.min(values))} to {number(np.max(values))}"
