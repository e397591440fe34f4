"""Temporary stores: small ones in memory, large ones in files that vanish with the process.

Values are written in rows (a batch of stimuli), and read in columns (a block of units) or rows.
"""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
from jaxtyping import Float, Shaped

from ensemble_rsa import files
from ensemble_rsa.arrays import as_numpy
from ensemble_rsa.device import free_host_bytes
from ensemble_rsa.errors import RunError
from ensemble_rsa.rdm.blocks import READ_ELEMENTS, block_width

# Ours: larger stores are written to disk, since the activations of four layers of a ResNet for
# 1000 photographs take 1.5 GB.
MOST_BYTES_IN_MEMORY = 2**28
_SHARE_OF_FREE = 4  # a quarter of what is free at most


def fits_in_memory(n_bytes: int) -> bool:
    """Whether a store of this size is kept in memory."""
    return n_bytes <= min(MOST_BYTES_IN_MEMORY, free_host_bytes() / _SHARE_OF_FREE)


class StoredLayer:
    """Activations `(stimulus, unit)` in a temporary file; a slice of units is read when indexed.

    The file holds one block of units after the other, each with all stimuli, so that the blocks
    that RDMs are computed from are read in one piece.

    >>> stored = StoredLayer(3, 2, None)
    >>> stored.write(0, np.array([[1, 2], [3, 4]], np.float32))
    >>> stored.write(2, np.array([[5, 6]], np.float32))
    >>> stored[:, 1:].tolist(), np.asarray(stored)[2].tolist()
    ([[2.0], [4.0], [6.0]], [5.0, 6.0])
    """

    ndim = 2
    dtype = np.dtype(np.float32)

    def __init__(self, n_stimuli: int, n_units: int, folder: Path | None):
        self.shape = (n_stimuli, n_units)
        width = block_width(n_stimuli, n_units)
        self._width = min(n_units, width * max(1, READ_ELEMENTS // (n_stimuli * width)))
        self._file = _vanishing_file(folder)

    def write(self, start: int, rows: Float[np.ndarray, "batch unit"]) -> None:
        """Write the activations of a batch, of which `start` is the first stimulus."""
        for first in range(0, self.shape[1], self._width):
            block = rows[:, first : first + self._width]
            place = self.dtype.itemsize * (self.shape[0] * first + start * block.shape[1])
            _write(self._file, np.ascontiguousarray(block), place)

    def __getitem__(self, key: Any) -> Float[np.ndarray, "stimulus unit"]:
        """Return what the two slices select, or everything for an ellipsis."""
        rows, units = key if isinstance(key, tuple) and len(key) == 2 else (slice(None),) * 2
        if not isinstance(units, slice):
            return self[:, :][rows, units]
        first, stop, step = units.indices(self.shape[1])
        if step != 1:
            return self[:, :][rows, units]
        starts = range(first - first % self._width, stop, self._width)
        parts = [self._block(at)[rows, max(0, first - at) : stop - at] for at in starts]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-1)

    def _block(self, start: int) -> Float[np.ndarray, "stimulus unit"]:
        block = np.empty((self.shape[0], min(self._width, self.shape[1] - start)), self.dtype)
        _read(self._file, block, self.dtype.itemsize * self.shape[0] * start)
        return block

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self[:, :], dtype)

    def __del__(self) -> None:
        self._file.close()


class LayerStore:
    """The activations of one instance, written layer by layer and batch by batch."""

    def __init__(self, n_stimuli: int, n_units: Mapping[str, int], folder: Path | None = None):
        """Room for some layers, in memory or in temporary files in `folder`."""
        n_bytes = 4 * n_stimuli * sum(n_units.values())
        self._layers: dict[str, Any] = {}
        if fits_in_memory(n_bytes):
            for name, number in n_units.items():
                self._layers[name] = np.empty((n_stimuli, number), np.float32)
            return
        check_scratch_room(n_bytes, folder)
        for name, number in n_units.items():
            self._layers[name] = StoredLayer(n_stimuli, number, folder)

    def write(self, layer: str, start: int, rows: Float[np.ndarray, "batch unit"]) -> None:
        """Copy the activations of a batch, of which `start` is the first stimulus."""
        store = self._layers[layer]
        if isinstance(store, StoredLayer):
            store.write(start, rows)
        else:
            store[start : start + len(rows)] = rows

    def take(self, layer: str) -> Any:
        """Return a layer `(stimulus, unit)`, which the store no longer holds."""
        return self._layers.pop(layer)


class ImageStore:
    """Prepared images, written and read in rows."""

    def __init__(self, n_images: int, shape: tuple[int, ...], folder: Path | None = None):
        """Room for float32 images of one shape."""
        self.shape, self.n_written = (n_images, *shape), 0
        n_bytes = 4 * int(np.prod(self.shape))
        self._file: Any = None
        if fits_in_memory(n_bytes):
            self._memory = np.empty(self.shape, np.float32)
        else:
            check_scratch_room(n_bytes, folder)
            self._file = _vanishing_file(folder)

    def append(self, images: Shaped[np.ndarray, "batch ..."]) -> None:
        """Write the next images."""
        if self._file is None:
            self._memory[self.n_written : self.n_written + len(images)] = images
        else:
            contiguous = np.ascontiguousarray(images, np.float32)
            _write(self._file, contiguous, self.n_written * contiguous[0].nbytes)
        self.n_written += len(images)

    def __del__(self) -> None:
        if self._file is not None:
            self._file.close()

    def __getitem__(self, rows: slice) -> Float[np.ndarray, "batch ..."]:
        if self._file is None:
            return self._memory[rows]
        start, stop, _ = rows.indices(self.n_written)
        images = np.empty((stop - start, *self.shape[1:]), np.float32)
        _read(self._file, images, start * images[:1].nbytes)
        return images


def check_scratch_room(n_bytes: int, folder: Path | None) -> None:
    """Raise a `RunError` if the folder for temporary files has less room than needed."""
    files.check_room(
        "scratch",
        Path(folder or tempfile.gettempdir()),
        n_bytes,
        "the activations of one instance take",
        "choose fewer layers, or set TMPDIR",
    )


def as_rows(values: Any) -> Float[np.ndarray, "stimulus unit"]:
    """Return activations of any shape as one float32 row for each stimulus.

    >>> as_rows(np.ones((2, 3, 4), np.float16)).shape
    (2, 12)
    """
    array = as_numpy(values)
    return np.asarray(array.reshape(len(array), -1), np.float32)


def _vanishing_file(folder: Path | None) -> Any:
    """Open a file without a name, whose room is given back even if the process is killed."""
    return tempfile.TemporaryFile(dir=folder, buffering=0)


def _write(file: Any, array: np.ndarray, place: int) -> None:
    file.seek(place)
    view = memoryview(cast(Any, array)).cast("B")
    while view:
        view = view[file.write(view) :]


def _read(file: Any, array: np.ndarray, place: int) -> None:
    file.seek(place)
    view = memoryview(cast(Any, array)).cast("B")
    while view:
        n_read = file.readinto(view)
        if not n_read:
            raise RunError("scratch: a temporary file ended early; was the disk full?")
        view = view[n_read:]
