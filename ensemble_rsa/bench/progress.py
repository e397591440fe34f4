"""Which job is measured: a bar in a terminal, a line each in a log."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ensemble_rsa.bench.run import Progress as Report

_REFRESHES = 1  # in a second: drawing takes time from what is measured


@contextmanager
def show_jobs(console: Console) -> Iterator[Report]:
    """A callback for `run_jobs`. No time left is shown, since jobs differ too much in length."""
    if not console.is_terminal:
        yield lambda done, total, what: console.print(f"{done}/{total} {what}", soft_wrap=True)
        return
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=console, refresh_per_second=_REFRESHES) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total, what: bar.update(
            task, completed=done, total=total, description=what
        )
