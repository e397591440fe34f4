"""The command line, `ensemble-rsa {demo, train, analyze, compare, report, reproduce, bench}`.

Exit status 0 for success, 1 for a failed run, 2 for wrong arguments, 130 for an interrupted one.
"""

import argparse
import contextlib
import dataclasses
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

import ensemble_rsa
from ensemble_rsa.cli import bench, reproduce
from ensemble_rsa.cli.options import Parser, add_config, add_option, read_config, suggestion
from ensemble_rsa.config.analysis import AnalysisConfig
from ensemble_rsa.config.settings import (
    Config,
    DataConfig,
    ExecutionConfig,
    ModelConfig,
    TrainingConfig,
)
from ensemble_rsa.config.sweep import sweep
from ensemble_rsa.errors import InputError, RunError

PROGRAM = "ensemble-rsa"
# Ours, for two minutes on two cores: the paper's network at a quarter of its channels, on
# scikit-learn's digits.
DEMO = Config(
    DataConfig(dataset="digits", preprocessing="standardize"),
    ModelConfig(model="all_cnn_c", width=0.25),
    TrainingConfig(instances=10, epochs=16, batch_size=32),
)
NEW_RUN = "the run folder; a new one under runs/ when not given"


def demo(options: argparse.Namespace) -> None:
    """Train ten All-CNN-C on the embedded digits, analyse them and write a report, in two minutes.

    Args:
        options: `out` and `quiet`.
    """
    run = _train(DEMO, options)
    _analyze(run, AnalysisConfig(), None, options.quiet)


def train(options: argparse.Namespace) -> None:
    """Train an ensemble whose instances differ only in the seed of their first weights."""
    base = Config()
    if options.resume and options.out is not None:
        from ensemble_rsa.runs.run_folder import read_config as stored_config

        base = stored_config(options.out)
    config = read_config(options, base)
    if options.sweep:
        config = sweep(config, **dict(map(_swept, options.sweep)))
    config = dataclasses.replace(config, execution=_on_slurm(config.execution))
    print(_train(config, options))


def analyze(options: argparse.Namespace) -> None:
    """Compute RDMs and consistency of a trained ensemble, and write figures and a report."""
    config = read_config(options, AnalysisConfig())
    _analyze(options.run, config, options.out, options.quiet)


def report(options: argparse.Namespace) -> None:
    """Draw the figures and the report again from stored results."""
    from ensemble_rsa.pipeline.analyze import redraw

    print(redraw(options.run, options.out))


def compare(options: argparse.Namespace) -> None:
    """Test whether the networks of two analysed runs differ by more than the seed explains."""
    from ensemble_rsa.cli.progress import show_comparison
    from ensemble_rsa.pipeline.compare import compare_runs

    config = read_config(options, AnalysisConfig())
    result, path = compare_runs(options.run, options.other, options.out, options.paired, config)
    show_comparison(result, Console())
    print(path)


def _demo_arguments(parser: Parser) -> None:
    _add_out(parser, NEW_RUN)
    _add_quiet(parser)


def _train_arguments(parser: Parser) -> None:
    _add_out(parser, NEW_RUN)
    about = (
        "settings to vary, such as dropout=0,0.5 l2=1e-5,1e-4: every combination is trained with "
        "all instances, and all of them form one ensemble"
    )
    add_option(parser, "sweep", tuple[str, ...], (), about)
    about = "continue the interrupted run in --out; settings that are not given are the run's own"
    add_option(parser, "resume", bool, False, about)
    _add_quiet(parser)
    add_config(parser, Config)


def _analyze_arguments(parser: Parser) -> None:
    parser.add_argument("run", type=Path, help="the folder that `train` wrote")
    _add_out(parser, "where the results go; the run folder when not given")
    _add_quiet(parser)
    add_config(parser, AnalysisConfig)


def _report_arguments(parser: Parser) -> None:
    parser.add_argument("run", type=Path, help="the folder that `train` wrote")
    _add_out(parser, "where `analyze` put its results; the run folder when not given")


def _compare_arguments(parser: Parser) -> None:
    parser.add_argument("run", type=Path, help="the first run's folder")
    about = "the second run's folder, analysed with the same distance and stimuli"
    parser.add_argument("other", type=Path, help=about)
    _add_out(parser, "where the results go; comparison-OTHER in the first run's folder otherwise")
    about = (
        "whether instance i has the same first weights in both runs; inferred from the seeds when "
        "not given"
    )
    add_option(parser, "paired", bool | None, None, about)
    add_config(parser, AnalysisConfig)


def _add_out(parser: Parser, text: str) -> None:
    add_option(parser, "out", Path | None, None, text)


def _add_quiet(parser: Parser) -> None:
    add_option(parser, "quiet", bool, False, "no progress and no notes")


class Command(NamedTuple):
    """A command: what it runs (its docstring is the help), and what it takes."""

    run: Callable[[argparse.Namespace], None]
    add_arguments: Callable[[Parser], None]


