"""Training of an ensemble into a run folder, from the start or resumed."""

import contextlib
import dataclasses
import logging
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import jax

from ensemble_rsa import files
from ensemble_rsa.cluster.opening import opened
from ensemble_rsa.cluster.workers import ClusterLost, Workers
from ensemble_rsa.config.effects import check_effects
from ensemble_rsa.config.serialize import config_differences, config_to_dict
from ensemble_rsa.config.settings import ARRAYS, FOLDER, Config
from ensemble_rsa.data.dataset import Dataset, load_dataset
from ensemble_rsa.errors import InputError, RunError
from ensemble_rsa.jax_settings import n_cores
from ensemble_rsa.models.by_name import lasting_name
from ensemble_rsa.models.catalogue import Blueprint, module_file, module_maker
from ensemble_rsa.models.ensemble import ensemble_shapes, map_shapes
from ensemble_rsa.models.execution import Execution
from ensemble_rsa.pipeline.training_on_workers import MEASUREMENTS, OnWorkers
from ensemble_rsa.runs.old_devices import warn_of_old_devices
from ensemble_rsa.runs.run import (
    CHECKPOINTS,
    Run,
    fingerprint,
    load_run,
    run_folder,
    save_run,
    warn_of_changed_module,
)
from ensemble_rsa.runs.source_files import describe_file
from ensemble_rsa.runs.taken import taken_instances
from ensemble_rsa.training.choice import choose_execution
from ensemble_rsa.training.convergence import UnconvergedInstance
from ensemble_rsa.training.ensemble import check_recipe, train_ensemble
from ensemble_rsa.training.grouping import GroupsAtStart, groups_at_start, parts
from ensemble_rsa.training.interrupts import TrainingInterrupted
from ensemble_rsa.training.progress import TrainingCallback

log = logging.getLogger(__name__)


def train(
    config: Config,
    out: str | Path | None = None,
    progress: TrainingCallback | None = None,
    resume: bool = False,
    cluster: str | Workers | None = None,
) -> Run:
    """Train all instances of an ensemble together and store them in a run folder.

    A checkpoint is stored every `checkpoint_minutes`, on Ctrl-C and on SIGTERM. Resumed training
    gives the same networks as uninterrupted training, bit for bit on the same device.

    Args:
        config: data, network and recipe.
        out: the run folder, which must be new or empty; None for a new one under `runs/`.
        progress: called about once a second with a `TrainingStatus`.
        resume: go on with the run in `out`, which must have the same configuration; a finished
            run is returned as it is. Another `data_dir` is stored; how images are fed and how many
            devices are used may differ too.
        cluster: trains groups of instances on the workers of a cluster of Dask, as the flag
            `--cluster` says: "local", "local:N", "slurm", or the address of a scheduler. All
            workers need the run folder under the same path.

    Returns:
        The run, as `load_run` would open it.

    Raises:
        InputError: an unknown name or an impossible number in the configuration, or `out` in use;
            to resume, no run in `out`, or one with another configuration, another way of
            computing or other images.
        RunError: the data are not available, the disk is full, no checkpoint can be read,
            another process trains in `out`, or the cluster has no worker that can take part.
        KeyboardInterrupt: training was interrupted; a checkpoint is stored.
    """
    if not isinstance(config, Config):
        raise InputError(f"config: expected a Config, got {type(config).__name__}")
    if not resume:
        check_effects(config)
    config = with_absolute_paths(config)
    out = None if out is None else files.as_path("out", out)
    folder = _folder_to_resume(config, out) if resume else None
    if folder is None:
        with opened(cluster) as workers:
            return _new_run(config, out, progress, workers)
    if (folder / run_folder.TRAINING).is_file():
        return load_run(folder)
    # Before anything is written: who finds the folder locked must leave it as it is.
    with run_folder.lock_run_folder(folder):
        if (folder / run_folder.TRAINING).is_file():  # meanwhile
            return load_run(folder)
        with opened(cluster) as workers:
            return _resumed(config, folder, progress, workers)


