"""The command line, `ensemble-rsa {demo, train, import, analyze, compare, evaluate, plan, …}`.

Exit status 0 for success, 1 for a failed run, 2 for wrong arguments, 130 for an interrupted one.
"""

import argparse
import contextlib
import json
import logging
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from rich.console import Console

import ensemble_rsa
from ensemble_rsa.cli import bench, evaluation, imports, planning, reproduce, view
from ensemble_rsa.cli.options import (
    CLUSTER,
    REQUIRED,
    STORE,
    Option,
    Parser,
    add_config,
    add_option,
    config_from_options,
    is_list,
    suggestion,
)
from ensemble_rsa.cli.output import close_stdout, failure, printable_output
from ensemble_rsa.config.analysis import AnalysisConfig
from ensemble_rsa.config.effects import check_effects
from ensemble_rsa.config.presets import PRESETS
from ensemble_rsa.config.serialize import config_to_dict
from ensemble_rsa.config.settings import (
    Config,
    DataConfig,
    ModelConfig,
    TrainingConfig,
)
from ensemble_rsa.config.sweep import sweep, vary
from ensemble_rsa.errors import InputError, RunError

if TYPE_CHECKING:
    from ensemble_rsa.runs.run import Run

PROGRAM = "ensemble-rsa"
# Ours, for two minutes on two cores: the paper's network at a quarter of its channels, on
# scikit-learn's digits.
DEMO = Config(
    DataConfig(dataset="digits", preprocessing="standardize"),
    ModelConfig(model="all_cnn_c", width=0.25),
    TrainingConfig(instances=10, epochs=16, batch_size=32),
)


def demo(options: argparse.Namespace) -> None:
    """Train ten All-CNN-C on the embedded digits, analyse them and report, in two minutes."""
    run = _train(DEMO, options)
    _analyze(run, AnalysisConfig(), None, options.quiet)


def train(options: argparse.Namespace) -> None:
    """Train an ensemble whose instances differ only in their initial weights, or as flags say."""
    base = Config() if options.recipe is None else PRESETS[options.recipe]
    if options.resume and options.recipe is not None:
        raise InputError(
            f"recipe: a resumed run has its own settings, got {options.recipe}; leave it out"
        )
    if options.resume and options.out is not None:
        from ensemble_rsa.runs.run_folder import read_config

        base = read_config(options.out)
    config = config_from_options(options, base)
    if options.sweep == ():
        raise InputError("sweep: expected settings and their values like dropout=0,0.5, got none")
    if options.sweep:
        config = sweep(config, **_swept(options.sweep))
    if options.vary is not None:
        if options.sweep:
            raise InputError("vary: expected either --vary or --sweep, got both")
        config = vary(config, options.vary)
    if not options.resume:
        check_effects(config)
    if options.print:
        print(json.dumps(config_to_dict(config), indent=2))
        return
    print(_train(config, options))


def extend(options: argparse.Namespace) -> None:
    """Train further instances of a finished run; all of them form a new one."""
    from ensemble_rsa.pipeline.extend import extend_run
    from ensemble_rsa.runs.run_folder import read_config

    training = read_config(options.run).training
    more = max(1, options.instances - training.instances)

    def extended(progress: Any) -> "Run":
        return extend_run(options.run, options.instances, options.out, progress, options.cluster)

    print(_trained(extended, training.epochs, more, options.quiet))


def analyze(options: argparse.Namespace) -> None:
    """Compute RDMs and consistency of a run's networks, and write figures and a report."""
    config = config_from_options(options, AnalysisConfig())
    _analyze(options.run, config, options.out, options.quiet, options.store, options.cluster)


def report(options: argparse.Namespace) -> None:
    """Draw the figures and the report again from stored results."""
    from ensemble_rsa.pipeline.analyze import redraw

    print(redraw(options.run, options.out))


def compare(options: argparse.Namespace) -> None:
    """Test whether the networks of two analysed runs differ by more than the seed explains."""
    from ensemble_rsa.cli.tables import show_comparison
    from ensemble_rsa.pipeline.compare import compare_runs

    result, path = compare_runs(
        options.run, options.other, options.out, options.paired, options.comparison,
        options.match, options.n_resamples, options.confidence, options.seed,
    )  # fmt: skip
    show_comparison(result, Console())
    print(path)


class Command(NamedTuple):
    """A command: what it runs (its docstring is the help), and what it takes."""

    run: Callable[[argparse.Namespace], None]
    options: Sequence[Option]
    config: type | None = None  # whose fields are flags


def _out(text: str) -> Option:
    return Option("out", text, Path | None, None)


