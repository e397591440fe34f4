"""The two benchmarks of `ensemble-rsa bench`: what to measure, what to print, what to store."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console

from ensemble_rsa.errors import InputError


def bench_analysis(
    quick: bool = False,
    full: bool = False,
    out: Path | None = None,
    markdown: bool = False,
    quiet: bool = False,
) -> None:
    """Each analysis beside rsatoolbox, SciPy, scikit-learn and NumPy: time, memory, growth.

    Args:
        quick: about a minute on two cores instead of some minutes.
        full: every size, which takes long.
        out: the JSON file; a new one under runs/ when not given.
        markdown: print Markdown tables.
        quiet: no progress.
    """
    from ensemble_rsa.bench import analysis, table

    show = table.markdown_tables if markdown else table.terminal_tables
    _measure(
        "analysis", analysis, analysis.bench_analysis, quick, full, out, quiet,
        lambda bench: show(bench.rows, bench.growth),
    )  # fmt: skip


def bench_train(
    quick: bool = False,
    full: bool = False,
    out: Path | None = None,
    markdown: bool = False,
    quiet: bool = False,
) -> None:
    """Ways to compute training, by instances and precision, beside PyTorch; growth with size.

    Args:
        quick: some two minutes on two cores (small images and networks) instead of ten or more.
        full: more sizes and ways, which takes long.
        out: the JSON file; a new one under runs/ when not given.
        markdown: print Markdown tables.
        quiet: no progress.
    """
    from ensemble_rsa.bench import training, training_table

    show = training_table.markdown_table if markdown else training_table.terminal_table
    _measure(
        "train", training, training.bench_training, quick, full, out, quiet,
        lambda bench: show(bench.rows),
    )  # fmt: skip


def _measure(
    name: str,
    module: Any,
    run: Callable[..., Any],
    quick: bool,
    full: bool,
    out: Path | None,
    quiet: bool,
    tables: Callable[[Any], Any],
) -> None:
    """Run a benchmark, store its figures, print its tables and, in the last line, its file."""
    if quick and full:
        raise InputError("bench: got --quick and --full; give one of them, or neither")
    from ensemble_rsa.bench import output, progress, table
    from ensemble_rsa.files import write_json

    path = output.new_json_path(f"bench-{name}", out)
    with progress.show_jobs(Console(stderr=True, quiet=quiet)) as show:
        scale = "quick" if quick else "full" if full else "default"
        bench = run(scale, None if quiet else show)
    write_json(path, module.as_plain(bench))
    shown = tables(bench)
    if isinstance(shown, str):
        print(shown)
    else:
        # a file or a pipe has no width of its own
        Console(width=None if sys.stdout.isatty() else table.WIDTH).print(shown)
    print(table.machine_in_words(bench.machine))
    for package in module.missing_tools(bench):
        print(f"{package} is not installed: pip install {package}")
    print(path)
