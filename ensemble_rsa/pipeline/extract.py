"""RDMs and activations of a run's networks, or of activations from anywhere."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
import xarray as xr

from ensemble_rsa import files
from ensemble_rsa.arrays import LabelsLike
from ensemble_rsa.cluster.opening import gpus_shared, opened
from ensemble_rsa.cluster.workers import Workers
from ensemble_rsa.config.analysis import AnalysisConfig, StimulusConfig, checked_settings
from ensemble_rsa.config.serialize import config_to_dict
from ensemble_rsa.config.settings import Config
from ensemble_rsa.data.dataset import Dataset, load_dataset
from ensemble_rsa.data.stimuli import choose_stimuli
from ensemble_rsa.errors import InputError, shown, unknown_name
from ensemble_rsa.extraction.collect import RdmProgress, collect_rdms, layer_stack
from ensemble_rsa.extraction.sources import (
    ActivationSource,
    source_from_arrays,
    source_from_run,
)
from ensemble_rsa.extraction.stored import UnitCounter, store_rdms
from ensemble_rsa.pipeline.rdms_on_workers import RdmsOnWorkers
from ensemble_rsa.pipeline.recipes import source_of_import
from ensemble_rsa.pipeline.store_on_workers import StoreOnWorkers, pass_on_workers
from ensemble_rsa.runs.imported import ImportedRun, open_run
from ensemble_rsa.runs.run import Run
from ensemble_rsa.store.reader import RdmStore


@overload
def extract(
    source: Run | ImportedRun | str | Path | Mapping[str, Any] | ActivationSource,
    labels: LabelsLike | None = None,
    settings: AnalysisConfig | None = None,
    layers: Sequence[str] | None = None,
    progress: RdmProgress | None = None,
    flatten: bool = False,
    store: None = None,
    cluster: str | Workers | None = None,
) -> xr.Dataset: ...


@overload
def extract(
    source: Run | ImportedRun | str | Path | Mapping[str, Any] | ActivationSource,
    labels: LabelsLike | None = None,
    settings: AnalysisConfig | None = None,
    layers: Sequence[str] | None = None,
    progress: RdmProgress | None = None,
    flatten: bool = False,
    store: str | Path | None = None,
    cluster: str | Workers | None = None,
) -> xr.Dataset | RdmStore: ...


def extract(
    source: Run | ImportedRun | str | Path | Mapping[str, Any] | ActivationSource,
    labels: LabelsLike | None = None,
    settings: AnalysisConfig | None = None,
    layers: Sequence[str] | None = None,
    progress: RdmProgress | None = None,
    flatten: bool = False,
    store: str | Path | None = None,
    cluster: str | Workers | None = None,
) -> xr.Dataset | RdmStore:
    """Compute the RDMs of every layer and instance, between stimuli and between categories.

    Activations are not kept: each layer's RDMs are computed as soon as its activations exist.

    Args:
        source: a run or its folder; what `from_files` returned; or activations from anywhere as a
            mapping of layer names to `(instance, stimulus, unit)`. The dimensions of a DataArray
            are read by name; its coordinates `instance`, `seed`, `stimulus` and `category` are
            kept.
        labels: the category of each stimulus, for a mapping; instead of a coordinate `category`.
        settings: distance and, for a run, the stimuli.
        layers: which layers; all when not given.
        progress: called with the number of RDMs done and of all.
        flatten: True for maps, such as `(instance, stimulus, height, width, channel)`: all axes
            after the second are units.
        store: a folder to write the RDMs to, for those that exceed memory; one that was begun
            before is gone on with.
        cluster: computes on the workers of a cluster of Dask, as the flag `--cluster` says; for
            runs, and activations in files that all workers see.

    Returns:
        A data set with `exemplar (layer, instance, stimulus_pair)`; `centroid (layer, instance,
        category_pair)` where there are at least two categories, with the coordinates
        `category_first` and `category_second`, categories in sorted order; `constant_patterns
        (layer, instance)`, the number of stimuli whose pattern is constant; and the stimuli's ids
        and categories. An instance that cannot be compared with others is left out:
        `excluded_instance`, `excluded_seed` and `excluded_reason` say which and why. With `store`
        an `RdmStore`, whose `dataset` is all of that but `exemplar`, which is a stack on disk.

    Raises:
        InputError: unknown layer; labels of another length, or for a run, which has
            categories of its own; NaN in given activations; layers whose coordinates differ; a
            store of other RDMs.
        RunError: no instance has RDMs that can be compared; no room for a store.

    >>> rng = np.random.default_rng(0)
    >>> rdms = extract({"V1": rng.normal(size=(3, 6, 50))}, labels=list("aabbcc"))
    >>> rdms.exemplar.sizes["stimulus_pair"], rdms.category_first.values.tolist()
    (15, ['a', 'a', 'b'])
    """
    settings = checked_settings(settings)
    with gpus_shared(cluster):
        given = _as_source(source, labels, settings, flatten)
    if isinstance(layers, str):
        raise InputError(f"layers: expected a list of names, got {layers!r}; give [{layers!r}]")
    if layers is not None:
        if not isinstance(layers, Sequence | np.ndarray) or isinstance(layers, bytes):
            raise InputError(f"layers: expected a list of names, got {shown(layers)}")
        if not len(layers):
            raise InputError("layers: expected names of layers, got none; leave it out for all")
        layers = np.ravel(layers).tolist() if isinstance(layers, np.ndarray) else layers
    if unknown := [name for name in layers or () if name not in given.layers]:
        raise unknown_name("layers", unknown[0], given.layers)
    wanted = [name for name in given.layers if layers is None or name in layers]
    at = None if store is None else files.as_path("store", store)
    with opened(cluster) as workers:
        return compute_rdms(given, wanted, settings, progress, at, workers)


def compute_rdms(
    source: ActivationSource,
    layers: Sequence[str],
    settings: AnalysisConfig,
    progress: RdmProgress | None,
    store: Path | None = None,
    workers: Workers | None = None,
    units: UnitCounter | None = None,
) -> xr.Dataset | RdmStore:
    """Compute the RDMs of some layers here or on workers, in memory or in a store.

    `units` takes the counts of what it does not see here.
    """
    if store is None:
        rdm, counted = settings.rdm, () if units is None else (units.add_counts,)
        elsewhere = workers and RdmsOnWorkers(workers, *counted)
        return collect_rdms(source, layers, rdm.distance, progress, rdm.cocktail_blank, elsewhere)
    elsewhere = workers and StoreOnWorkers(workers, source)
    stored = store_rdms(source, layers, settings, store, progress, units, elsewhere)
    if workers:
        pass_on_workers(workers, stored)
    return stored


def _as_source(
    source: Any,
    labels: LabelsLike | None,
    settings: AnalysisConfig,
    flatten: bool,
) -> ActivationSource:
    if isinstance(source, str | Path):
        source = open_run(source)
    if not isinstance(source, Run | ImportedRun | ActivationSource):
        return source_from_arrays(source, labels, flatten)
    if labels is not None:
        raise InputError("labels: expected none, since the source has categories of its own")
    return source if isinstance(source, ActivationSource) else source_of(source, settings)


def source_of(run: Run | ImportedRun, settings: AnalysisConfig) -> ActivationSource:
    """Return the activations of a run, for the stimuli that the settings ask for."""
    if isinstance(run, ImportedRun):
        source, model = source_of_import(run, settings), None
    else:
        source, model = _source_of(run, settings), run.config.model.model
        model = model if ":" in model else None
    values = config_to_dict(settings)
    arguments = {"run": str(run.path.resolve()), "model": model, "settings": values}
    return dataclasses.replace(source, recipe={"reader": "run", "arguments": arguments})


def source_of_run(
    run: str, settings: Mapping[str, Any], model: str | None = None
) -> ActivationSource:
    """Return the activations of the run in a folder; its module may be elsewhere, as `model`."""
    opened_run = open_run(run)
    if isinstance(opened_run, Run) and model is not None:
        config = opened_run.config
        config = dataclasses.replace(config, model=dataclasses.replace(config.model, model=model))
        opened_run = dataclasses.replace(opened_run, config=config)
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()}
    return source_of(opened_run, AnalysisConfig.of(**values))


def activations(
    run: Run | ImportedRun | str | Path, layer: str, settings: AnalysisConfig | None = None
) -> xr.DataArray:
    """Compute or read the activations of one layer of every instance, flattened.

    Those of networks that were trained here are after the ReLU.

    Returns:
        `(instance, stimulus, unit)` with the coordinates `seed` and `category`.
    """
    opened = run if isinstance(run, Run | ImportedRun) else open_run(run)
    source = source_of(opened, checked_settings(settings))
    if layer not in source.layers:
        raise unknown_name("layer", layer, source.layers)
    return layer_stack(source, layer)


def dataset_of(run: Run) -> Dataset:
    """Load the images that a run was trained and tested on."""
    return load_dataset(run.config.data, run.config.execution.feed)


def check_enough_stimuli(config: Config, settings: StimulusConfig) -> None:
    """Raise, before anything is trained, if its networks could not be shown these stimuli."""
    dataset = load_dataset(config.data, config.execution.feed)
    choose_stimuli(_shown(config, settings, dataset), settings)


def _source_of(run: Run, settings: AnalysisConfig) -> ActivationSource:
    dataset = dataset_of(run)
    return source_from_run(run, dataset, _shown(run.config, settings.stimulus, dataset), settings)


def sources_of_epochs(
    run: Run, settings: AnalysisConfig, epochs: Sequence[int]
) -> Iterator[ActivationSource]:
    """Yield the activations of a run's networks after each of these epochs, which it kept."""
    dataset = dataset_of(run)
    shown = _shown(run.config, settings.stimulus, dataset)
    for epoch in epochs:
        then = dataclasses.replace(settings.rdm, epoch=epoch)
        yield source_from_run(run, dataset, shown, dataclasses.replace(settings, rdm=then))


def _shown(config: Config, settings: StimulusConfig, dataset: Dataset) -> Dataset:
    """Return what stimuli are chosen from: test images of training, or of all categories."""
    if config.data.categories is None and settings.stimulus_map is None:
        return dataset
    # one training image, since none is shown
    everything = dataclasses.replace(config.data, categories=None, train_images=1)
    return load_dataset(everything, config.execution.feed, settings.stimulus_map)
