"""RDMs of a source, written to a store on disk: for stacks that exceed memory.

What is in memory is the inner products of one layer's patterns, a block of activations and a
fraction of an RDM.
"""

import dataclasses
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from ensemble_rsa.arrays import check_labels
from ensemble_rsa.arrays.labels import plain_values
from ensemble_rsa.config.analysis import AnalysisConfig
from ensemble_rsa.device import free_host_bytes
from ensemble_rsa.extraction.collect import RdmProgress, coordinates, none_comparable
from ensemble_rsa.extraction.sources import ActivationSource
from ensemble_rsa.extraction.write_rdms import (
    RdmTask,
    UnitCounter,
    WrittenRdm,
    sample_of,
    write_rdms,
)
from ensemble_rsa.runs.set_aside import with_set_aside
from ensemble_rsa.runs.source_files import stamp_file
from ensemble_rsa.store.layout import bytes_of_rdms
from ensemble_rsa.store.reader import RdmStore, open_store
from ensemble_rsa.store.writer import Contents, StoreWriter, open_for_writing

log = logging.getLogger(__name__)
_SHARE = 0.25  # of the free memory: analyses hold two copies, and products

Take = Callable[[WrittenRdm], None]


@runtime_checkable
class WriterElsewhere(Protocol):
    """Writes the RDMs of a source elsewhere, such as on the workers of a cluster."""

    def __call__(
        self, source: ActivationSource, task: RdmTask, left: Mapping[int, Sequence[int]], take: Take
    ) -> None:
        """Write, for each instance, the RDMs that are left, and pass each to `take`."""
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
    elsewhere: WriterElsewhere | None = None,
) -> RdmStore:
    """Write the RDMs of some layers, in the source's order, here or elsewhere; return the store.

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
        record = _Record(writer, progress)
        rdm = settings.rdm
        task = RdmTask(writer.target, tuple(layers), rdm.distance, rdm.cocktail_blank)
        left = {position: tuple(missing) for position, missing in record.left.items()}
        if elsewhere is not None:
            elsewhere(source, task, left, record)
        else:
            for position, missing in left.items():
                for made in write_rdms(source, position, missing, task, units):
                    record(made)
        excluded = {i: why for i in range(n_instances) if (why := writer.excluded(i))}
        if units:
            units.add_counts({(layers[i], j): n for (i, j), (_, n) in writer.seen().items()})
    if len(excluded) == n_instances:
        raise none_comparable(source, excluded)
    return open_rdms(path)


class _Record:
    """Records RDMs that are written, and says how many are."""

    def __init__(self, writer: StoreWriter, progress: RdmProgress | None):
        self._writer, self._progress = writer, progress
        self._shape = len(writer.contents.layers), writer.contents.n_instances
        self._refused: dict[int, int] = {}  # in which layer an instance was
        self.left: dict[int, list[int]] = {}
        for position in range(self._shape[1]):
            missing = [i for i in range(self._shape[0]) if not writer.is_written(i, position)]
            if missing and writer.excluded(position) is None:
                self.left[position] = missing
        self._tell()

    def __call__(self, made: WrittenRdm) -> None:
        writer, waiting = self._writer, self.left[made.instance]
        writer.note_seen(made.layer, made.instance, made.sample, made.units)
        if made.summary is not None:
            writer.record(made.layer, made.instance, made.summary, made.n_constant, made.centroid)
            waiting[:] = [layer for layer in waiting if layer != made.layer]
        else:  # of several layers that do not allow a comparison, the first one is named
            waiting.clear()
            if made.layer <= self._refused.setdefault(made.instance, made.layer):
                self._refused[made.instance] = made.layer
                writer.exclude(made.instance, str(made.refused))
        self._tell()

    def _tell(self) -> None:
        total = math.prod(self._shape)
        if self._progress:
            self._progress(total - sum(map(len, self.left.values())), total)


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


def _check_activations(writer: StoreWriter, source: ActivationSource) -> None:
    """Raise unless activations that were read before are still those of the source."""
    layers, seen = writer.contents.layers, writer.seen()
    for position in sorted({position for _, position in seen}):
        left = {layer for layer, i in seen if i == position}
        for name, activations in source.activations(position):
            layer = layers.index(name) if name in layers else None
            if layer in left:
                writer.check_sample(layer, position, sample_of(activations))
                left.remove(layer)
            if not left:
                break
