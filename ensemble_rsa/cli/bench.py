"""The command `bench`: time and memory on this machine, compared with other tools."""

import argparse
import dataclasses
import datetime
import os
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
        "forward passes. All report time, memory and growth with size. compile: what XLA makes of "
        "each program for an accelerator that is not there",
        Literal["analysis", "train", "extract", "compile"],
        REQUIRED,
    ),
    Option("quick", "one or two minutes on two cores instead of ten or more"),
    Option("full", "every size and way, which takes long"),
    Option("target", "of compile: h100 or tpu-v5e", str | None, None),
    Option("out", "the JSON file; a new one under runs/ when not given", Path | None, None),
    Option("markdown", "print Markdown tables"),
    Option("quiet", "no progress"),
)


def bench(options: argparse.Namespace) -> None:
    """Measure time and memory of this package on this machine, beside other tools."""
    if options.quick and options.full:
        raise InputError("bench: got --quick and --full; give one of them, or neither")
    if options.what == "compile":
        _compile(options)
        return
    if options.target is not None:
        raise InputError(f"target: expected with bench compile only, got {options.what}")
    from ensemble_rsa.bench.analysis import bench_analysis
    from ensemble_rsa.bench.extraction import bench_extraction
    from ensemble_rsa.bench.table import markdown_tables
    from ensemble_rsa.bench.training import bench_training
    from ensemble_rsa.cli.progress import case_display
    from ensemble_rsa.files import write_json

    path = new_json_path(f"bench-{options.what}", options.out)
    scale = _scale(options)
    measures = {"analysis": bench_analysis, "train": bench_training, "extract": bench_extraction}
    measure = measures[options.what]
    with case_display(Console(stderr=True, quiet=options.quiet)) as progress:
        result = measure(scale, progress)
    write_json(path, dataclasses.asdict(result))
    _show(markdown_tables(result), options, path)


def _compile(options: argparse.Namespace) -> None:
    """Compile for an accelerator that is not there."""
    # JAX would else look for the accelerators whose compilers are installed, which takes long.
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    from ensemble_rsa.bench.compiled.run import bench_compile
    from ensemble_rsa.bench.compiled.table import compiled_tables
    from ensemble_rsa.bench.compiled.targets import TARGETS
    from ensemble_rsa.cli.progress import case_display
    from ensemble_rsa.files import write_json

    if options.target is None:
        raise InputError(f"target: expected {' or '.join(TARGETS)}, got none; give --target")
    path = new_json_path(f"bench-compile-{options.target}", options.out)
    with case_display(Console(stderr=True, quiet=options.quiet)) as progress:
        result = bench_compile(options.target, _scale(options), progress)
    write_json(path, dataclasses.asdict(result))
    _show(compiled_tables(result), options, path)


def _scale(options: argparse.Namespace) -> str:
    return "quick" if options.quick else "full" if options.full else "default"


def _show(tables: str, options: argparse.Namespace, path: Path) -> None:
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
