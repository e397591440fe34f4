"""What the terminal shows during long work and after a comparison: bars and tables of rich."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

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

from ensemble_rsa.extraction.collect import RdmProgress
from ensemble_rsa.files import cache_folder
from ensemble_rsa.training.progress import TrainingCallback, TrainingStatus

MOST_ROWS = 20  # a larger ensemble is shown as ranges


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("elapsed"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
    )


def keep_compiled_programs() -> None:
    """Keep compiled programs in the user's cache folder, unless JAX is configured otherwise."""
    if jax.config.jax_compilation_cache_dir is None:  # pyright: ignore[reportAttributeAccessIssue]
        jax.config.update("jax_compilation_cache_dir", str(cache_folder() / "programs"))
        # JAX keeps what takes a second to compile; here many programs take less, layer by layer
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)


@contextmanager
def training_display(epochs: int, console: Console) -> Iterator[TrainingCallback]:
    """A callback that shows training: live in a terminal, a line for each epoch in a log."""
    if not console.is_terminal:
        yield _epoch_lines(epochs, console)
        return
    bar = _bar(console)
    task = bar.add_task("training", total=None)
    waiting = console.status("loading images and compiling")
    live = Live(bar, console=console, refresh_per_second=4)

    def show(status: TrainingStatus) -> None:
        if not live.is_started:
            waiting.stop()
            live.start()
        description = f"epoch {status.epoch}/{epochs}"
        bar.update(task, completed=status.step, total=status.steps, description=description)
        live.update(Group(_table(status), bar))

    waiting.start()
    try:
        yield show
    finally:
        waiting.stop()
        live.stop()


def _epoch_lines(epochs: int, console: Console) -> TrainingCallback:
    def show(status: TrainingStatus) -> None:
        if status.epoch_ended:
            test = status.test_accuracy
            console.print(
                f"epoch {status.epoch}/{epochs}: loss {_range(status.train_loss)}, "
                f"training accuracy {_range(status.train_accuracy)}, "
                f"test accuracy {'–' if test is None else _range(test)}",
                soft_wrap=True,
            )

    return show


def _table(status: TrainingStatus) -> Table:
    """Loss and accuracies of each instance, or their ranges."""
    table = Table(
        "seed", "training loss", "training accuracy", "test accuracy", box=None, pad_edge=False
    )
    test = (
        status.test_accuracy
        if status.test_accuracy is not None
        else np.full(len(status.seeds), np.nan)
    )
    if len(status.seeds) > MOST_ROWS:
        seeds = f"{status.seeds[0]} … {status.seeds[-1]}"
        table.add_row(seeds, _range(status.train_loss), _range(status.train_accuracy), _range(test))
        return table
    for seed, loss, train, tested in zip(
        status.seeds, status.train_loss, status.train_accuracy, test, strict=True
    ):
        table.add_row(str(seed), _number(loss), _number(train), _number(tested))
    return table


def _number(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.3f}"


def _range(values: np.ndarray) -> str:
    return f"{_number(np.min(values))} to {_number(np.max(values))}"


@contextmanager
def rdm_display(console: Console) -> Iterator[RdmProgress]:
    """A callback that shows how many RDMs are done."""
    bar = _bar(console)
    task = bar.add_task("RDMs", total=None)

    def show(done: int, total: int) -> None:
        bar.start()  # only now, so that a mistake found before any RDM shows no empty bar
        bar.update(task, completed=done, total=total)

    try:
        yield show
    finally:
        if bar.live.is_started:
            bar.stop()


@contextmanager
def case_display(console: Console) -> Iterator[Callable[[int, int, str], None]]:
    """A callback that shows which case of a benchmark is measured: a bar, or a line each in a log.

    No time left is shown, since cases differ too much in length.
    """
    if not console.is_terminal:
        yield lambda done, total, what: console.print(f"{done}/{total} {what}", soft_wrap=True)
        return
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    # drawing more often would take time from what is measured
    with Progress(*columns, console=console, refresh_per_second=1) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total, what: bar.update(
            task, completed=done, total=total, description=what
        )


def show_comparison(comparison: xr.Dataset, console: Console) -> None:
    """A table of two ensembles, layer by layer."""
    names = [f"within {comparison.attrs[name]}" for name in ("name_a", "name_b")]
    table = Table(
        "layer", *names, "between", "within − between", "p, adjusted", box=None, pad_edge=False
    )
    for layer in comparison.layer.values:
        row = comparison.sel(layer=layer)
        difference, low, high, p = (
            float(row[f"within_minus_between{part}"])
            for part in ("", "_low", "_high", "_p_adjusted")
        )
        table.add_row(
            str(layer),
            *(_number(float(row[name])) for name in ("within_a", "within_b", "between")),
            f"{difference:.3f} ({low:.3f} to {high:.3f})",
            f"{p:.4f}",
        )
    console.print(table)
    attributes = comparison.attrs
    console.print(
        f"{attributes['n_a']} and {attributes['n_b']} instances, "
        f"{'paired by seed' if attributes['paired'] else 'not paired'}, "
        f"{'all' if attributes['exact'] else 'random'} relabellings "
        f"({attributes['n_relabellings']}); "
        "p adjusted over layers (false discovery rate)",
        soft_wrap=True,
    )
