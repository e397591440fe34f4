"""The command `bench`: time and memory on this machine, compared with other tools."""

import argparse
import dataclasses
import datetime
import sys
import tempfile
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.markdown import Markdown

from ensemble_rsa.cli.options import REQUIRED, Option
from ensemble_rsa.errors import InputError

WIDTH = 100  # of a file or a pipe, which has no width of its own
OPTIONS = (
    Option(
        "what",
        "analysis: each analysis beside rsatoolbox, SciPy, scikit-learn and NumPy. train: ways to "
        "compute training beside PyTorch. extract: RDMs of a PyTorch network beside its bare "
        "forward passes. All report time, memory and growth with size",
        Literal["analysis", "train", "extract"],
        REQUIRED,
    ),
    Option("quick", "one or two minutes on two cores instead of ten or more"),
    Option("full", "every size and way, which takes long"),
    Option("out", "the JSON file; a new one under runs/ when not given", Path | None, None),
    Option("markdown", "print Markdown tables"),
    Option("quiet", "no progress"),
)


def bench(options: argparse.Namespace) -> None:
    """Measure time and memory of this package on this machine, beside other tools."""
    if options.quick and options.full:
        raise InputError("bench: got --quick and --full; give one of them, or neither")
    from ensemble_rsa.bench.analysis import bench_analysis
    from ensemble_rsa.bench.extraction import bench_extraction
    from ensemble_rsa.bench.table import markdown_tables
    from ensemble_rsa.bench.training import bench_training
    from ensemble_rsa.cli.progress import case_display
    from ensemble_rsa.files import write_json

    path = new_json_path(f"bench-{options.what}", options.out)
    scale = "quick" if options.quick else "full" if options.full else "default"
    measures = {"analysis": bench_analysis, "train": bench_training, "extract": bench_extraction}
    measure = measures[options.what]
    with case_display(Console(stderr=True, quiet=options.quiet)) as progress:
        result = measure(scale, progress)
    write_json(path, dataclasses.asdict(result))
    tables = markdown_tables(result)
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    print(tables) if options.markdown else console.print(Markdown(tables))
    print(path)


def new_json_path(name: str, out: Path | None) -> Path:
    """The file for the results, checked to be new and writable before the long work."""
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
