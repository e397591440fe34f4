"""One command from training to figure, ledger and report."""

import dataclasses
import datetime
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path

from ensemble_rsa import files
from ensemble_rsa.config.serialize import config_hash
from ensemble_rsa.config.settings import Config
from ensemble_rsa.errors import InputError, RunError
from ensemble_rsa.figures.save import save_figure
from ensemble_rsa.pipeline.extract import check_stimuli
from ensemble_rsa.report.captions import Caption
from ensemble_rsa.report.reproduction import write_reproduction
from ensemble_rsa.reproduce.catalogue import EXPERIMENTS, experiments_of
from ensemble_rsa.reproduce.estimate import estimate_in_words
from ensemble_rsa.reproduce.experiment import Experiment
from ensemble_rsa.reproduce.generated import write_images
from ensemble_rsa.reproduce.ledger import compare
from ensemble_rsa.reproduce.record import (
    Record,
    ensembles_in_plain_values,
    made_from,
    made_with,
    missing_ensemble,
    read_record,
    write_ledger,
    write_record,
)
from ensemble_rsa.reproduce.scales import Images, Scale, make_scale
from ensemble_rsa.reproduce.variants import BASE, read_variants, try_variants, variant_ensembles
from ensemble_rsa.reproduce.workspace import Workspace, is_trained, result
from ensemble_rsa.runs import run_folder
from ensemble_rsa.training.progress import TrainingCallback

SCALE = "scale.json"


def reproduce(
    figures: Sequence[str],
    scale: str = "smoke",
    out: str | Path | None = None,
    images: Images | None = None,
    say: Callable[[str], None] = lambda line: None,
    show: Callable[[int], AbstractContextManager[TrainingCallback | None]] = lambda epochs: (
        nullcontext()
    ),
    variants: bool = False,
) -> Path:
    """Run the experiments behind some figures of the paper; what is there already is not run again.

    Args:
        figures: `fig2` … `fig9`, `s1` … `s8`, or `all`.
        scale: smoke, small or paper.
        out: the folder of networks, results and figures; None for `runs/reproduce-SCALE`.
        images: where images lie.
        say: told in a line what is done next.
        show: number of epochs → what is told about training while it goes on, or None.
        variants: instead, train what the paper leaves open and tabulate it; `fig4` alone.

    Returns:
        The report; `comparison.json` and `figures/` lie beside it.

    Raises:
        InputError: an unknown figure or scale, a folder of another scale, or images that are
            needed and not given, or too few; before anything is trained.
        RunError: images that are not there, or an ensemble whose networks cannot be compared;
            with `all`, once the other figures are done.
        TrainingInterrupted: on Ctrl-C; the same call goes on.
    """
    experiments = experiments_of(tuple(figures))
    if variants and tuple(figures) != ("fig4",):
        raise InputError(f"variants: expected them for fig4 alone, got {' '.join(figures)}")
    root = Path(out) if out is not None else Path("runs") / f"reproduce-{scale}"
    chosen = make_scale(scale, images)  # an unknown name is told before there is a folder
    generated = scale == "smoke" and "alexnet" not in chosen.ensembles
    if "all" not in figures and not generated:
        for experiment in experiments:
            if missing := missing_ensemble(chosen, experiment):
                raise InputError(_left_out(experiment, missing))
    _claim(root, chosen)
    if generated:
        chosen = make_scale(scale, Images(folder=write_images(root.resolve() / "images")))
    work = Workspace(root, chosen, say, show)
    untrained = _untrained(work, experiments, variants)
    _check_stimuli(chosen, untrained)
    if scale == "paper":
        for line in estimate_in_words(untrained, chosen.ensembles[BASE]):
            say(line)
    if variants:
        try_variants(work)
        return _write_report(work)
    failed = _run_each(work, experiments, figures)
    report = _write_report(work)
    if failed:
        raise RunError(f"{'; '.join(failed)}; the other figures are in {report}")
    return report


def _claim(root: Path, scale: Scale) -> None:
    """One folder holds one scale."""
    path = root / SCALE
    if path.is_file() and files.read_json(path)["scale"] != scale.name:
        raise InputError(
            f"out: {root} holds the scale {files.read_json(path)['scale']}, not {scale.name}; "
            "give another --out"
        )
    if root.exists() and not root.is_dir():
        raise InputError(f"out: {root} is not a folder; give another --out")
    files.write_json(path, {"scale": scale.name})


