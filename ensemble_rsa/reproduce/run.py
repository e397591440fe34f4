"""A reproduction: from training to figures, ledger and report."""

import dataclasses
import datetime
import math
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from ensemble_rsa import files
from ensemble_rsa.cluster.opening import opened
from ensemble_rsa.cluster.workers import Workers
from ensemble_rsa.config.serialize import config_hash, config_to_dict
from ensemble_rsa.config.settings import Config, PreprocessingName, TrainingPrecision
from ensemble_rsa.errors import InputError, RunError, shown
from ensemble_rsa.pipeline.extract import check_enough_stimuli
from ensemble_rsa.report.captions import Caption
from ensemble_rsa.report.reproduction import write_reproduction
from ensemble_rsa.report.tables import Table, result_table
from ensemble_rsa.reproduce.cache import REMOVE, load_or_make
from ensemble_rsa.reproduce.captions import caption
from ensemble_rsa.reproduce.catalogue import EXPERIMENTS, experiments_of
from ensemble_rsa.reproduce.estimate import estimate_in_words
from ensemble_rsa.reproduce.experiment import Experiment
from ensemble_rsa.reproduce.generated import write_images
from ensemble_rsa.reproduce.image_locations import ImageLocations
from ensemble_rsa.reproduce.ledger import compare
from ensemble_rsa.reproduce.pictures import draw, draw_again_where_other
from ensemble_rsa.reproduce.record import (
    Record,
    missing_ensemble,
    read_record,
    result_path,
    write_ledger,
    write_record,
)
from ensemble_rsa.reproduce.scales import Scale, make_scale
from ensemble_rsa.reproduce.variants import read_variants, try_variants, variant_ensembles
from ensemble_rsa.reproduce.verdicts import summary, verdict_of_figure
from ensemble_rsa.reproduce.workspace import (
    Workspace,
    check_time,
    run_of_fewer,
    trained_run,
)
from ensemble_rsa.runs import run_folder
from ensemble_rsa.scalars import is_number
from ensemble_rsa.training.interrupts import TrainingInterrupted, time_is_up, time_limit
from ensemble_rsa.training.progress import TrainingCallback

SCALE, ESTIMATE = "scale.json", "estimate.json"
ESTIMATED = ("medium", "paper")  # scales that take so long that hours and memory are told before
SHARE = 0.9  # of the minutes of a piece; the rest is for storing the state and for the report


class TimeIsUp(Exception):
    """The minutes of a piece are over; the same call continues.

    Attributes:
        report: its path, with the figures that are available.
    """

    def __init__(self, report: Path):
        super().__init__("the time of this piece is up; continue with the same command")
        self.report = report


def reproduce(
    figures: Sequence[str],
    scale: str = "smoke",
    out: str | Path | None = None,
    images: ImageLocations | None = None,
    log: Callable[[str], None] = lambda line: None,
    progress: Callable[[int], AbstractContextManager[TrainingCallback | None]] = lambda epochs: (
        nullcontext()
    ),
    variants: bool = False,
    minutes: float | None = None,
    precision: TrainingPrecision = "float32",
    cluster: str | Workers | None = None,
    instances: int | None = None,
    preprocessing: PreprocessingName | None = None,
) -> Path:
    """Run the experiments behind some figures of the paper; what exists is not computed again.

    Args:
        figures: `fig2` … `fig9`, `s1` … `s8`, or `all`.
        scale: smoke, small, medium or paper.
        out: the folder of networks, results and figures; None for `runs/reproduce-SCALE`.
        images: where images lie.
        log: called with one line of text before each step.
        progress: number of epochs → a context with the progress callback of a training, or None.
        variants: instead, train the variants that the paper leaves open and tabulate them; with
            `fig4` only.
        minutes: stop after these, once what was computed is stored; None for no limit.
        precision: of the products of all trainings; the paper's is not known.
        cluster: trains and computes RDMs on the workers of a cluster of Dask, as the flag
            `--cluster` says.
        instances: at most so many networks in each ensemble, and at each rate of dropout; None for
            those of the scale. A later call with more trains only what is missing, except of
            dropout and of ensembles in which instances were replaced, which it trains anew.
        preprocessing: of All-CNN's images; None for that of the scale.

    Returns:
        The path of the report; `comparison.json` and `figures/` are beside it. It is written after
        every experiment, with the figures that are available.

    Raises:
        InputError: wrong arguments, or too few images; raised before any training.
        RunError: images that are not there, or an ensemble whose networks cannot be compared;
            with `all`, raised after the other figures are made.
        TimeIsUp: the minutes are over; the same call continues.
        TrainingInterrupted: on Ctrl-C; the same call resumes.
    """
    experiments = experiments_of(figures)
    _check_arguments(figures, images, variants, minutes)
    root = Path("runs") / f"reproduce-{scale}" if out is None else files.as_path("out", out)
    make = partial(
        make_scale,
        scale,
        precision=precision,
        instances=instances,
        preprocessing=preprocessing,
    )
    chosen = make(images)
    generated = scale == "smoke" and "alexnet" not in chosen.ensembles
    if "all" not in figures and not generated:
        for experiment in experiments:
            if missing := missing_ensemble(chosen, experiment):
                raise InputError(_left_out(experiment, missing))
    _claim(root, chosen)
    if generated:
        folder = write_images(root.resolve() / "images")
        chosen = make(ImageLocations(folder=folder))
    limit = math.inf if minutes is None else 60 * minutes * SHARE
    with time_limit(limit), opened(cluster) as workers:
        work = Workspace(root, chosen, log, progress, workers)
        try:
            failed = _train_and_measure(work, experiments, figures, variants)
        except TrainingInterrupted:
            if not time_is_up():
                raise
            raise TimeIsUp(_write_report(work)) from None
        report = _write_report(work)
    if failed:
        raise RunError(f"{'; '.join(failed)}; the other figures are in {report}")
    return report


