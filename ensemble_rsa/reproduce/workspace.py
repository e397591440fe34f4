"""What experiments share in one folder: networks, RDMs and results, each under what made it.

    networks/HASH/       a run folder for each ensemble
    rdms/HASH.nc         a stack of RDMs
    results/NAME-HASH.nc what an experiment measured

Whatever is there is not made again, so that two figures of the same ensemble train it once, an
interrupted reproduction goes on where it was, and a figure is drawn again without training.
"""

import hashlib
import importlib.metadata
import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import xarray as xr

from ensemble_rsa.config.serialize import config_hash, config_to_dict
from ensemble_rsa.config.settings import AnalysisConfig
from ensemble_rsa.data.category_map import SHIPPED, read_category_map
from ensemble_rsa.files import write_dataset
from ensemble_rsa.pipeline.extract import activations, check_stimuli, extract
from ensemble_rsa.pipeline.train import train
from ensemble_rsa.reproduce.scales import Scale
from ensemble_rsa.runs.run import Run, load_run, run_folder
from ensemble_rsa.training.interrupts import TrainingInterrupted
from ensemble_rsa.training.progress import TrainingCallback


@dataclass(frozen=True)
class Workspace:
    """A folder and the scale whose experiments it holds.

    Attributes:
        root: the folder.
        scale: ensembles and stimuli.
        say: told in a line what is done next.
        show: number of epochs → what is told about training while it goes on, or None.
    """

    root: Path
    scale: Scale
    say: Callable[[str], None] = lambda line: None
    show: Callable[[int], AbstractContextManager[TrainingCallback | None]] = lambda epochs: (
        nullcontext()
    )


def networks(work: Workspace, name: str) -> Run:
    """The trained ensemble of that name; trained now, or further, if it is not there.

    Args:
        work: the workspace.
        name: one of the scale's ensembles.

    Raises:
        InputError: too few images to choose the stimuli from.
        TrainingInterrupted: on Ctrl-C or SIGTERM, once the state is stored.
    """
    config, folder = work.scale.ensembles[name], network_folder(work, name)
    if is_trained(work, name):
        run = load_run(folder)
        data = replace(run.config.data, data_dir=config.data.data_dir)  # it may have moved
        return replace(run, config=replace(run.config, data=data))
    begun = (folder / run_folder.CONFIG).is_file()
    training = config.training
    what = f"{training.instances} × {config.model.model}, {training.epochs} epochs"
    work.say(f"{'going on with' if begun else 'training'} {name}: {what}")
    if not begun:
        scale = work.scale
        shown = scale.large_images if name == "alexnet" else scale.analysis
        check_stimuli(config, shown.stimulus)
    try:
        with work.show(training.epochs) as report:
            return train(config, folder, report, resume=begun)
    except TrainingInterrupted as stop:
        where = str(stop).partition(";")[0]
        raise TrainingInterrupted(f"{name}: {where}; the same command goes on from there") from None


def network_folder(work: Workspace, name: str) -> Path:
    """The run folder of an ensemble."""
    return work.root / "networks" / config_hash(work.scale.ensembles[name])


def is_trained(work: Workspace, name: str) -> bool:
    """Whether an ensemble is there, whole."""
    return (network_folder(work, name) / run_folder.TRAINING).is_file()


def rdms(
    work: Workspace,
    name: str,
    settings: AnalysisConfig | None = None,
    layers: Sequence[str] | None = None,
    **changes: Any,
) -> xr.Dataset:
    """RDMs of an ensemble, as `ensemble_rsa.extract` makes them; from the folder if they are there.

    Args:
        work: the workspace.
        name: one of the scale's ensembles.
        settings: stimuli and distance; the scale's when not given.
        layers: which layers; all when not given.
        changes: settings that differ from those, such as `distance="cosine"`.
    """
    chosen = (settings or work.scale.analysis).replace(**changes)
    run = networks(work, name)
    made_from = {
        "version": importlib.metadata.version("ensemble_rsa"),
        "networks": config_hash(run.config),
        "images": run.fingerprint,
        "analysis": config_to_dict(chosen.stimulus) | config_to_dict(chosen.rdm),
        "layers": None if layers is None else list(layers),
        **own_maps(run.config.data.category_map),
        **own_maps(chosen.stimulus.stimulus_map, key="stimulus_map"),
    }
    path = work.root / "rdms" / f"{hash_of(made_from)}.nc"
    if not path.is_file():
        differs = ", ".join(f"{k} {v}" for k, v in changes.items())
        work.say(f"RDMs of {name}{f' ({differs})' if differs else ''}")
        write_dataset(path, extract(run, settings=chosen, layers=layers))
    return _read(path)


def layer_patterns(
    work: Workspace, name: str, layer: str, settings: AnalysisConfig | None = None
) -> xr.DataArray:
    """Activations of one layer, `(instance, stimulus, unit)`, with each stimulus's category.

    Args:
        work: the workspace.
        name: one of the scale's ensembles.
        layer: its name.
        settings: stimuli; the scale's when not given.
    """
    return activations(networks(work, name), layer, settings or work.scale.analysis)


def result(work: Workspace, name: str, made_from: Any, measure: Callable[[], xr.Dataset]) -> Any:
    """What an experiment measured; measured now if it is not there.

    Args:
        work: the workspace.
        name: of the experiment.
        made_from: plain values that the result hangs on.
        measure: makes it.
    """
    path = result_path(work, name, made_from)
    if not path.is_file():
        write_dataset(path, measure())
    return _read(path)


def result_path(work: Workspace, name: str, made_from: Any) -> Path:
    """Where a result lies."""
    return work.root / "results" / f"{name}-{hash_of(made_from)}.nc"


def own_maps(*names: str | None, key: str = "category_map") -> dict[str, Any]:
    """What mappings of categories hold that are files, which may be edited; nothing for ours.

    >>> own_maps("cifar10", None)
    {}
    """
    files = [name for name in names if name is not None and name not in SHIPPED]
    return {key: [read_category_map(name) for name in files]} if files else {}


def hash_of(values: Any) -> str:
    """Twelve hexadecimal digits that name plain values."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]


def _read(path: Path) -> xr.Dataset:
    with xr.open_dataset(path, engine="h5netcdf") as stored:
        return stored.load()
