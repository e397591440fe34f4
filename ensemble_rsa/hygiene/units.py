"""Findings on dead units, counted on a sample of units while RDMs are computed.

A unit is dead if it has the same value for all stimuli. Nothing is read or computed twice: arrays
in memory are sampled, and of layers that are read in blocks, the blocks are.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from ensemble_rsa.arrays import as_numpy
from ensemble_rsa.extraction.sources import ActivationSource
from ensemble_rsa.hygiene.finding import Finding

# Ours: the standard error of a share of units is at most 1.1 %.
SAMPLED = 2048
# After a ReLU and before training, a tenth of units may be dead, and constant borders of images add
# to that. So a layer is named when most units are dead, and an instance when it has many more dead
# ones than the others.
MOSTLY, ABOVE_OTHERS = 0.5, 0.25
UnitCounts = dict[tuple[str, int], tuple[int, int]]


class UnitWatch:
    """Counts dead units of a source that is read through `source`."""

    def __init__(self, source: ActivationSource):
        """Watch all layers of a source."""
        self._given = source
        self._samples: dict[tuple[str, int], _UnitSample] = {}
        self.source = dataclasses.replace(source, activations=self._activations)

    def _activations(self, position: int) -> Iterator[tuple[str, Any]]:
        for name, values in self._given.activations(position):
            sample = self._samples[name, position] = _UnitSample(values.shape[1])
            if isinstance(values, np.ndarray | jax.Array):
                sample.add_all(values)
                yield name, values
            else:
                yield name, _Tapped(values, sample)

    def counts(self) -> UnitCounts:
        """Return the sampled and dead units so far, by layer and position of the instance."""
        return {key: (sample.n, sample.n_dead) for key, sample in self._samples.items() if sample.n}

    def add_counts(self, counts: UnitCounts) -> None:
        """Add what another watch of the same source has counted, of other layers or instances."""
        for key, (n, n_dead) in counts.items():
            sample = self._samples[key] = _UnitSample(0)
            sample.n, sample.n_dead = n, n_dead

    def findings(self) -> list[Finding]:
        """Return the findings, after RDMs were computed from `source`."""
        found: list[Finding] = []
        for layer in self._given.layers:
            shares = {
                position: sample.share
                for (name, position), sample in self._samples.items()
                if name == layer and sample.n
            }
            found += self._of_layer(layer, shares)
        return found

    def _of_layer(self, layer: str, shares: dict[int, float]) -> Iterator[Finding]:
        median = float(np.median(list(shares.values()))) if shares else 0.0
        if median > MOSTLY:
            message = f"{median:.0%} of units are dead, the same for all stimuli (median instance)"
            yield Finding("warn", None, layer, message)
        for position, share in shares.items():
            if share > median + ABOVE_OTHERS:
                message = (
                    f"{share:.0%} of units are dead, the same for all stimuli, and {median:.0%} in "
                    "the median instance"
                )
                yield Finding("warn", self._given.instances[position], layer, message)


class _UnitSample:
    """Dead units among some that are spread at random over a layer."""

    def __init__(self, n_units: int):
        everything = np.arange(n_units)
        chosen = np.random.default_rng(0).choice(n_units, min(n_units, SAMPLED), replace=False)
        self._units = np.sort(chosen) if n_units > SAMPLED else everything
        self.n = self.n_dead = self._next = 0

    @property
    def share(self) -> float:
        return self.n_dead / self.n

    def add_all(self, values: np.ndarray | jax.Array) -> None:
        """Count in an array in memory, of the host or of an accelerator."""
        if isinstance(values, jax.Array) and all(one.platform == "cpu" for one in values.devices()):
            values = np.asarray(values)  # a view, of which nothing is compiled
        self._count(values[:, self._units])

    def add(self, start: int, block: np.ndarray) -> None:
        """Count in a block of units, those that were not read before."""
        stop = start + block.shape[1]
        fresh = (self._units >= max(start, self._next)) & (self._units < stop)
        self._next = max(self._next, stop)
        if fresh.any():
            self._count(block[:, self._units[fresh] - start])

    def _count(self, values: Any) -> None:
        self.n += values.shape[1]
        self.n_dead += int((values.max(0) == values.min(0)).sum())


class _Tapped:
    """An array-like `(stimulus, unit)` whose blocks are also counted as they are read."""

    ndim = 2

    def __init__(self, array: Any, sample: _UnitSample):
        self._array, self._sample = array, sample
        self.shape, self.dtype = tuple(array.shape), array.dtype

    def __getitem__(self, key: Any) -> Any:
        part = self._array[key]
        rows, units = key if isinstance(key, tuple) and len(key) == 2 else (None, None)
        if rows == slice(None) and isinstance(units, slice) and units.step in (None, 1):
            part = as_numpy(part)
            self._sample.add(units.start or 0, part)
        return part

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self[:, :], dtype)
