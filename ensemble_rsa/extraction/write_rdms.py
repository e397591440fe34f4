"""RDMs of one instance, written to a store by this process or by a worker."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from ensemble_rsa.arrays import is_constant
from ensemble_rsa.extraction.collect import NotComparable, check_comparable
from ensemble_rsa.extraction.rows import BlankedUnits
from ensemble_rsa.extraction.sources import ActivationSource
from ensemble_rsa.rdm.blocks import host_units, open_activations
from ensemble_rsa.rdm.build import centroids, rdm_and_constant_patterns, write_rdm
from ensemble_rsa.store.writer import RdmSink, RdmTarget, Summary

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


@dataclass(frozen=True)
class RdmTask:
    """What RDMs of a source are written, and where.

    Attributes:
        target: the store.
        layers: of the store.
        distance: of the RDMs.
        cocktail_blanked: whether each unit's mean over stimuli is subtracted first.
    """

    target: RdmTarget
    layers: tuple[str, ...]
    distance: str
    cocktail_blanked: bool


class WrittenRdm(NamedTuple):
    """An RDM whose distances are in the store, or why its instance cannot be compared with others.

    Attributes:
        layer: its place among the layers of the store.
        instance: its place among the instances of the source.
        sample: of the activations.
        units: how many were sampled, and how many of them are dead.
        summary: of the distances; None where there are none.
        n_constant: how many patterns are constant.
        centroid: distances between centroids; None for one category.
        refused: why the instance is left out; None if it is not.
    """

    layer: int
    instance: int
    sample: list[list[float]]
    units: tuple[int, int]
    summary: Summary | None = None
    n_constant: int = 0
    centroid: Float[np.ndarray, " category_pair"] | None = None
    refused: str | None = None


def write_rdms(
    source: ActivationSource,
    position: int,
    layers: Sequence[int],
    task: RdmTask,
    units: UnitCounter | None,
    check: Callable[[], None] = lambda: None,
) -> Iterator[WrittenRdm]:
    """Write the RDMs of an instance in some layers; yield each, the last perhaps refused.

    Args:
        source: of the activations.
        position: of the instance.
        layers: their places among those of the task.
        task: what is written, and where.
        units: counts the units of each layer while they are read.
        check: called before each chunk, and stops the writing if it raises.

    Raises:
        InputError: NaN in activations that were given.
        WriteError: the disk is full, or cannot be written to.
    """
    left = {task.layers[layer]: layer for layer in layers}
    for name, activations in source.activations(position):
        if name not in left:
            continue
        layer, refused, made = left.pop(name), None, (None, 0, None)
        try:
            check_comparable(name, activations)
            patterns = BlankedUnits(activations) if task.cocktail_blanked else activations
            with task.target.sink(layer, position, check) as sink:
                made = _write(source, name, patterns, sink, task)
        except NotComparable as reason:
            refused = str(reason)
        counted = units.counts().get((name, position)) if units else None
        sample = sample_of(activations)
        yield WrittenRdm(layer, position, sample, counted or (0, 0), *made, refused)
        if not left or refused:
            return


def _write(
    source: ActivationSource, name: str, patterns: Any, sink: RdmSink, task: RdmTask
) -> tuple[Summary, int, np.ndarray | None]:
    """Write one RDM; return its summary, the number of constant patterns, and that of centroids."""
    codes, centroid = task.target.codes, None
    if codes.any():  # several categories
        means = centroids(patterns, source.categories, flatten=False)
        centroid = rdm_and_constant_patterns(means, task.distance)[0]
    n_constant = write_rdm(patterns, task.distance, sink)
    summary = sink.finish()
    _check_varied(name, summary, centroid, codes)
    return summary, n_constant, centroid


def sample_of(given: Any) -> list[list[float]]:
    """Return some activations from the middle of a layer; NaN, of a broken network, becomes 0."""
    array = open_activations("activations", given)
    n_stimuli, n_units = array.shape
    start = max(0, (n_units - _SAMPLED) // 2)
    part = host_units(array, (), slice(start, min(start + _SAMPLED, n_units)))
    rows = np.unique(np.linspace(0, n_stimuli - 1, _SAMPLED).astype(int))
    values = np.nan_to_num(part[rows].astype(np.float64))
    return [[float(f"{value:.6g}") for value in row] for row in values.tolist()]


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