def _check_arguments(figures: Sequence[str], images: Any, variants: bool, minutes: Any) -> None:
    if variants and tuple(figures) != ("fig4",):
        raise InputError(f"variants: only for fig4, got {' '.join(figures)}")
    if minutes is not None and not (is_number(minutes) and 0 < minutes < math.inf):
        raise InputError(f"minutes: expected a finite number above 0, got {shown(minutes)}")
    if images is not None and not isinstance(images, ImageLocations):
        raise InputError(f"images: expected ImageLocations, got {shown(images)}")


def _train_and_measure(
    work: Workspace, experiments: Sequence[Experiment], figures: Sequence[str], variants: bool
) -> list[str]:
    """Check and estimate, then run experiments or variants; the reasons of those that failed."""
    untrained = _untrained(work, experiments, variants)
    _check_stimuli(work.scale, untrained)
    if work.scale.name in ESTIMATED:
        base = work.scale.ensembles[work.scale.varied]
        missing = {name: _what_is_missing(work, config) for name, config in untrained.items()}
        for line in estimate_in_words(missing, base, work.root / ESTIMATE):
            work.log(line)
    if variants:
        try_variants(work)
        return []
    return _run_each(work, experiments, figures)


def _claim(root: Path, scale: Scale) -> None:
    """Record what a folder holds; raise if it holds another scale, precision or preprocessing."""
    path = root / SCALE
    files.check_can_write("out", root)
    asked = _identity(scale)
    there = asked
    if path.is_file():
        stored = files.read_table(path, REMOVE)
        # what earlier versions do not record was then that of the scale
        there = _identity(make_scale(scale.name)) | stored
    for name, value in asked.items():
        if there.get(name) != value:
            raise InputError(
                f"out: {root} holds the {name} {there.get(name)}, not {value}; give another --out"
            )
    files.write_json(path, asked)


def _identity(scale: Scale) -> dict[str, str]:
    """What all figures of a folder share."""
    base = scale.ensembles[scale.varied]
    return {
        "scale": scale.name,
        "precision": base.training.precision,
        "preprocessing": base.data.preprocessing,
    }


def _left_out(experiment: Experiment, ensemble: str) -> str:
    return (
        f"{', '.join(experiment.pictures)}: no images to train {ensemble} on; give a folder with "
        "one subfolder per category as --image-folder"
    )


def _untrained(
    work: Workspace, experiments: Sequence[Experiment], variants: bool
) -> dict[str, Config]:
    """The ensembles that are still to be trained, each configuration once."""
    every = work.scale.ensembles
    if variants:
        ensembles = variant_ensembles(every[work.scale.varied])
    else:
        needed = {name for experiment in experiments for name in experiment.ensembles}
        ensembles = {name: config for name, config in every.items() if name in needed}
    found: dict[str, Config] = {}
    for name, config in ensembles.items():
        if trained_run(work, config) is None and config not in found.values():
            found[name] = config
    return found


