"""The main job as three calls: train an ensemble, extract its RDMs, analyse them.

`extract` and `analyze` also take activations that never saw our networks: a mapping of layer names
to arrays.
"""

import dataclasses
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from ensemble_rsa import store
from ensemble_rsa.backend import Execution
from ensemble_rsa.config import AnalysisConfig, Config, DataConfig
from ensemble_rsa.config_values import config_differences
from ensemble_rsa.data.dataset import Dataset, load_dataset
from ensemble_rsa.data.preprocessing import PREPROCESSING
from ensemble_rsa.errors import InputError, unknown_name
from ensemble_rsa.extraction import (
    Progress,
    Source,
    collect_rdms,
    layer_stack,
    source_from_arrays,
    source_from_run,
    stimuli_of,
)
from ensemble_rsa.models.catalogue import model_entry
from ensemble_rsa.rdm.distances import DISTANCES
from ensemble_rsa.results import results_dataset
from ensemble_rsa.runs import CHECKPOINTS, Run, fingerprint, load_run, save_run
from ensemble_rsa.training import hosts
from ensemble_rsa.training.choice import choose_execution
from ensemble_rsa.training.ensemble import check_batch_size, train_ensemble
from ensemble_rsa.training.interrupts import TrainingInterrupted
from ensemble_rsa.training.progress import Report

MEASUREMENTS = "execution.json"


def train(
    config: Config,
    out: str | Path | None = None,
    report: Report | None = None,
    resume: bool = False,
) -> Run:
    """Train all instances of an ensemble together and store them in a run folder.

    The state is stored every `checkpoint_minutes`, on Ctrl-C and on SIGTERM. A training that goes
    on from it gives the networks of one that was never interrupted, bit for bit on the same device.

    Args:
        config: data, network and recipe.
        out: the run folder, which must not hold anything yet; None for a new one under `runs/`.
        report: called about once a second with a `Status`.
        resume: go on with the run in `out`, which must have the same configuration; one that is
            finished is returned as it is.

    Returns:
        The run, as `load_run` would open it.

    Raises:
        InputError: an unknown name or an impossible number in the configuration, or `out` in use;
            to resume, no run in `out`, or one of another configuration or other images.
        RunError: the data cannot be had, the disk has no room, no stored state can be read, or
            another process trains in `out`.
        KeyboardInterrupt: it was asked to stop; what is needed to go on is stored.
    """
    if not isinstance(config, Config):
        raise InputError(f"config: expected a Config, got {type(config).__name__}")
    model_entry(config.model.model)
    if config.data.preprocessing not in PREPROCESSING:
        raise unknown_name("preprocessing", config.data.preprocessing, PREPROCESSING)
    config = _with_absolute_paths(config)
    if out is None and config.execution.processes > 1:
        raise InputError("out: several processes need one folder that all of them see; give --out")
    first = config.execution.process_id == 0
    if not first:
        hosts.wait_for(Path(str(out)) / store.MANIFEST)
    folder = _folder_to_resume(config, out) if resume or not first else None
    if folder and (folder / store.TRAINING).is_file():
        return load_run(folder)
    dataset = _load(config.data, config.execution.feed)
    check_batch_size(config, dataset)  # before there is a folder that would be in the way
    if folder:
        manifest = store.read_json(folder / store.MANIFEST)
        _check_images(dataset, manifest, folder)
    else:
        folder, manifest = _new_run(config, out, dataset)
    execution = Execution(**manifest["execution"])
    before, began = manifest["seconds"]["train"], time.perf_counter()
    try:
        with store.alone_in(folder, config.execution.process_id):
            trained = train_ensemble(config, dataset, execution, report, folder / CHECKPOINTS)
        if not first:
            hosts.wait_for(folder / store.TRAINING)
            return load_run(folder)
        manifest["seconds"]["train"] = round(before + time.perf_counter() - began, 2)
        return save_run(folder, config, trained, dataset, manifest)
    except TrainingInterrupted as stop:
        raise TrainingInterrupted(
            f"{stop}; go on with `ensemble-rsa train --resume --out {folder}`"
        ) from None
    finally:
        if first and not (folder / store.TRAINING).is_file():
            manifest["seconds"]["train"] = round(before + time.perf_counter() - began, 2)
            store.write_json(folder / store.MANIFEST, manifest)
            store.discard_run_folder(folder)  # which does nothing once states are in it


