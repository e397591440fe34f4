"""The command `bench`: what this package costs on this machine, beside other tools."""

import argparse
import dataclasses
import datetime
import sys
import tempfile
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.markdown import Markdown

from ensemble_rsa.cli.options import Parser, add_option, parse_words
from ensemble_rsa.errors import InputError

BENCHMARKS = Literal["analysis", "train"]
WIDTH = 100  # of a file or a pipe, which has no width of its own


def add_arguments(parser: Parser) -> None:
    """Add the arguments of `bench`."""
    about = (
        "analysis: each analysis beside rsatoolbox, SciPy, scikit-learn and NumPy. train: ways to "
        "compute training, by instances and precision, beside PyTorch. Both report time, memory "
        "and how they grow with size"
    )
    parser.add_argument("what", metavar="{analysis,train}", help=about)
    about = "one or two minutes on two cores instead of ten or more: smaller sizes"
    add_option(parser, "quick", bool, False, about)
    add_option(parser, "full", bool, False, "every size and way, which takes long")
    about = "the JSON file; a new one under runs/ when not given"
    add_option(parser, "out", Path | None, None, about)
    add_option(parser, "markdown", bool, False, "print Markdown tables")
    add_option(parser, "quiet", bool, False, "no progress")


def bench(options: argparse.Namespace) -> None:
    """Measure time and memory of this package on this machine, beside other tools."""
    try:
        what = parse_words(BENCHMARKS, [options.what])
    except ValueError as error:
        raise InputError(f"bench: {error}") from None
    if options.quick and options.full:
        raise InputError("bench: got --quick and --full; give one of them, or neither")
    from ensemble_rsa.bench.analysis import bench_analysis
    from ensemble_rsa.bench.table import markdown_tables
    from ensemble_rsa.bench.training import bench_training
    from ensemble_rsa.cli.progress import case_display
    from ensemble_rsa.files import write_json

    path = new_json_path(f"bench-{what}", options.out)
    scale = "quick" if options.quick else "full" if options.full else "default"
    measure = {"analysis": bench_analysis, "train": bench_training}[what]
    with case_display(Console(stderr=True, quiet=options.quiet)) as progress:
        result = measure(scale, progress)
    write_json(path, dataclasses.asdict(result))
    if options.markdown:
        print(markdown_tables(result))
    else:
        Console(width=None if sys.stdout.isatty() else WIDTH).print(
            Markdown(markdown_tables(result))
        )
    print(path)


def new_json_path(name: str, out: Path | None) -> Path:
    """The file for the results, known to be writable before the long work.

    Args:
        name: part of the file's name.
        out: the file; None for a new one under `runs/`.

    Raises:
        InputError: the file exists, or its folder cannot be written to.
    """
    now = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    path = Path("runs") / f"{name}-{now}.json" if out is None else out
    if path.exists():
        raise InputError(f"out: {path} exists; give another --out")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise InputError(
            f"out: cannot write to {path.parent} ({error.strerror}); give another --out"
        ) from None
    return path
