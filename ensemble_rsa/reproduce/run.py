"""One command from training to figure, ledger and report."""

import datetime
import importlib.metadata
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import xarray as xr

from ensemble_rsa import store
from ensemble_rsa.config import Config
from ensemble_rsa.config_values import config_hash, config_to_dict
from ensemble_rsa.errors import InputError, RunError
from ensemble_rsa.figures.save import save_figure
from ensemble_rsa.figures.wording import as_ranges
from ensemble_rsa.reproduce.catalogue import EXPERIMENTS, experiments_of
from ensemble_rsa.reproduce.estimate import estimate_in_words
from ensemble_rsa.reproduce.experiment import Experiment
from ensemble_rsa.reproduce.generated import write_images
from ensemble_rsa.reproduce.ledger import (
    COMPARISON,
    Row,
    compare,
    read_comparison,
    write_comparison,
)
from ensemble_rsa.reproduce.page import Plate, write_reproduction
from ensemble_rsa.reproduce.scales import Images, Scale, make_scale
from ensemble_rsa.reproduce.variants import BASE, read_variants, try_variants, variant_ensembles
from ensemble_rsa.reproduce.workspace import Workspace, is_trained, own_maps, result
from ensemble_rsa.training.progress import Report

SCALE, PLATES = "scale.json", "captions.json"


def reproduce(
    figures: Sequence[str],
    scale: str = "smoke",
    out: str | Path | None = None,
    images: Images | None = None,
    say: Callable[[str], None] = lambda line: None,
    show: Callable[[int], AbstractContextManager[Report | None]] = lambda epochs: nullcontext(),
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
            needed and not given.
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
            if missing := _missing(experiment, chosen):
                raise InputError(_left_out(experiment, missing))
    _claim(root, chosen)
    if generated:
        chosen = make_scale(scale, Images(folder=write_images(root / "images")))
    work = Workspace(root, chosen, say, show)
    if scale == "paper":
        untrained = _untrained(work, experiments, variants)
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
    if path.is_file() and store.read_json(path)["scale"] != scale.name:
        raise InputError(
            f"out: {root} holds the scale {store.read_json(path)['scale']}, not {scale.name}; "
            "give another --out"
        )
    if root.exists() and not root.is_dir():
        raise InputError(f"out: {root} is not a folder; give another --out")
    store.write_json(path, {"scale": scale.name})


def _missing(experiment: Experiment, scale: Scale) -> str | None:
    """An ensemble that the experiment needs and the scale has no images for."""
    return next((name for name in experiment.ensembles if name not in scale.ensembles), None)


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


def _run_each(
    work: Workspace, experiments: Sequence[Experiment], figures: Sequence[str]
) -> list[str]:
    """Run experiments one after the other; of all figures, those that cannot be had and why."""
    failed = []
    for experiment in experiments:
        if missing := _missing(experiment, work.scale):
            work.say(_left_out(experiment, missing))
            continue
        try:
            _run(work, experiment, figures)
        except RunError as reason:
            if "all" not in figures:
                raise
            failed.append(f"{', '.join(experiment.pictures)}: {reason}")
            work.say(failed[-1])
    return failed


def _run(work: Workspace, experiment: Experiment, figures: Sequence[str]) -> None:
    """Measure, draw, and enter into the ledger."""
    work.say(f"{', '.join(experiment.pictures)}: {experiment.name}")
    measured = result(
        work, experiment.name, _made_from(work, experiment), lambda: experiment.measure(work)
    )
    plates = _read_plates(work.root)
    for name, picture in experiment.pictures.items():
        if name in figures or "all" in figures:
            save_figure(picture.draw(measured), work.root / store.FIGURES / f"{name}.png")
            caption = f"{picture.caption(measured)} {_made_with(work, experiment, measured)}"
            plates[name] = {"title": picture.title, "caption": caption}
    store.write_json(work.root / PLATES, plates)
    simulated = not experiment.ensembles
    ours = [compare(finding, work.scale, simulated) for finding in experiment.findings(measured)]
    _enter(work, experiment, ours)


def _made_from(work: Workspace, experiment: Experiment) -> dict:
    """Everything that a result hangs on."""
    scale = work.scale
    configs = {name: scale.ensembles[name] for name in experiment.ensembles}
    analysis = scale.large_images if "alexnet" in experiment.ensembles else scale.analysis
    return {
        "version": importlib.metadata.version("ensemble_rsa"),
        "networks": {name: config_hash(config) for name, config in configs.items()},
        "analysis": config_to_dict(analysis),
        **own_maps(*(config.data.category_map for config in configs.values())),
        **own_maps(analysis.stimulus_map, key="stimulus_map"),
        "rates": list(scale.rates),
        "samples": scale.samples,
        "draws": scale.draws,
    }


def _made_with(work: Workspace, experiment: Experiment, measured: xr.Dataset) -> str:
    """Scale, seeds and sample sizes, for the end of a caption."""
    if not experiment.ensembles:
        return "Simulated points, no networks; the same at every scale."
    first = work.scale.ensembles[experiment.ensembles[0]]
    training = first.training
    compared = as_ranges(np.atleast_1d(measured.attrs["seeds"]))
    words = [
        f"Scale {work.scale.name}: {training.instances} instances (seeds compared: {compared}) "
        f"of width {first.model.width:g}, {training.epochs} epochs"
    ]
    if first.data.train_images:
        words.append(f"{first.data.train_images:,} training images")
    words.append(f"{first.data.preprocessing} preprocessing")
    if "n_stimuli" in measured.attrs:
        words.append(f"{measured.attrs['n_stimuli']:,} stimuli")
    return ", ".join(words) + "."


def _enter(work: Workspace, experiment: Experiment, rows: list[Row]) -> None:
    """Put an experiment's rows into the ledger, in the order of the paper."""
    path = work.root / COMPARISON
    before = read_comparison(path) if path.is_file() else []
    kept = [row for row in before if row.figure not in experiment.pictures]
    order = {name: n for n, one in enumerate(EXPERIMENTS) for name in one.pictures}
    ledger = sorted([*kept, *rows], key=lambda row: order[row.figure])
    write_comparison(path, work.scale, ledger)


def _read_plates(root: Path) -> dict[str, dict[str, str]]:
    path = root / PLATES
    return store.read_json(path) if path.is_file() else {}


def _write_report(work: Workspace) -> Path:
    written = _read_plates(work.root)
    plates = [
        Plate(name, work.root / store.FIGURES / f"{name}.png", **written[name])
        for experiment in EXPERIMENTS
        for name in experiment.pictures
        if name in written
    ]
    rows = read_comparison(work.root / COMPARISON) if (work.root / COMPARISON).is_file() else []
    return write_reproduction(
        work.root / store.REPORT,
        work.scale,
        rows,
        read_variants(work.root),
        plates,
        store.make_manifest(None, {}) | {"ensembles": _ensembles(work.scale)},
        datetime.datetime.now(datetime.UTC).date().isoformat(),
    )


def _ensembles(scale: Scale) -> dict:
    return {
        name: {"hash": config_hash(config), **config_to_dict(config)}
        for name, config in scale.ensembles.items()
    }
