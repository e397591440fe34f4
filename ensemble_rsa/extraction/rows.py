"""Activations with their stimuli in another order, or some of them, without reading them first."""

import dataclasses
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Int

from ensemble_rsa.arrays import as_numpy
from ensemble_rsa.extraction.sources import ActivationSource
from ensemble_rsa.rdm.build import cocktail_blank


class ChosenRows:
    """The chosen rows of an array-like `(stimulus, unit)`, read in slices of units.

    >>> chosen = ChosenRows(np.array([[1, 2], [3, 4], [5, 6]]), np.array([2, 0]))
    >>> chosen[:, 1:].tolist(), np.asarray(chosen).tolist()
    ([[6], [2]], [[5, 6], [1, 2]])
    """

    ndim = 2

    def __init__(self, array: Any, rows: Int[np.ndarray, " chosen"]):
        self._array, self._rows = array, rows
        self.shape = (len(rows), array.shape[1])
        self.dtype = np.dtype(array.dtype)

    def __getitem__(self, key: Any) -> np.ndarray:
        """Return the rows that the first index selects among the chosen ones."""
        rows, units = key if isinstance(key, tuple) and len(key) == 2 else (slice(None),) * 2
        return as_numpy(self._array[:, units])[self._rows[rows]]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self[:, :], dtype)


class BlankedUnits:
    """An array-like `(stimulus, unit)` minus each unit's mean over stimuli, read in slices.

    >>> blanked = BlankedUnits(np.array([[1.0, 5.0], [3.0, 5.0]]))
    >>> blanked[:, :1].tolist(), np.asarray(blanked).tolist()
    ([[-1.0], [1.0]], [[-1.0, 0.0], [1.0, 0.0]])
    """

    ndim, dtype = 2, np.dtype(np.float32)

    def __init__(self, array: Any):
        self._array = array
        self.shape = tuple(array.shape)

    def __getitem__(self, key: Any) -> np.ndarray:
        """Return some units, the second index, of the stimuli that the first one selects."""
        rows, units = key if isinstance(key, tuple) and len(key) == 2 else (slice(None),) * 2
        return cocktail_blank(as_numpy(self._array[:, units]), flatten=False)[rows]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self[:, :], dtype)


def with_stimuli(
    source: ActivationSource, positions: Int[np.ndarray, " chosen"]
) -> ActivationSource:
    """Return the source with the stimuli at these positions only, in this order."""
    return dataclasses.replace(
        source,
        stimuli=tuple(source.stimuli[i] for i in positions),
        categories=tuple(source.categories[i] for i in positions),
        activations=lambda instance: (
            (name, ChosenRows(array, positions)) for name, array in source.activations(instance)
        ),
        images=None if source.images is None else partial(_chosen, source.images, positions),
    )


def _chosen(
    images: Callable[[], Iterable[np.ndarray]], positions: Int[np.ndarray, " chosen"]
) -> list[np.ndarray]:
    wanted = {*positions.tolist()}
    kept = {i: image for i, image in enumerate(images()) if i in wanted}
    return [kept[i] for i in positions.tolist()]
