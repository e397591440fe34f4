"""The command line, `ensemble-rsa {demo, train, analyze, compare, report, reproduce, bench}`.

Exit status 0 when all went well, 1 when a run failed, 2 when it was asked for something impossible.
"""

import contextlib
import dataclasses
import functools
import io
import logging
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.console import Console

from ensemble_rsa.cli.bench import bench_analysis, bench_train
from ensemble_rsa.config import settings as config_settings
from ensemble_rsa.config.settings import (
    AnalysisConfig,
    Config,
    DataConfig,
    ExecutionConfig,
    ModelConfig,
    TrainingConfig,
)
from ensemble_rsa.errors import InputError, RunError

PROGRAM = "ensemble-rsa"
# Ours, for two minutes on two cores: the paper's network at a quarter of its channels, on
# scikit-learn's digits.
DEMO = Config(
    DataConfig(dataset="digits", preprocessing="standardize"),
    ModelConfig(model="all_cnn_c", width=0.25),
    TrainingConfig(instances=10, epochs=16, batch_size=32),
)

app = tyro.extras.SubcommandApp()


def _later(function: Callable[..., None]) -> Callable[..., Callable[[], None]]:
    """A command that is parsed first and run later: its errors are not tyro's."""

    @functools.wraps(function)
    def parsed(*args, **options) -> Callable[[], None]:
        return functools.partial(function, *args, **options)

    return parsed


def _command(function: Callable[..., None]) -> Callable[..., None]:
    """Register a command."""
    app.command(_later(function))
    return function


@_command
def demo(out: Path | None = None, quiet: bool = False) -> None:
    """Train ten All-CNN-C on the embedded digits, analyse and report: the main job in two minutes.

    Args:
        out: the run folder; a new one under runs/ when not given.
        quiet: no progress.
    """
    run = _train(DEMO, out, quiet)
    _analyze(run, AnalysisConfig(), None, quiet)


@_command
def train(
    config: Config,
    out: Path | None = None,
    sweep: tuple[str, ...] = (),
    resume: bool = False,
    quiet: bool = False,
) -> None:
    """Train an ensemble whose instances differ only in the seed of their first weights.

    Args:
        config: data, network and recipe.
        out: the run folder; a new one under runs/ when not given.
        sweep: settings that also differ, such as dropout=0,0.5 l2=1e-5,1e-4: every combination has
            all instances, and all of them are one ensemble.
        resume: go on with the interrupted run in --out; settings that are not given are its own.
        quiet: no progress.
    """
    if sweep:
        config = config_settings.sweep(config, **dict(map(_swept, sweep)))
    config = dataclasses.replace(config, execution=_on_slurm(config.execution))
    print(_train(config, out, quiet, resume))


def _swept(words: str) -> tuple[str, list[float]]:
    name, equals, values = words.partition("=")
    try:
        if equals:
            return name, [float(value) for value in values.split(",")]
    except ValueError:
        pass
    raise InputError(f"sweep: expected a setting and its values like dropout=0,0.5, got {words!r}")


def _on_slurm(execution: ExecutionConfig) -> ExecutionConfig:
    """Which process of how many this is, where SLURM started several and no flag says so."""
    processes, number = (os.environ.get(f"SLURM_{name}", "") for name in ("NTASKS", "PROCID"))
    if execution.processes > 1 or not (processes.isdigit() and number.isdigit()):
        return execution
    return dataclasses.replace(execution, processes=int(processes), process_id=int(number))


@_command
def analyze(
    run: tyro.conf.Positional[Path],
    settings: AnalysisConfig,
    out: Path | None = None,
    quiet: bool = False,
) -> None:
    """Make RDMs, consistency, figures and a report of a trained ensemble.

    Args:
        run: the folder that `train` wrote.
        settings: distance, stimuli and bootstrap.
        out: where results go; the run folder when not given.
        quiet: no progress.
    """
    _analyze(run, settings, out, quiet)


@_command
def report(run: tyro.conf.Positional[Path], out: Path | None = None) -> None:
    """Draw the figures and the report again from stored results.

    Args:
        run: the folder that `train` wrote.
        out: where `analyze` put its results; the run folder when not given.
    """
    from ensemble_rsa.pipeline.analyze import redraw

    print(redraw(run, out))