def _what_is_missing(work: Workspace, config: Config) -> Config:
    """The ensemble with as many instances as no finished run of some of them has."""
    fewer, training = run_of_fewer(work, config), config.training
    if fewer is None:
        return config
    n = training.instances - len(fewer.seeds)
    return replace(config, training=replace(training, instances=n))


def _check_stimuli(scale: Scale, untrained: dict[str, Config]) -> None:
    """Raise before any training if there are too few images to choose stimuli from."""
    checked = set()
    for config in untrained.values():
        # stimuli do not depend on these
        data = replace(config.data, train_images=None, part="all", categories=None)
        if (data, stimuli := scale.analysis_of(config).stimulus) not in checked:
            checked.add((data, stimuli))
            with suppress(RunError):  # missing data are an error of their own figures
                check_enough_stimuli(config, stimuli)


def _run_each(
    work: Workspace, experiments: Sequence[Experiment], figures: Sequence[str]
) -> list[str]:
    """Run one experiment after the other; with `all`, return the reasons of those that failed."""
    failed = []
    for experiment in experiments:
        if missing := missing_ensemble(work.scale, experiment):
            work.log(_left_out(experiment, missing))
            continue
        try:
            check_time()
            _run(work, experiment, figures)
            _write_report(work)
        except (InputError, RunError) as reason:
            if "all" not in figures:
                raise
            failed.append(f"{', '.join(experiment.pictures)}: {reason}")
            work.log(failed[-1])
    return failed


def _run(work: Workspace, experiment: Experiment, figures: Sequence[str]) -> None:
    """Measure, draw, and store rows of the ledger and captions."""
    work.log(f"{', '.join(experiment.pictures)}: {experiment.name}")
    result = load_or_make(result_path(work, experiment), lambda: experiment.measure(work))
    captions = {}
    for name in experiment.pictures:
        if name in figures or "all" in figures:
            draw(work, experiment, name, result)
            captions[name] = caption(work, experiment, name, result)
    configs = [work.scale.ensembles[name] for name in experiment.ensembles]
    # the paper's AlexNet is trained on ImageNet
    folders = any(config.data.dataset.startswith("folder:") for config in configs)
    scale = replace(work.scale, comparable=work.scale.comparable and not folders)
    findings = experiment.findings(result)
    rows = tuple(compare(finding, scale) for finding in findings)
    # read now, since another process may have drawn others meanwhile
    captions = {**read_record(work, experiment).captions, **captions}
    write_record(work, experiment, Record(rows, captions))


def _write_report(work: Workspace) -> Path:
    rows, captions = write_ledger(work, EXPERIMENTS)
    folder = work.root / run_folder.FIGURES
    figures = {
        name: (folder / f"{name}.png", Caption(captions[name]["title"], captions[name]["caption"]))
        for experiment in EXPERIMENTS
        for name in experiment.pictures
        if name in captions and draw_again_where_other(work, experiment, name)
    }
    origin = run_folder.make_manifest(None, {})
    del origin["seconds"]  # the run folders have them
    origin["ensembles"] = {
        name: {"hash": config_hash(config), **config_to_dict(config)}
        for name, config in work.scale.ensembles.items()
    }
    verdicts = {
        name: verdict_of_figure([row for row in rows if row.figure == name]) for name in figures
    }
    ledger = [dataclasses.asdict(row) | {"stands": row.stands} for row in rows]
    variants = [dataclasses.asdict(row) for row in read_variants(work)]
    path, today = work.root / run_folder.REPORT, datetime.datetime.now(datetime.UTC).date()
    return write_reproduction(
        path, work.scale.name, ledger, variants, figures, _tables(work, figures), origin,
        today.isoformat(), summary(rows), verdicts, work.scale.varied,
    )  # fmt: skip


def _tables(work: Workspace, figures: Collection[str]) -> dict[str, dict[str, Table]]:
    """All numbers behind each figure, for files that the page saves."""
    found = {}
    for experiment in EXPERIMENTS:
        shown = [name for name in experiment.pictures if name in figures]
        if not shown or missing_ensemble(work.scale, experiment):
            continue
        path = result_path(work, experiment)
        table = _table_of(path, path.stat().st_mtime_ns) if path.is_file() else None
        if table is not None and table.n_rows:
            found |= {name: {experiment.name: table} for name in shown}
    return found


@lru_cache(maxsize=32)  # the report is written after each experiment
def _table_of(path: Path, modified: int) -> Table:
    """All numbers of a stored result, as it was at this time in nanoseconds."""
    return result_table(files.read_dataset(path, REMOVE))