COMMANDS = {
    "demo": Command(demo, _demo_arguments),
    "train": Command(train, _train_arguments),
    "analyze": Command(analyze, _analyze_arguments),
    "report": Command(report, _report_arguments),
    "compare": Command(compare, _compare_arguments),
    "reproduce": Command(reproduce.reproduce_figures, reproduce.add_arguments),
    "bench": Command(bench.bench, bench.add_arguments),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    Args:
        arguments: words after the program's name; those of the process when not given.
    """
    try:
        options = parse(sys.argv[1:] if arguments is None else arguments)
        with _one_line_messages(getattr(options, "quiet", False)):
            options.run_command(options)
    except InputError as error:
        return _fail(str(error), 2)
    except RunError as error:
        return _fail(str(error), 1)
    except OSError as error:
        return _fail(f"{error.filename or 'a file'}: {error.strerror or error}", 1)
    except KeyboardInterrupt as stop:
        return _fail(str(stop) or "interrupted", 130)
    return 0


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options of a command, and in `run_command` what it runs.

    Raises:
        InputError: an unknown command or flag, or a value of another type.
        SystemExit: help or version was asked for.
    """
    parser, parsers = _parsers()
    words = [_hyphenated(word) for word in arguments]
    if not words:
        parser.print_help()
        parser.exit()
    command = next((word for word in words if not word.startswith("-")), None)
    if command is not None and command not in COMMANDS:
        near = suggestion(command, COMMANDS)
        parser.error(f"unknown command {command!r}; choose from {', '.join(COMMANDS)}{near}")
    options, unknown = parser.parse_known_args(words)
    if unknown:
        parsers.get(options.command, parser).refuse(unknown)
    if options.command is None:
        parser.error("expected a command")
    options.run_command = COMMANDS[options.command].run
    return options


def _parsers() -> tuple[Parser, dict[str, Parser]]:
    """The parser of the program, and that of each command."""
    parser = Parser(prog=PROGRAM, description=(ensemble_rsa.__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--version", action="version", version=f"{PROGRAM} {ensemble_rsa.__version__}"
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    parsers = {}
    for name, command in COMMANDS.items():
        about = (command.run.__doc__ or "").splitlines()[0]
        parsers[name] = commands.add_parser(name, help=about, description=about)
        command.add_arguments(parsers[name])
    return parser, parsers


def _hyphenated(word: str) -> str:
    """The word with hyphens in a flag's name, where underscores are accepted too.

    >>> _hyphenated("--train_images=a_b")
    '--train-images=a_b'
    """
    if not word.startswith("--"):
        return word
    name, equals, value = word.partition("=")
    return name.replace("_", "-") + equals + value


def _swept(words: str) -> tuple[str, list[float]]:
    name, equals, values = words.partition("=")
    try:
        if equals:
            return name, [float(value) for value in values.split(",")]
    except ValueError:
        pass
    raise InputError(f"sweep: expected a setting and its values like dropout=0,0.5, got {words!r}")


def _on_slurm(execution: ExecutionConfig) -> ExecutionConfig:
    """With the process and number of processes that SLURM started, unless flags say so."""
    processes, number = (os.environ.get(f"SLURM_{name}", "") for name in ("NTASKS", "PROCID"))
    if execution.processes > 1 or not (processes.isdigit() and number.isdigit()):
        return execution
    return dataclasses.replace(execution, processes=int(processes), process_id=int(number))


def _train(config: Config, options: argparse.Namespace) -> Path:
    # JAX takes a second to import, which --help and wrong flags need not wait for
    from ensemble_rsa.cli.progress import keep_compiled_programs, training_display
    from ensemble_rsa.pipeline import train as pipeline

    keep_compiled_programs()
    quiet, resume = options.quiet, getattr(options, "resume", False)
    with training_display(config.training.epochs, Console(stderr=True, quiet=quiet)) as progress:
        run = pipeline.train(config, options.out, None if quiet else progress, resume)
    for one in run.replaced:
        _print_error(f"seed {one.seed} was replaced: {one.reason}")
    for one in run.flagged:
        _print_error(f"instance {one.instance} (seed {one.seed}) did not converge: {one.reason}")
    return run.path


def _analyze(run: Path, config: AnalysisConfig, out: Path | None, quiet: bool) -> None:
    from ensemble_rsa.cli.progress import keep_compiled_programs, rdm_display
    from ensemble_rsa.pipeline.analyze import analyze_run

    keep_compiled_programs()
    with rdm_display(Console(stderr=True, quiet=quiet)) as progress:
        path = analyze_run(run, config, out, None if quiet else progress)
    print(path)


@contextlib.contextmanager
def _one_line_messages(quiet: bool) -> Iterator[None]:
    """Print the package's log messages and all warnings as one line each."""
    log = logging.getLogger("ensemble_rsa")
    handler = logging.StreamHandler()
    before = log.level, log.propagate
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *place, **more: _print_error(f"{PROGRAM}: {message}")
        log.addHandler(handler)
        log.setLevel(logging.WARNING if quiet else logging.INFO)
        log.propagate = False  # other packages install a handler of the root logger
        try:
            yield
        finally:
            log.removeHandler(handler)
            log.level, log.propagate = before


def _fail(message: str, status: int) -> int:
    _print_error(f"{PROGRAM}: {message}")
    return status


def _print_error(message: str) -> None:
    print(message, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
