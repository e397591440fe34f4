"""RDMs of a source, written to a store on disk: for stacks that exceed memory.

What is in memory is the inner products of one layer's patterns, a block of activations and a
fraction of an RDM.
"""

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from ensemble_rsa.arrays import check_labels, is_constant
from ensemble_rsa.arrays.labels import plain_values
from ensemble_rsa.config.analysis import AnalysisConfig
from ensemble_rsa.device import free_host_bytes
from ensemble_rsa.extraction.collect import (
    NotComparable,
    RdmProgress,
    check_comparable,
    coordinates,
    none_comparable,
)
from ensemble_rsa.extraction.rows import BlankedUnits
from ensemble_rsa.extraction.sources import ActivationSource
from ensemble_rsa.rdm.blocks import host_units, open_activations
from ensemble_rsa.rdm.build import centroids, rdm_and_constant_patterns, write_rdm
from ensemble_rsa.runs.set_aside import with_set_aside
from ensemble_rsa.runs.source_files import stamp_file
from ensemble_rsa.store.layout import bytes_of_rdms
from ensemble_rsa.store.reader import RdmStore, open_store
from ensemble_rsa.store.writer import Contents, StoreWriter, Summary, open_for_writing

log = logging.getLogger(__name__)
_SHARE = 0.25  # of the free memory: analyses hold two copies, and products
_SAMPLED = 8  # stimuli and units of each layer and instance, which tell activations apart


@runtime_checkable
class UnitCounter(Protocol):
    """Counts units while activations are read: sampled and dead ones, by layer and instance."""

    def counts(self) -> Mapping[tuple[str, int], tuple[int, int]]:
        """Return what was counted so far."""
        ...

    def add_counts(self, counts: dict[tuple[str, int], tuple[int, int]]) -> None:
        """Take what was counted before, in place of own counts."""
        ...


def needs_store(source: ActivationSource, n_layers: int) -> bool:
    """Whether the RDMs of a source are too large to be analysed in memory."""
    return not fits(bytes_of_rdms(n_layers, len(source.instances), len(source.stimuli)))


def fits(n_bytes: int) -> bool:
    """Whether RDMs of this size can be analysed in memory."""
    return n_bytes <= _SHARE * free_host_bytes()


def open_rdms(path: Path) -> RdmStore:
    """Open a store of RDMs, with the instances that were set aside in its data set."""
    store = open_store(path)
    dataset = store.dataset
    for kind, entries in store.set_aside.items():
        dataset = with_set_aside(dataset, kind, entries)  # pyright: ignore[reportArgumentType]
    return RdmStore(store.path, dataset, store.exemplar, store.settings, store.set_aside)


def store_rdms(
    source: ActivationSource,
    layers: Sequence[str],
    settings: AnalysisConfig,
    path: Path,
    progress: RdmProgress | None = None,
    units: UnitCounter | None = None,
) -> RdmStore:
    """Write the RDMs of some layers, in the source's order, and return the store.

    RDMs that the store holds already are not computed again; what `units` counted while they were
    is kept with them.

    Raises:
        InputError: a store of other RDMs.
        RunError: no instance has RDMs that can be compared; a full disk.
    """
    contents = _contents(source, layers, settings)
    n_instances, n_layers = len(source.instances), len(layers)
    size = bytes_of_rdms(n_layers, n_instances, len(source.stimuli))
    log.info("RDMs of %.1f GB are written to %s, and read from there", size / 1e9, path)
    with open_for_writing(path, contents) as writer:
        _check_activations(writer, source)
        for position in range(n_instances):
            done = [writer.is_written(layer, position) for layer in range(n_layers)]
            if not all(done) and writer.excluded(position) is None:
                try:
                    _write_instance(writer, source, position, progress, units)
                except NotComparable as reason:
                    writer.exclude(position, str(reason))
            if progress:
                progress((position + 1) * n_layers, n_instances * n_layers)
        excluded = {i: why for i in range(n_instances) if (why := writer.excluded(i))}
        if units:
            units.add_counts({(layers[i], j): n for (i, j), (_, n) in writer.seen().items()})
    if len(excluded) == n_instances:
        raise none_comparable(source, excluded)
    return open_rdms(path)