def _new_run(
    config: Config, out: str | Path | None, dataset: Dataset
) -> tuple[Path, dict[str, Any]]:
    """A run folder, with what training will be computed by and on."""
    folder = store.create_run_folder(config, out)
    try:
        execution = choose_execution(config, dataset, store.cache_folder() / MEASUREMENTS)
        manifest = store.make_manifest(config, {"train": 0.0})
        manifest["fingerprint"] = fingerprint(dataset)
        manifest["execution"] = dataclasses.asdict(execution)
        store.write_json(folder / store.MANIFEST, manifest)
    finally:
        if not (folder / store.MANIFEST).is_file():
            store.discard_run_folder(folder)
    return folder, manifest


def _folder_to_resume(config: Config, out: str | Path | None) -> Path | None:
    """The folder of a run to go on with; None, and no folder, if it was killed before a step."""
    if out is None:
        raise InputError("resume: which run? give its folder as `out`")
    folder = Path(out)
    stored = store.read_config(folder)
    if differences := config_differences(config, stored):
        raise InputError(
            f"resume: {folder} was begun with another configuration: {'; '.join(differences)}; "
            "leave these settings out, or train anew in another folder"
        )
    if not (folder / store.MANIFEST).is_file():
        store.discard_run_folder(folder)
        return None
    return folder


def _check_images(dataset: Dataset, manifest: dict[str, Any], folder: Path) -> None:
    if manifest.get("fingerprint") != fingerprint(dataset):
        raise InputError(
            f"resume: {dataset.name} has changed since {folder} was begun, so its networks would "
            "be trained on two data sets; restore the images or train anew in another folder"
        )


def _with_absolute_paths(config: Config) -> Config:
    """A folder of images is found again from wherever the run is analysed."""
    data = config.data
    kind, colon, path = data.dataset.partition(":")
    if colon and path:
        data = dataclasses.replace(data, dataset=f"{kind}:{Path(path).resolve()}")
    if data.category_map is not None and Path(data.category_map).is_file():  # else a name of ours
        data = dataclasses.replace(data, category_map=str(Path(data.category_map).resolve()))
    return dataclasses.replace(config, data=data)


def extract(
    source: Run | str | Path | Mapping[str, Any],
    labels: Sequence[Any] | np.ndarray | None = None,
    settings: AnalysisConfig | None = None,
    layers: Sequence[str] | None = None,
    report: Progress | None = None,
) -> xr.Dataset:
    """RDMs of every layer and instance, exemplar by exemplar and between category centroids.

    Each layer's RDM is made as soon as its activations exist; activations are not kept.

    Args:
        source: a run or its folder, or activations from anywhere: layer name →
            `(instance, stimulus, unit)`.
        labels: the category of each stimulus, where the source is a mapping.
        settings: distance and, for a run, the stimuli.
        layers: which layers; all when not given.
        report: called with the number of RDMs done and of all.

    Returns:
        A data set with `exemplar (layer, instance, stimulus_pair)`, `centroid (layer, instance,
        category_pair)` where there are at least two categories, `constant_patterns (layer,
        instance)`, and the stimuli's names and categories. An instance that cannot be compared is
        left out and named in the attribute `excluded`.

    Raises:
        InputError: unknown layer or distance, labels of another length, NaN in given activations.
        RunError: fewer than two instances can be compared.

    >>> rng = np.random.default_rng(0)
    >>> rdms = extract({"V1": rng.normal(size=(3, 6, 50))}, labels=list("aabbcc"))
    >>> rdms.exemplar.sizes["stimulus_pair"], rdms.centroid.sizes["category_pair"]
    (15, 3)
    """
    settings = settings or AnalysisConfig()
    if settings.distance not in DISTANCES:
        raise unknown_name("distance", settings.distance, DISTANCES)
    if isinstance(source, str | Path):
        source = load_run(source)
    if isinstance(source, Run):
        given = _source_of(source, settings)
    else:
        given = source_from_arrays(source, labels)
    if layers is not None and not len(layers):
        raise InputError("layers: expected names of layers, got none; leave it out for all")
    if unknown := [name for name in layers or () if name not in given.layers]:
        raise unknown_name("layers", unknown[0], given.layers)
    wanted = [name for name in given.layers if layers is None or name in layers]
    return collect_rdms(given, wanted, settings.distance, report, settings.cocktail_blank)


