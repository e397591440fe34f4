"""The folder of a reproduction, with the networks and RDMs that its experiments share.

    networks/HASH/       a run folder for each ensemble
    rdms/HASH.nc         RDMs of one ensemble
    results/NAME-HASH.nc what an experiment measured

What exists is not made again: figures of the same ensemble share its networks, an interrupted
reproduction continues, and a figure can be redrawn without training while its networks are kept.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import xarray as xr

from ensemble_rsa.cluster.workers import Workers
from ensemble_rsa.config.analysis import AnalysisConfig
from ensemble_rsa.config.extension import is_extended
from ensemble_rsa.config.serialize import config_hash
from ensemble_rsa.config.settings import Config
from ensemble_rsa.errors import InputError
from ensemble_rsa.pipeline.extend import extend_run
from ensemble_rsa.pipeline.extract import activations, extract
from ensemble_rsa.pipeline.train import train
from ensemble_rsa.reproduce.cache import cached_path, load_or_make, map_contents
from ensemble_rsa.reproduce.scales import Scale, all_kept
from ensemble_rsa.runs.run import Run, load_run, run_folder
from ensemble_rsa.training.interrupts import TrainingInterrupted, time_is_up
from ensemble_rsa.training.progress import TrainingCallback


@dataclass(frozen=True)
class Workspace:
    """A folder and the scale whose experiments it holds.

    Attributes:
        root: the folder.
        scale: ensembles and stimuli.
        log: called with one line of text before each step.
        progress: number of epochs → a context with the progress callback of a training, or None.
        workers: of a cluster, that train and compute RDMs; None for this process.
    """

    root: Path
    scale: Scale
    log: Callable[[str], None] = lambda line: None
    progress: Callable[[int], AbstractContextManager[TrainingCallback | None]] = lambda epochs: (
        nullcontext()
    )
    workers: Workers | None = None


def networks(work: Workspace, name: str) -> Run:
    """The trained ensemble of that name; trained now, or its training continued, if need be."""
    config = work.scale.ensembles[name]
    folder = network_folder(work, config)
    if run := trained_run(work, config):
        return _with_present_images(run, config)
    check_time()
    begun = (folder / run_folder.CONFIG).is_file() and run_folder.has_begun(folder)
    training = config.training
    what = f"{training.instances} × {config.model.model}, {training.epochs} epochs"
    fewer = None if begun else run_of_fewer(work, config)
    there = "" if fewer is None else f", of which {len(fewer.seeds)} are there"
    work.log(f"{'resuming' if begun else 'training'} {name}: {what}{there}")
    try:
        with work.progress(training.epochs) as progress:
            if fewer is not None:
                fewer = _with_present_images(fewer, config)
                return extend_run(fewer, training.instances, folder, progress, work.workers)
            return train(config, folder, progress, begun, work.workers)
    except TrainingInterrupted as stop:
        where = str(stop).partition(";")[0]
        raise TrainingInterrupted(f"{name}: {where}; the same command resumes it") from None


def _with_present_images(run: Run, config: Config) -> Run:
    """The run with images where the configuration has them now, since they may have moved."""
    data = replace(run.config.data, data_dir=config.data.data_dir)
    return replace(run, config=replace(run.config, data=data))


def run_of_fewer(work: Workspace, config: Config) -> Run | None:
    """The largest finished run of some of the instances of an ensemble, if there is one."""
    found = []
    for record in (work.root / "networks").glob(f"*/{run_folder.TRAINING}"):
        try:
            run = load_run(record.parent)
        except InputError:  # a damaged one is refused where it is needed
            continue
        has_fewer = len(run.seeds) < config.training.instances
        if has_fewer and not run.replaced and is_extended(config, run.config):
            found.append(run)
    return max(found, key=lambda run: len(run.seeds), default=None)


def check_time() -> None:
    """Raise `TrainingInterrupted` if the time of this piece is up (see `time_limit`)."""
    if time_is_up():
        raise TrainingInterrupted("the time is up; the same command continues")


def network_folder(work: Workspace, config: Config) -> Path:
    """The run folder of an ensemble."""
    return work.root / "networks" / config_hash(config)


def trained_run(work: Workspace, config: Config) -> Run | None:
    """The run of an ensemble whose training is complete, else None.

    Of two ensembles that differ only in what is done with instances that do not converge, one
    serves for both if all converged.
    """
    alike = [one for one in work.scale.ensembles.values() if all_kept(one) == all_kept(config)]
    for one in (config, *alike):
        folder = network_folder(work, one)
        if (folder / run_folder.TRAINING).is_file():
            run = load_run(folder)
            if one == config or not (run.replaced or run.flagged):
                return run
    return None


def rdms(
    work: Workspace,
    name: str,
    layers: Sequence[str] | None = None,
    settings: AnalysisConfig | None = None,
    **changes: Any,
) -> xr.Dataset:
    """RDMs of an ensemble as `ensemble_rsa.extract` makes them, loaded if they are stored.

    `settings` are the scale's unless given; `changes`, such as `distance="cosine"`, apply to them.
    """
    run = networks(work, name)
    settings = (settings or work.scale.analysis_of(run.config)).replace(**changes)
    made_from = {
        "networks": config_hash(run.config),
        "images": run.fingerprint,
        "stimulus": settings.stimulus,
        "rdm": settings.rdm,
        "layers": layers,
        "maps": map_contents(run.config.data.category_map, settings.stimulus.stimulus_map),
    }

    def make() -> xr.Dataset:
        check_time()
        differs = ", ".join(f"{k} {v}" for k, v in changes.items())
        work.log(f"RDMs of {name}{f' ({differs})' if differs else ''}")
        return extract(run, settings=settings, layers=layers, cluster=work.workers)

    return load_or_make(cached_path(work.root / "rdms", made_from), make)


def layer_patterns(work: Workspace, name: str, layer: str) -> xr.DataArray:
    """Activations of one layer, `(instance, stimulus, unit)`, with each stimulus's category."""
    run = networks(work, name)
    return activations(run, layer, work.scale.analysis_of(run.config))