def _contents(
    source: ActivationSource, layers: Sequence[str], settings: AnalysisConfig
) -> Contents:
    everyone = range(len(source.instances))
    per_instance = {
        name: plain_values(name, np.asarray(values))
        for name, (_, values) in (
            (name, given)
            for name, given in coordinates(source, everyone).items()
            if isinstance(given, tuple) and given[0] == "instance"
        )
    }
    rdm = settings.rdm
    attributes = {
        "distance": rdm.distance, "cocktail_blank": int(rdm.cocktail_blank), **source.attributes
    }  # fmt: skip
    labels = {
        "layers": list(layers),
        "instances": plain_values("instances", np.asarray(source.instances)),
        "stimuli": plain_values("stimuli", np.asarray(source.stimuli)),
        "categories": plain_values("categories", np.asarray(source.categories)),
        "per_instance": per_instance,
        "variables": {name: values.tolist() for name, values in source.variables.items()},
        "attributes": {name: _plain(value) for name, value in attributes.items()},
        "set_aside": {
            kind: [{name: _plain(value) for name, value in entry.items()} for entry in entries]
            for kind, entries in source.set_aside.items()
        },
    }
    compared = ("layers", "instances", "stimuli", "categories", "attributes", "per_instance")
    depends_on = {name: labels[name] for name in compared}
    depends_on["rdm"] = dataclasses.asdict(rdm)
    depends_on["stimulus"] = dataclasses.asdict(settings.stimulus)
    depends_on["files"] = [list(stamp_file(file)) for file in source.files]
    codes, _ = check_labels("labels", source.categories, len(source.stimuli))
    return Contents(tuple(layers), len(everyone), codes, depends_on, labels)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _sample(given: Any) -> list[list[float]]:
    """A few activations from the middle of a layer, which are not finite in a broken network."""
    array = open_activations("activations", given)
    n_stimuli, n_units = array.shape
    start = max(0, (n_units - _SAMPLED) // 2)
    part = host_units(array, (), slice(start, min(start + _SAMPLED, n_units)))
    rows = np.unique(np.linspace(0, n_stimuli - 1, _SAMPLED).astype(int))
    values = np.nan_to_num(part[rows].astype(np.float64))
    return [[float(f"{value:.6g}") for value in row] for row in values.tolist()]


def _check_activations(writer: StoreWriter, source: ActivationSource) -> None:
    """Raise unless activations that were read before are still those of the source."""
    layers, seen = writer.contents.layers, writer.seen()
    for position in sorted({position for _, position in seen}):
        left = {layer for layer, i in seen if i == position}
        for name, activations in source.activations(position):
            layer = layers.index(name) if name in layers else None
            if layer in left:
                writer.check_sample(layer, position, _sample(activations))
                left.remove(layer)
            if not left:
                break


def _write_instance(
    writer: StoreWriter,
    source: ActivationSource,
    position: int,
    progress: RdmProgress | None,
    units: UnitCounter | None,
) -> None:
    """Write the RDMs of an instance that are missing."""
    contents = writer.contents
    for name, activations in source.activations(position):
        if name not in contents.layers:
            continue
        layer = contents.layers.index(name)
        if writer.is_written(layer, position):
            continue

        def note(
            key: tuple[str, int] = (name, position), layer: int = layer, given: Any = activations
        ) -> None:
            counted = units.counts().get(key) if units else None
            writer.note_seen(layer, position, _sample(given), counted or (0, 0))

        try:
            check_comparable(name, activations)
        except NotComparable:
            note()
            raise
        distance = contents.labels["attributes"]["distance"]
        is_blanked = contents.labels["attributes"]["cocktail_blank"]
        patterns = BlankedUnits(activations) if is_blanked else activations
        centroid = None
        if contents.n_category_pairs:
            means = centroids(patterns, source.categories, flatten=False)
            centroid = rdm_and_constant_patterns(means, distance)[0]
        with writer.sink(layer, position) as sink:
            n_constant = write_rdm(patterns, distance, sink)
            summary = sink.finish()
        note()
        _check_varied(name, summary, centroid, contents.codes)
        writer.record(layer, position, summary, n_constant, centroid)
        if progress:
            n_layers = len(contents.layers)
            progress(position * n_layers + layer + 1, n_layers * contents.n_instances)


def _check_varied(
    name: str, summary: Summary, centroid: np.ndarray | None, codes: np.ndarray
) -> None:
    """Raise for distances that will be correlated and are all equal, as `collect` does."""
    sizes = np.bincount(codes)
    correlated = {}
    if len(codes) >= 3:
        correlated["distances"] = np.array([summary.least, summary.largest], np.float32)
    if (sizes * (sizes - 1) // 2).sum() >= 3:
        within = summary.least_within, summary.largest_within
        correlated["same-category distances"] = np.array(within, np.float32)
    if centroid is not None and centroid.size >= 3:
        correlated["distances between category centroids"] = centroid
    for what, values in correlated.items():
        if is_constant(values, scale=summary.largest):
            raise NotComparable(
                f"all {what} of layer {name} are equal, so their correlation is undefined"
            )