@_command
def compare(
    run: tyro.conf.Positional[Path],
    other: tyro.conf.Positional[Path],
    settings: AnalysisConfig,
    out: Path | None = None,
    paired: bool | None = None,
) -> None:
    """Test whether the networks of two analysed runs differ by more than a seed does.

    Args:
        run: the first run's folder.
        other: the second run's folder, analysed with the same distance and stimuli.
        settings: resamples and relabellings, confidence, seed.
        out: where the results go; comparison-OTHER in the first run's folder when not given.
        paired: whether instance i has the same first weights in both runs; seen from the seeds
            when not given.
    """
    from ensemble_rsa.cli.progress import show_comparison
    from ensemble_rsa.pipeline.compare import compare_runs

    result, path = compare_runs(run, other, out, paired, settings)
    show_comparison(result, Console())
    print(path)


@_command
def reproduce(
    figures: tyro.conf.Positional[tuple[str, ...]],
    scale: str = "smoke",
    out: Path | None = None,
    data_dir: Path | None = None,
    image_folder: Path | None = None,
    category_map: str | None = None,
    variants: bool = False,
    quiet: bool = False,
) -> None:
    """Run experiments of the paper, from training to figure, and set the numbers beside its own.

    Args:
        figures: fig2 to fig9, s1 to s8, or all.
        scale: smoke (every path, some minutes), small (CIFAR-10, about an hour a figure on two
            cores) or paper (the published setting, for a GPU).
        out: networks, results and figures; runs/reproduce-SCALE when not given. What is there is
            not made again.
        data_dir: where TFDS keeps CIFAR-10; TFDS's own choice when not given.
        image_folder: large images for AlexNet, one folder per category.
        category_map: cifar10, broad, or a JSON file: which of these folders make a category: at
            paper of AlexNet's stimuli alone, below it of all that AlexNet is trained on. When not
            given, and where the folders are ImageNet's: cifar10 at paper, broad below it; else each
            folder is a category.
        variants: train what the paper leaves open instead, and tabulate accuracy and consistency.
        quiet: no progress.
    """
    from ensemble_rsa.cli.reproduce import reproduce_figures

    _keep_compiled_programs()
    place = None if data_dir is None else str(data_dir)
    print(
        reproduce_figures(figures, scale, out, place, image_folder, category_map, variants, quiet)
    )


@_command
def bench(
    what: Annotated[Any, tyro.conf.subcommand("analysis", constructor=_later(bench_analysis))]
    | Annotated[Any, tyro.conf.subcommand("train", constructor=_later(bench_train))],
) -> None:
    """Measure what this package costs on this machine, beside other tools.

    Args:
        what: what to measure.
    """
    what()


def _train(config: Config, out: Path | None, quiet: bool, resume: bool = False) -> Path:
    # JAX takes a second to import, which --help and a wrong flag need not wait for
    from ensemble_rsa.cli.progress import training_display
    from ensemble_rsa.pipeline import train as pipeline

    _keep_compiled_programs()
    console = Console(stderr=True, quiet=quiet)
    with training_display(config.training.epochs, console) as show:
        run = pipeline.train(config, out, None if quiet else show, resume)
    for verdict in run.replaced:
        _say(f"seed {verdict.seed} was replaced: {verdict.reason}")
    for verdict in run.flagged:
        who = f"instance {verdict.instance} (seed {verdict.seed})"
        _say(f"{who} did not converge: {verdict.reason}")
    return run.path


def _keep_compiled_programs() -> None:
    """Compile once for all runs on this machine, unless the user has a place of his own for it."""
    import jax

    from ensemble_rsa.files import cache_folder

    if jax.config.jax_compilation_cache_dir is None:  # pyright: ignore[reportAttributeAccessIssue]
        jax.config.update("jax_compilation_cache_dir", str(cache_folder() / "programs"))
        # JAX keeps what took a second; ours has many programs that take less, layer by layer
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)


def _tell(quiet: bool) -> None:
    """Notes of the library and warnings as one line each."""
    log = logging.getLogger("ensemble_rsa")
    log.setLevel(logging.WARNING if quiet else logging.INFO)
    if not log.handlers:
        log.addHandler(logging.StreamHandler())
    warnings.showwarning = lambda message, *place, **more: _say(f"{PROGRAM}: {message}")


