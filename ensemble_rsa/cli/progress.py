"""Terminal output: progress of training, RDMs and benchmarks, and the table of a comparison."""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import jax
import numpy as np
import xarray as xr
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

from ensemble_rsa.cli.output import while_read
from ensemble_rsa.extraction.collect import RdmProgress
from ensemble_rsa.files import cache_folder
from ensemble_rsa.pipeline.plan import plan_sentence
from ensemble_rsa.report.comparison import comparison_sentence
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
def training_display(epochs: int, console: Console) -> Iterator[TrainingCallback]:
    """A callback that shows training: a live table in a terminal, else a line for each epoch."""
    bar = _bar(console)
    task = bar.add_task("training", total=None)
    waiting = console.status("loading images and compiling")
    live = Live(bar, console=console, refresh_per_second=4)

    def show_live(status: TrainingStatus) -> None:
        if not live.is_started:
            waiting.stop()
            live.start()
        description = f"epoch {status.epoch}/{epochs}"
        bar.update(task, completed=status.step, total=status.steps, description=description)
        live.update(Group(_table(status), bar))

    def print_epoch(status: TrainingStatus) -> None:
        if status.epoch_ended:
            console.print(
                f"epoch {status.epoch}/{epochs}: loss {_range(status.train_loss)}, "
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


def show_comparison(comparison: xr.Dataset, console: Console) -> None:
    """Print a table of two ensembles with a row for each layer."""
    attributes = comparison.attrs
    names = [f"within {attributes[name]}" for name in ("name_a", "name_b")]
    head = ("layer", *names, "between", "p", "ratio", "p")
    table = Table(*head, box=None, pad_edge=False)
    for layer in comparison.layer.values:
        row = comparison.sel(layer=layer)
        value = lambda name, of=row: _number(float(of[name]))
        means = [value(name) for name in ("within_a", "within_b", "between")]
        p, p_ratio = (
            f"{float(row[f'{name}_p_adjusted']):.4f}"
            for name in ("within_minus_between", "between_over_within")
        )
        table.add_row(str(layer), *means, p, value("between_over_within"), p_ratio)
    console.print(table)
    console.print(
        f"{attributes['n_a']} and {attributes['n_b']} instances, "
        f"{'paired by seed' if attributes['paired'] else 'not paired'}, "
        f"{'all' if attributes['exact'] else 'random'} relabellings "
        f"({attributes['n_relabellings']}); p: of these, and of the ratio of the similarity "
        "between to that within, adjusted over layers (false discovery rate)",
        soft_wrap=True,
    )
    console.print(comparison_sentence(comparison), soft_wrap=True)


def show_plan(plan: xr.Dataset, console: Console) -> None:
    """Print the width of the interval and the power by numbers of networks and stimuli."""
    one = plan.sel(layer=plan.attrs["layer"])
    counts = plan.n_stimuli.values.tolist()
    table = Table("networks", *(f"{m} stimuli" for m in counts), box=None, pad_edge=False)
    for n in plan.n_instances.values.tolist():
        row = one.sel(n_instances=n)
        cells = zip(row.width.values, row.power.values, strict=True)
        table.add_row(str(n), *(f"{width:.3f} ({power:.2f})" for width, power in cells))
    console.print(
        f"{plan.attrs['layer']}: expected width of the {100 * plan.attrs['confidence']:g} % "
        f"interval of mean r², and in brackets the power to find a difference of "
        f"{plan.attrs['difference']:g} between two groups",
        soft_wrap=True,
    )
    console.print(table)
    console.print(plan_sentence(one), soft_wrap=True)


_COLUMNS = (
    TextColumn("{task.description}"),
    BarColumn(),
    MofNCompleteColumn(),
    TimeElapsedColumn(),
)


def _bar(console: Console) -> Progress:
    return Progress(*_COLUMNS, TextColumn("left"), TimeRemainingColumn(), console=console)


def _table(status: TrainingStatus) -> Table:
    """Loss and accuracies of each instance, or their ranges."""
    head = ("seed", "training loss", "training accuracy", "test accuracy")
    table = Table(*head, box=None, pad_edge=False)
    columns = (status.train_loss, status.train_accuracy, status.test_accuracy)
    if len(status.seeds) > MOST_ROWS:
        table.add_row(f"{status.seeds[0]} … {status.seeds[-1]}", *map(_range, columns))
        return table
    for i, seed in enumerate(status.seeds):
        cells = ("–" if values is None else _number(values[i]) for values in columns)
        table.add_row(str(seed), *cells)
    return table


def _number(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.3f}"


def _range(values: np.ndarray | None) -> str:
    return "–" if values is None else f"{_number(np.min(values))} to {_number(np.max(values))}"