def _resumed(
    config: Config, folder: Path, progress: TrainingCallback | None, workers: Workers | None
) -> Run:
    """Go on with a run that was begun, in its locked folder."""
    manifest = run_folder.read_manifest(folder)
    stored = run_folder.read_config(folder)
    _check_way(config, stored, folder, manifest)
    dataset = checked_dataset(config)
    if manifest.get("fingerprint") != fingerprint(dataset):
        raise InputError(
            f"resume: {dataset.name} has changed since {folder} was begun, so its networks "
            "would be trained on two data sets; restore the images or train anew in another "
            "folder"
        )
    warn_of_changed_module(folder, config)
    warn_of_old_devices(folder, manifest)
    _tell_of_other_device(config, manifest, workers)
    if config.data not in (stored.data, dataclasses.replace(stored.data, data_dir=None)):
        moved = dataclasses.replace(stored, data=config.data)  # where the images are now
        files.write_json(folder / run_folder.CONFIG, config_to_dict(moved))
    return train_in(folder, config, dataset, manifest, progress, workers)


def _check_way(config: Config, stored: Config, folder: Path, manifest: dict[str, Any]) -> None:
    """Raise for a way of computing that was asked for and is not that of the training so far.

    That is kept, else the networks would not be those of an uninterrupted training, bit for bit.
    """
    way, start = manifest["execution"], groups_at_start(folder / CHECKPOINTS)
    at_once = "all" if way["at_once"] is None else way["at_once"]
    begun = {"convolution": way["convolution"], "at_once": at_once}
    if start and not _has_groups(config, start):
        begun["group"] = start.size
    for name, value in begun.items():
        asked = getattr(config.execution, name)
        if asked not in (None, "auto", value, getattr(stored.execution, name)):
            raise InputError(
                f"{name}: expected {value}, with which training in {folder} was begun, got "
                f"{asked}; leave it out, or train anew in another folder"
            )


def _has_groups(config: Config, start: GroupsAtStart) -> bool:
    """Whether `group` of a configuration makes the groups of the start."""
    training, size = config.training, config.execution.group or start.size
    every = range(training.instances)
    now, then = (list(parts(training, every, n, start.taken)) for n in (size, start.size))
    return now == then


def _new_run(
    config: Config, out: Path | None, progress: TrainingCallback | None, workers: Workers | None
) -> Run:
    """Train in a new folder, which is locked before anything is measured."""
    dataset = checked_dataset(config)
    _log_layers(config, dataset)
    folder = run_folder.create_run_folder(config, out)
    with run_folder.lock_run_folder(folder):
        manifest = first_manifest(config, folder, dataset, workers)
        return train_in(folder, config, dataset, manifest, progress, workers)


def checked_dataset(config: Config) -> Dataset:
    """The images of a configuration, whose recipe fits them."""
    dataset = load_dataset(config.data, config.execution.feed)
    check_recipe(config, dataset)  # before a folder is made
    return dataset


def train_in(
    folder: Path,
    config: Config,
    dataset: Dataset,
    manifest: dict[str, Any],
    progress: TrainingCallback | None,
    workers: Workers | None,
) -> Run:
    """Train in a locked folder, whose manifest is written, and record there for how long."""
    execution = Execution.from_record(manifest["execution"])
    before, began = manifest["seconds"]["train"], time.perf_counter()
    again = f"go on with `ensemble-rsa train --resume --out {folder}{_flag(workers)}`"
    try:
        elsewhere = workers and OnWorkers(workers, config, dataset, folder, execution)
        origin = manifest.get(run_folder.EXTENDS)
        taken = origin and partial(taken_instances, origin["run"])
        trained = train_ensemble(
            config, dataset, execution, progress, folder / CHECKPOINTS, elsewhere, taken
        )
        if origin:
            gone = [UnconvergedInstance(**one) for one in origin["replaced"]]
            trained = dataclasses.replace(trained, replaced=(*gone, *trained.replaced))
        manifest["seconds"]["train"] = round(before + time.perf_counter() - began, 2)
        return save_run(folder, config, trained, dataset, manifest)
    except TrainingInterrupted as stop:
        raise TrainingInterrupted(f"{stop}; {again}") from None
    except ClusterLost as lost:
        raise RunError(f"{lost}; what is trained is stored: {again}") from None
    finally:
        if not (folder / run_folder.TRAINING).is_file():
            manifest["seconds"]["train"] = round(before + time.perf_counter() - began, 2)
            with contextlib.suppress(files.WriteError):  # what ended training says more
                files.write_json(folder / run_folder.MANIFEST, manifest)
            run_folder.discard_run_folder(folder)  # only if it holds no checkpoint


def _flag(workers: Workers | None) -> str:
    return "" if workers is None else f" --cluster {workers.where}"


