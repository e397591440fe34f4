"""The command `bench`: what this package costs on this machine, beside other tools."""

import argparse
import sys
from pathlib import Path
from typing import Literal

from rich.console import Console

from ensemble_rsa.cli.options import Parser, add_option, parse_words
from ensemble_rsa.errors import InputError

BENCHMARKS = Literal["analysis", "train"]


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
    from ensemble_rsa.bench import analysis, output, progress, table, training, training_table
    from ensemble_rsa.files import write_json

    module, run = {
        "analysis": (analysis, analysis.bench_analysis),
        "train": (training, training.bench_training),
    }[what]
    path = output.new_json_path(f"bench-{what}", options.out)
    with progress.show_jobs(Console(stderr=True, quiet=options.quiet)) as show:
        scale = "quick" if options.quick else "full" if options.full else "default"
        result = run(scale, None if options.quiet else show)
    write_json(path, module.as_plain(result))
    if what == "analysis":
        tables = table.markdown_tables if options.markdown else table.terminal_tables
        shown = tables(result.rows, result.growth)
    else:
        tables = (
            training_table.markdown_table if options.markdown else training_table.terminal_table
        )
        shown = tables(result.rows)
    if isinstance(shown, str):
        print(shown)
    else:
        Console(width=None if sys.stdout.isatty() else table.WIDTH).print(shown)
    print(table.machine_in_words(result.machine))
    for package in module.missing_tools(result):
        print(f"{package} is not installed: pip install {package}")
    print(path)