def activations(
    run: Run | str | Path, layer: str, settings: AnalysisConfig | None = None
) -> xr.DataArray:
    """What one layer of every instance makes of the stimuli.

    Args:
        run: a run or its folder.
        layer: its name.
        settings: stimuli, epoch and dropout.

    Returns:
        `(instance, stimulus, unit)` after the ReLU, flattened, float32, with the coordinates
        `seed` and `category`.

    Raises:
        InputError: no run folder, an unknown layer, or impossible settings.
    """
    if not isinstance(run, Run):
        run = load_run(run)
    source = _source_of(run, settings or AnalysisConfig())
    if layer not in source.layers:
        raise unknown_name("layer", layer, source.layers)
    return layer_stack(source, layer)


def dataset_of(run: Run) -> Dataset:
    """The images that a run was trained and tested on."""
    return _load(run.config.data, run.config.execution.feed)


def check_stimuli(config: Config, settings: AnalysisConfig) -> None:
    """Raise, before anything is trained, if its networks could not be shown these stimuli.

    Args:
        config: data, network and recipe.
        settings: the stimuli.

    Raises:
        InputError: too few test images, or folders that a mapping names and that are not there.
        RunError: the data cannot be had.
    """
    stimuli_of(_shown(config, settings, _load(config.data, config.execution.feed)), settings)


def analyze(rdms: xr.Dataset, settings: AnalysisConfig | None = None) -> xr.Dataset:
    """Consistency, clustering, second-level distances and pictures' coordinates of a stack of RDMs.

    Args:
        rdms: what `extract` returned.
        settings: resamples, confidence and seed.

    Returns:
        A data set with named axes; every variable and attribute is described in
        `ensemble_rsa.results`.

    Raises:
        InputError: no RDM stack.

    >>> rng = np.random.default_rng(0)
    >>> rdms = extract({"V1": rng.normal(size=(3, 6, 50))}, labels=list("aabbcc"))
    >>> results = analyze(rdms, AnalysisConfig(n_resamples=100))
    >>> dict(results.consistency.sizes)
    {'kind': 3, 'layer': 1, 'instance_pair': 3}
    """
    if "exemplar" not in getattr(rdms, "variables", ()):
        raise InputError("rdms: expected what `extract` returns, with RDMs named 'exemplar'")
    return results_dataset(rdms, settings or AnalysisConfig())


def _source_of(run: Run, settings: AnalysisConfig) -> Source:
    dataset = dataset_of(run)
    return source_from_run(run, dataset, _shown(run.config, settings, dataset), settings)


def _shown(config: Config, settings: AnalysisConfig, dataset: Dataset) -> Dataset:
    """What stimuli are chosen from: the test images of training, or of all categories."""
    if config.data.categories is None and settings.stimulus_map is None:
        return dataset
    # one training image, since none is shown
    everything = dataclasses.replace(config.data, categories=None, train_images=1)
    return _load(everything, config.execution.feed, settings.stimulus_map)


def _load(data: DataConfig, feed: str, stimulus_map: str | None = None) -> Dataset:
    return load_dataset(
        data.dataset,
        data_dir=data.data_dir,
        train_images=data.train_images,
        test_images=data.test_images,
        part=data.part,
        categories=data.categories,
        category_map=data.category_map,
        stimulus_map=stimulus_map,
        image_size=data.image_size,
        resize=data.resize,
        test_fraction=data.test_fraction,
        feed=feed,
    )