QUIET = Option("quiet", "no progress and no notes")
NEW_RUN = _out("the run folder; a new one under runs/ when not given")
RUN = Option("run", "the folder that `train` or `import` wrote", Path, REQUIRED)
TRAINED = Option("run", "the folder of a finished run that `train` wrote", Path, REQUIRED)
IN_ALL = Option("instances", "how many there shall be in all", int, REQUIRED)
OTHER = Option("other", "the second run, with the same distance and stimuli", Path, REQUIRED)
SWEEP = Option(
    "sweep",
    "settings to vary, such as dropout=0,0.5 l2=1e-5,1e-4; all combinations form one ensemble",
    tuple[str, ...] | None,
    None,
)
RESUME = Option(
    "resume", "continue the interrupted run in --out with its own settings except for those given"
)
VARY = Option(
    "vary",
    "what the seeds of instances change; the others have the same: their initial weights when not "
    "given",
    tuple[Literal["weights", "order", "augmentation", "dropout"], ...] | None,
    None,
)
RECIPE = Option(
    "recipe",
    "settings to start from, which other flags change: All-CNN-C of the paper, ResNet-20 or a "
    "small vision transformer, each on CIFAR-10",
    Literal["paper", "resnet", "vit"] | None,
    None,
)
PRINT = Option("print", "show the settings as JSON and train nothing")
PAIRED = Option(
    "paired",
    "whether instance i has the same initial weights in both runs; by default if seeds are equal",
    bool | None,
    None,
)
COMPARISON = Option(
    "comparison", "how two RDMs are compared", evaluation.ComparisonChoice, "pearson_squared"
)
MATCH = Option(
    "match", "layers of the same name, or at the same depth", Literal["name", "depth"], "name"
)
PERMUTATIONS = (
    Option("n_resamples", "the most permutations", int, 10_000),
    Option("confidence", "level of the intervals", float, 0.95),
    Option("seed", "of the permutations", int, 0),
)
RESULTS = _out("where the results go; the run folder when not given")
COMPARED = _out("where the results go; comparison-OTHER in the first run's folder when not given")
COMMANDS = {
    "demo": Command(demo, [NEW_RUN, QUIET]),
    "train": Command(train, [NEW_RUN, RECIPE, SWEEP, VARY, RESUME, PRINT, CLUSTER, QUIET], Config),
    "extend": Command(extend, [TRAINED, IN_ALL, NEW_RUN, CLUSTER, QUIET]),
    "import": Command(imports.import_source, imports.OPTIONS),
    "analyze": Command(analyze, [RUN, RESULTS, STORE, CLUSTER, QUIET], AnalysisConfig),
    "view": Command(view.view, view.OPTIONS),
    "report": Command(report, [RUN, _out("where `analyze` put its results, if not in the run")]),
    "compare": Command(compare, [RUN, OTHER, COMPARED, PAIRED, COMPARISON, MATCH, *PERMUTATIONS]),
    "evaluate": Command(evaluation.evaluate, [RUN, *evaluation.OPTIONS]),
    "plan": Command(planning.plan, [RUN, *planning.OPTIONS]),
    "export": Command(imports.export_run, imports.EXPORT_OPTIONS),
    "reproduce": Command(reproduce.reproduce_figures, reproduce.OPTIONS),
    "bench": Command(bench.bench, bench.OPTIONS),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command in `arguments`, by default those of the process; returns the exit status."""
    with printable_output():
        try:
            try:
                options = parse(sys.argv[1:] if arguments is None else arguments)
                with _one_line_messages(getattr(options, "quiet", False)):
                    options.run_command(options)
                return 0
            finally:
                sys.stdout.flush()  # a closed pipe is noticed here at the latest
        except InputError as error:
            status, message = 2, str(error)
        except BrokenPipeError:
            close_stdout()
            return 1
        except (RunError, OSError, MemoryError, RuntimeError) as error:
            status, message = 1, failure(error, sys.argv[1:] if arguments is None else arguments)
        except KeyboardInterrupt as stop:
            status, message = 130, str(stop) or "interrupted"
        _print_error(f"{PROGRAM}: {message}")
    return status


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options of a command, and in `run_command` what it runs."""
    parser, parsers = build_parsers()
    words = [_hyphenated(word) for word in arguments]
    if not words:
        parser.print_help()
        parser.exit()
    command = words[0]
    if command.startswith("-") and command.partition("=")[0] not in parser.flags():
        _refuse_flag_before_command(words, parser, parsers)
    if not command.startswith("-") and command not in COMMANDS:
        near = suggestion(command, COMMANDS)
        parser.error(f"unknown command {command!r}; choose from {', '.join(COMMANDS)}{near}")
    options, unknown = parser.parse_known_args(words)
    several = next((o.name for o in COMMANDS[command].options if is_list(o)), None)
    if several is not None:  # those after a flag, which argparse leaves
        more = [word for word in unknown if not word.startswith("-")]
        setattr(options, several, (*getattr(options, several), *more))
        unknown = [word for word in unknown if word.startswith("-")]
    if unknown:
        parsers[command].refuse(unknown)
    options.run_command = COMMANDS[command].run
    return options


def _refuse_flag_before_command(
    words: Sequence[str], parser: Parser, parsers: dict[str, Parser]
) -> None:
    """Raise for a first word that is a flag, and not one of the program itself."""
    flag, command = words[0].partition("=")[0], next((w for w in words if w in COMMANDS), None)
    if command is None or flag not in parsers[command].flags():
        parser.refuse(words[:1])
    parser.error(f"{flag}: expected after the command, as in {PROGRAM} {command} {words[0]}")


def build_parsers() -> tuple[Parser, dict[str, Parser]]:
    """The parser of the program, and that of each command."""
    parser = Parser(prog=PROGRAM, description=_summary(ensemble_rsa))
    parser.add_argument(
        "--version", action="version", version=f"{PROGRAM} {ensemble_rsa.__version__}"
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    parsers = {}
    for name, command in COMMANDS.items():
        about = _summary(command.run)
        parsers[name] = commands.add_parser(name, help=about, description=about)
        for option in command.options:
            add_option(parsers[name], option)
        if command.config:
            add_config(parsers[name], command.config)
    return parser, parsers


def _summary(documented: object) -> str:
    """The first line of a docstring; empty where Python has removed docstrings (`-OO`)."""
    return (documented.__doc__ or "").partition("\n")[0]


def _hyphenated(word: str) -> str:
    """The word with hyphens in a flag's name, where underscores are accepted too."""
    if not word.startswith("--"):
        return word
    name, equals, value = word.partition("=")
    return name.replace("_", "-") + equals + value


def _swept(settings: Sequence[str]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for words in settings:
        name, equals, values = words.partition("=")
        if name in found:
            raise InputError(f"sweep: expected each setting once, got {name} twice")
        try:
            found[name] = [float(value) for value in values.split(",")]
        except ValueError:
            equals = ""
        if not equals:
            raise InputError(
                f"sweep: expected a setting and its values like dropout=0,0.5, got {words!r}"
            )
    return found


def _train(config: Config, options: argparse.Namespace) -> Path:
    from ensemble_rsa.pipeline import train as pipeline

    resume, cluster = getattr(options, "resume", False), getattr(options, "cluster", None)

    def trained(progress: Any) -> "Run":
        return pipeline.train(config, options.out, progress, resume, cluster)

    return _trained(trained, config.training.epochs, config.training.instances, options.quiet)


def _trained(train: "Callable[[Any], Run]", epochs: int, instances: int, quiet: bool) -> Path:
    """The folder of what is trained with a display of progress; who did not converge is told."""
    # JAX takes a second to import, which --help and wrong flags need not wait for
    from ensemble_rsa.cli.progress import keep_compiled_programs, training_display
    from ensemble_rsa.jax_settings import use_cores

    use_cores()
    keep_compiled_programs()
    console = Console(stderr=True, quiet=quiet)
    with training_display(epochs, console, instances) as progress:
        run = train(None if quiet else progress)
    for one in run.replaced:
        _print_error(f"seed {one.seed} was replaced: {one.reason}")
    for one in run.flagged:
        _print_error(f"instance {one.instance} (seed {one.seed}) did not converge: {one.reason}")
    return run.path


def _analyze(
    run: Path,
    config: AnalysisConfig,
    out: Path | None,
    quiet: bool,
    store: bool | None = None,
    cluster: str | None = None,
) -> None:
    from ensemble_rsa import files
    from ensemble_rsa.cli.progress import keep_compiled_programs, rdm_display
    from ensemble_rsa.cli.tables import show_crossed_seeds
    from ensemble_rsa.pipeline.analyze import ANALYZE, analyze_run
    from ensemble_rsa.runs import run_folder
    from ensemble_rsa.runs.set_aside import set_aside

    keep_compiled_programs()
    with rdm_display(Console(stderr=True, quiet=quiet)) as progress:
        path = analyze_run(run, config, out, None if quiet else progress, store, cluster)
    results = files.read_dataset(path.parent / run_folder.RESULTS, ANALYZE)
    for one in set_aside(results, "excluded"):
        _print_error(f"instance {one['instance']} is left out: {one['reason']}")
    if "seed_variance" in results:
        show_crossed_seeds(results, Console())
    print(path)


@contextlib.contextmanager
def _one_line_messages(quiet: bool) -> Iterator[None]:
    """Print the package's log messages and all warnings as one line each."""
    logging.getLogger("absl").disabled = True  # Orbax logs what it raises too
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


def _print_error(message: str) -> None:
    with contextlib.suppress(BrokenPipeError):
        print(message, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