def _left_out(experiment: Experiment, ensemble: str) -> str:
    names = ", ".join(experiment.pictures)
    return (
        f"{names}: no images to train {ensemble} on; give a folder with one subfolder for each "
        "category as --image-folder"
    )


def _untrained(
    work: Workspace, experiments: Sequence[Experiment], variants: bool
) -> dict[str, Config]:
    """The ensembles that these experiments, or the variants, have yet to train."""
    every = work.scale.ensembles
    if variants:
        ensembles = variant_ensembles(every[BASE])
    else:
        needed = {name for experiment in experiments for name in experiment.ensembles}
        ensembles = {name: config for name, config in every.items() if name in needed}
    once = {config_hash(config): (name, config) for name, config in reversed(ensembles.items())}
    apart = replace(work, scale=replace(work.scale, ensembles=ensembles))
    return {name: config for name, config in reversed(once.values()) if not is_trained(apart, name)}


def _check_stimuli(scale: Scale, untrained: dict[str, Config]) -> None:
    """Raise now for what would otherwise be found out after hours of other networks' training."""
    looked_at = set()
    for config in untrained.values():
        # what stimuli do not hang on
        data = replace(config.data, train_images=None, part="all", categories=None)
        large = config.model.model == "alexnet"
        if (data, large) not in looked_at:
            looked_at.add((data, large))
            with suppress(RunError):  # data that cannot be had fail their own figures alone
                check_stimuli(config, (scale.large_images if large else scale.analysis).stimulus)


def _run_each(
    work: Workspace, experiments: Sequence[Experiment], figures: Sequence[str]
) -> list[str]:
    """Run experiments one after the other; of all figures, those that cannot be had and why."""
    failed = []
    for experiment in experiments:
        if missing := missing_ensemble(work.scale, experiment):
            work.say(_left_out(experiment, missing))
            continue
        try:
            _run(work, experiment, figures)
        except (InputError, RunError) as reason:
            if "all" not in figures:
                raise
            failed.append(f"{', '.join(experiment.pictures)}: {reason}")
            work.say(failed[-1])
    return failed


def _run(work: Workspace, experiment: Experiment, figures: Sequence[str]) -> None:
    """Measure, draw, and enter into the ledger."""
    work.say(f"{', '.join(experiment.pictures)}: {experiment.name}")
    values = made_from(work.scale, experiment)
    measured = result(work, experiment.name, values, lambda: experiment.measure(work))
    captions = dict(read_record(work, experiment).captions)
    for name, picture in experiment.pictures.items():
        if name in figures or "all" in figures:
            save_figure(picture.draw(measured), work.root / run_folder.FIGURES / f"{name}.png")
            caption = f"{picture.caption(measured)} {made_with(work, experiment, measured)}"
            captions[name] = {"title": picture.title, "caption": caption}
    scale = _judged_as(work.scale, experiment)
    rows = [
        compare(finding, scale, simulated=not experiment.ensembles)
        for finding in experiment.findings(measured)
    ]
    write_record(work, experiment, Record(tuple(rows), captions))


def _judged_as(scale: Scale, experiment: Experiment) -> Scale:
    """AlexNet's numbers are comparable on ImageNet alone."""
    configs = [scale.ensembles[name] for name in experiment.ensembles]
    folders = any(config.data.dataset.startswith("folder:") for config in configs)
    return replace(scale, comparable=scale.comparable and not folders)


def _write_report(work: Workspace) -> Path:
    rows, captions = write_ledger(work, EXPERIMENTS)
    folder = work.root / run_folder.FIGURES
    figures = {
        name: (folder / f"{name}.png", Caption(words["title"], words["caption"]))
        for name, words in captions.items()
    }
    origin = run_folder.make_manifest(None, {})
    del origin["seconds"]  # each network's run folder knows its own
    return write_reproduction(
        work.root / run_folder.REPORT,
        work.scale.name,
        [dataclasses.asdict(row) for row in rows],
        [dataclasses.asdict(tried) for tried in read_variants(work)],
        figures,
        origin | {"ensembles": ensembles_in_plain_values(work.scale.ensembles)},
        datetime.datetime.now(datetime.UTC).date().isoformat(),
    )