def _tell_of_other_device(
    config: Config, manifest: dict[str, Any], workers: Workers | None
) -> None:
    """Warn if training goes on with another kind of workers, or number of devices, than before."""
    if workers is not None:
        begun = manifest.get("workers", {}).get("device")
        if begun not in (None, workers.device):
            log.warning(
                "the training was begun on %s, and goes on with %s: what is still to be trained is "
                "the same to rounding only",
                begun,
                workers.device,
            )
        return
    begun = Execution.from_record(manifest["execution"]).devices
    if begun is None:
        return
    now = min(config.execution.devices or begun, jax.local_device_count())
    if begun != now:
        log.warning(
            "the training was begun on up to %d devices of JAX side by side, and goes on with %d: "
            "what is still to be trained is the same to rounding only%s",
            begun,
            now,
            "; ensemble_rsa.jax_settings.use_cores(), before JAX starts, makes each core a device"
            if jax.default_backend() == "cpu" and jax.local_device_count() < begun <= n_cores()
            else "",
        )


def first_manifest(
    config: Config,
    folder: Path,
    dataset: Dataset,
    workers: Workers | None,
    more: Mapping[str, Any] = MappingProxyType({}),
) -> dict[str, Any]:
    """Write the manifest of a new run, with its images and way of computing, and return it.

    `more` is added. Without a manifest the folder is removed.
    """
    try:
        if workers is None:
            execution = choose_execution(config, dataset, files.cache_folder() / MEASUREMENTS)
        else:
            execution = OnWorkers(workers, config, dataset, folder).choose_execution()
        manifest = run_folder.make_manifest(config, {"train": 0.0})
        if workers is not None:
            n_workers = len(workers.available())
            manifest["workers"] = {"number": n_workers, "device": workers.device}
        manifest["fingerprint"] = fingerprint(dataset)
        manifest["execution"] = execution.as_record()
        manifest["images"] = dict(dataset.conversions)
        if file := module_file(config.model.model):
            manifest["files"] = [describe_file(file)._asdict()]
        manifest |= more
        files.write_json(folder / run_folder.MANIFEST, manifest)
    finally:
        if not (folder / run_folder.MANIFEST).is_file():
            run_folder.discard_run_folder(folder)
    return manifest


def _folder_to_resume(config: Config, out: Path | None) -> Path | None:
    """Return the folder of a run to resume; None, and remove it, if training had not begun."""
    if out is None:
        raise InputError("resume: which run? give its folder as `out`")
    folder = out
    stored = run_folder.read_config(folder)
    if differences := config_differences(config, stored):
        more = len(differences) == 1 and differences[0].startswith("instances is ")
        more = more and config.training.instances > stored.training.instances
        raise InputError(
            f"resume: {folder} was begun with another configuration: {'; '.join(differences)}; "
            "leave these settings out, or train anew in another folder"
            + f" (once it is finished, `ensemble-rsa extend {folder} "
            f"{config.training.instances}` trains more instances)" * more
        )
    return folder if run_folder.has_begun(folder) else None


def with_absolute_paths(config: Config) -> Config:
    """Return the configuration with absolute paths, valid from any working directory."""
    data = config.data
    if data.folder is not None:
        data = dataclasses.replace(data, dataset=f"{FOLDER}{data.folder.resolve()}")
    if data.file is not None:
        data = dataclasses.replace(data, dataset=f"{ARRAYS}{data.file.resolve()}")
    if data.data_dir is not None:
        where = Path(data.data_dir).expanduser().resolve()
        data = dataclasses.replace(data, data_dir=str(where))
    if data.category_map is not None and Path(data.category_map).is_file():  # else a shipped map
        data = dataclasses.replace(data, category_map=str(Path(data.category_map).resolve()))
    model = config.model
    if ":" in model.model:
        lasting = lasting_name(model.model, module_file(model.model))
        model = dataclasses.replace(model, model=lasting)
    return dataclasses.replace(config, data=data, model=model)


def _log_layers(config: Config, dataset: Dataset) -> None:
    """Say which layers of a module will be recorded, and their shapes."""
    if module_maker(config.model.model) is None:
        return
    blueprint = Blueprint(config.model, dataset.train_images.shape[1:], len(dataset.categories))
    network, _ = ensemble_shapes(blueprint, 1)
    shapes = (" × ".join(map(str, each.shape[1:])) for each in map_shapes(blueprint, 1)[1:])
    layers = zip(network.layers, shapes, strict=True)
    log.info("layers: %s", ", ".join(f"{name} ({shape})" for name, shape in layers))