def _say(message: str) -> None:
    """What nobody may miss, also in silence."""
    print(message, file=sys.stderr)


def _analyze(run: Path, settings: AnalysisConfig, out: Path | None, quiet: bool) -> None:
    from ensemble_rsa.cli.progress import rdm_display
    from ensemble_rsa.pipeline.analyze import analyze_run

    _keep_compiled_programs()
    console = Console(stderr=True, quiet=quiet)
    with rdm_display(console) as show:
        path = analyze_run(run, settings, out, None if quiet else show)
    print(path)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    Args:
        arguments: words after the program's name; those of the process when not given.
    """
    try:
        _parse(arguments)()
    except InputError as error:
        return _fail(str(error), 2)
    except RunError as error:
        return _fail(str(error), 1)
    except OSError as error:
        return _fail(f"{error.filename or 'a file'}: {error.strerror or error}", 1)
    except KeyboardInterrupt as stop:
        return _fail(str(stop) or "interrupted", 130)
    return 0


def _parse(arguments: Sequence[str] | None) -> Callable[[], None]:
    """The command that the words ask for, ready to run.

    Raises:
        InputError: words that make no command.
        SystemExit: help was asked for.
    """
    words = sys.argv[1:] if arguments is None else list(arguments)
    _tell("--quiet" in words)
    framed = io.StringIO()
    try:
        with contextlib.redirect_stderr(framed), _defaults_of(words):
            return app.cli(
                args=words,
                prog=PROGRAM,
                config=(tyro.conf.OmitArgPrefixes, tyro.conf.OmitSubcommandPrefixes),
            )
    except SystemExit as stop:
        if not stop.code:
            raise
    raise InputError(_one_line(framed.getvalue()))


@contextlib.contextmanager
def _defaults_of(words: Sequence[str]) -> Iterator[None]:
    """To resume, settings that are not given are those of the run in --out."""
    if words[:1] != ["train"] or "--resume" not in words or "--out" not in words[:-1]:
        yield
        return
    from ensemble_rsa.runs.run_folder import read_config

    stored = read_config(Path(words[list(words).index("--out") + 1]))
    train.__defaults__, before = (stored, *(train.__defaults__ or ())), train.__defaults__
    try:
        yield
    finally:
        train.__defaults__ = before


def _one_line(framed: str) -> str:
    r"""The first part of tyro's framed message, and its suggestion, as one line.

    >>> _one_line("╭─ Value error ──╮\n│ Error parsing --epochs: no  │\n│ number │\n│ ─── │")
    '--epochs: no number; see ensemble-rsa --help'
    >>> _one_line(" Value error\n ------\n  Error parsing --epochs: no\n  number\n  -----")
    '--epochs: no number; see ensemble-rsa --help'
    """
    rows = [row.strip("│ ") for row in framed.splitlines()[1:]]  # the first holds the title
    is_rule = [bool(row) and set(row) <= set("─╰╯-") for row in rows]
    if is_rule[:1] == [True]:  # where the terminal has no lines to draw, the title stands above one
        rows, is_rule = rows[1:], is_rule[1:]
    rule = is_rule.index(True) if True in is_rule else len(rows)
    text = re.sub(r"\s+", " ", " ".join(rows[:rule]))
    text = re.sub(r"^Error parsing (\S*__tyro\S*: )?", "", text).rstrip(".")
    if found := re.match(r"Unrecognized or misplaced options: (.*) Arguments are applied", text):
        # so tyro says where another command knows the option
        words = re.sub(r" \(applied to [^)]*\)", ",", found[1]).rstrip(",")
        text = f"Unrecognized options: {words}"
    text = text.replace("invalid literal for int() with base 10:", "expected a whole number, got")
    text = text.replace("could not convert string to float:", "expected a number, got")
    meant = re.search(r"Perhaps you meant:\W*(--[\w-]+)", " ".join(rows[rule:]))
    return f"{text}; {f'did you mean {meant[1]}? ' if meant else ''}see {PROGRAM} --help"


def _fail(message: str, status: int) -> int:
    print(f"{PROGRAM}: {message}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
