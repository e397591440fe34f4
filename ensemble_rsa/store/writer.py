"""Writing a store of RDMs; a killed process goes on after its last whole RDM."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ensemble_rsa import files
from ensemble_rsa.arrays.stacks import same_category_pairs
from ensemble_rsa.errors import InputError
from ensemble_rsa.rdm.sinks import Extremes
from ensemble_rsa.store.layout import (
    CENTROID,
    CHUNK,
    EXEMPLAR,
    FORMAT,
    GROUP,
    LOCK,
    REMEDY,
    WRITTEN,
    bytes_of_rdms,
    chunk_path,
    read_attributes,
    read_chunk_length,
    write_array,
    write_group,
)

_VARIED = 1e-3  # of the largest distance: a range beyond doubt, where no more is looked at
_SAME = 1e-3  # of the largest activation: those of a network differ by less when computed again


class Summary(NamedTuple):
    """What a store keeps of each RDM: its mean and extremes, and the latter within categories.

    Those within categories are of as many pairs as show that they differ.
    """

    mean: float
    least: float
    largest: float
    least_within: float
    largest_within: float


@dataclass(frozen=True)
class Contents:
    """What the RDMs of a store are of.

    Attributes:
        layers: their names.
        n_instances: how many instances the source has.
        codes: the number of each stimulus's category.
        settings: plain values that RDMs depend on; a store with others is of another run.
        labels: further plain values to keep.
    """

    layers: tuple[str, ...]
    n_instances: int
    codes: Int[np.ndarray, " stimulus"]
    settings: dict[str, Any]
    labels: dict[str, Any]

    @property
    def n_category_pairs(self) -> int:
        """How many distances an RDM of centroids has."""
        n_categories = int(self.codes.max()) + 1
        return n_categories * (n_categories - 1) // 2


class RdmSink:
    """A sink that writes one RDM, chunk after chunk, in another thread."""

    dtype = np.dtype(np.float32)

    def __init__(
        self,
        path: Path,
        chunk_file: Callable[[int], Path],
        length: int,
        codes: Int[np.ndarray, " stimulus"],
        check: Callable[[], None] = lambda: None,
    ):
        self._path, self._chunk_file, self._length, self._codes = path, chunk_file, length, codes
        self._check = check
        self._buffer, self._other = np.zeros((2, length), np.float32)
        self._writer = ThreadPoolExecutor(1)
        self._writing: Future[None] | None = None
        self._begin()

    def _begin(self) -> None:
        self._filled = self._chunk = 0
        self._total, self._all, self._within = 0.0, Extremes(), Extremes()

    def write(self, start: int, distances: Float[np.ndarray, " some_pair"]) -> None:
        """Take the distances of consecutive pairs, of which the first is number `start`."""
        if start == 0:
            self._wait()
            self._begin()
        while distances.size:
            n = min(len(distances), self._length - self._filled)
            self._buffer[self._filled : self._filled + n] = distances[:n]
            self._filled += n
            distances = distances[n:]
            if self._filled == self._length:
                self._flush()

    def clear(self, level: float) -> None:
        """Set all distances that are not above `level` to 0."""
        self._flush()
        self._wait()
        n_chunks, last = self._chunk, self._last
        self._begin()
        for chunk in range(n_chunks):
            with _errors_of_store(self._path):
                self._buffer[:] = np.fromfile(self._chunk_file(chunk), "<f4")
            self._buffer[self._buffer <= level] = 0
            self._filled = last if chunk == n_chunks - 1 else self._length
            self._flush()

    def finish(self) -> Summary:
        """Wait until all is written, and return what is kept of the RDM."""
        self._flush()
        self._wait()
        n_pairs = (self._chunk - 1) * self._length + self._last
        return Summary(self._total / n_pairs, *self._all, *self._within)

    def close(self) -> None:
        """Stop the thread."""
        self._writer.shutdown()

    def _flush(self) -> None:
        if not self._filled:
            return
        self._check()
        values, chunk = self._buffer[: self._filled], self._chunk
        start = chunk * self._length
        self._total += float(values.sum(dtype=np.float64))
        self._all = self._all.with_those_of(values)
        if not self._within.high - self._within.low > _VARIED * self._all.high:
            same = values[same_category_pairs(self._codes, slice(start, start + len(values)))]
            self._within = self._within.with_those_of(same) if same.size else self._within
        self._wait()
        self._buffer[self._filled :] = np.nan
        self._writing = self._writer.submit(_write, self._chunk_file(chunk), self._buffer)
        self._buffer, self._other = self._other, self._buffer
        self._chunk, self._last, self._filled = chunk + 1, self._filled, 0

    def _wait(self) -> None:
        if self._writing is not None:
            writing, self._writing = self._writing, None
            with _errors_of_store(self._path):
                writing.result()


@dataclass(frozen=True)
class RdmTarget:
    """Where the distances of a store are written, by the process that opened it or by others.

    Attributes:
        path: the folder of the store.
        length: how many distances a chunk has.
        codes: the number of each stimulus's category.
    """

    path: Path
    length: int
    codes: Int[np.ndarray, " stimulus"]

    @contextmanager
    def sink(
        self, layer: int, instance: int, check: Callable[[], None] = lambda: None
    ) -> Iterator[RdmSink]:
        """Yield the sink of one RDM, which counts as written once the store's writer records it.

        `check` is called before each chunk, and stops the writing if it raises.

        Raises:
            WriteError: the disk is full, or cannot be written to.
        """
        chunk_file = lambda chunk: chunk_path(self.path, EXEMPLAR, layer, instance, chunk)
        sink = RdmSink(self.path, chunk_file, self.length, self.codes, check)
        try:
            with _errors_of_store(self.path):
                chunk_file(0).parent.mkdir(parents=True, exist_ok=True)
            yield sink
        finally:
            sink.close()


class StoreWriter:
    """A store that is being written; see `open_for_writing`."""

    def __init__(self, path: Path, contents: Contents):
        self.path, self.contents = path, contents
        self._written: dict[str, Any] = {"rdms": {}, "excluded": {}, "seen": {}}
        is_new = not (path / GROUP).is_file()
        self.target = RdmTarget(path, CHUNK if is_new else self._resume(), contents.codes)
        if is_new:
            self._create()

    def _create(self) -> None:
        contents = self.contents
        shape = len(contents.layers), contents.n_instances
        n_stimuli, n_category_pairs = len(contents.codes), contents.n_category_pairs
        dims = "layer", "instance"
        n_pairs = n_stimuli * (n_stimuli - 1) // 2
        write_array(
            self.path / EXEMPLAR, (*dims, "stimulus_pair"), (*shape, n_pairs), self.target.length
        )
        if n_category_pairs:
            write_array(
                self.path / CENTROID,
                (*dims, "category_pair"),
                (*shape, n_category_pairs),
                n_category_pairs,
            )
        files.write_json(self.path / WRITTEN, self._written)
        attributes = {
            "format": FORMAT,
            "settings": contents.settings,
            "labels": contents.labels,
        }
        write_group(self.path, attributes)

    def _resume(self) -> int:
        attributes = read_attributes(self.path)
        ours, theirs = self.contents.settings, attributes["settings"]
        for name in ours:
            if ours[name] != theirs.get(name):
                raise InputError(
                    f"store: {self.path} holds RDMs of another run or of other settings: "
                    f"{name} differs; give another --out, or remove it"
                )
        self._written = files.read_json(self.path / WRITTEN, REMEDY)
        return read_chunk_length(self.path)

    def check_room(self) -> None:
        """Raise a `RunError` if the disk cannot take the RDMs that are not written yet."""
        shape = len(self.contents.layers), self.contents.n_instances
        needed = bytes_of_rdms(*shape, len(self.contents.codes))
        left = 1 - len(self._written["rdms"]) / (shape[0] * shape[1])
        what = "the RDMs that are not written yet need"
        files.check_room("store", self.path, int(needed * left), what, "or give another --out")

    def is_written(self, layer: int, instance: int) -> bool:
        """Whether an RDM is complete."""
        return f"{layer}/{instance}" in self._written["rdms"]

    def seen(self) -> dict[tuple[int, int], tuple[list[list[float]], tuple[int, int]]]:
        """Return samples and counts of units that were noted, by layer and instance."""
        noted: dict[tuple[int, int], tuple[list[list[float]], tuple[int, int]]] = {}
        for key, entry in self._written["seen"].items():
            layer, instance = map(int, key.split("/"))
            n, n_dead = entry["units"]
            noted[layer, instance] = entry["sample"], (n, n_dead)
        return noted

    def note_seen(
        self, layer: int, instance: int, sample: list[list[float]], units: tuple[int, int]
    ) -> None:
        """Have `record` and `exclude` keep a sample of activations, and counts of their units."""
        self._written["seen"][f"{layer}/{instance}"] = {"sample": sample, "units": [*units]}

    def check_sample(self, layer: int, instance: int, sample: list[list[float]]) -> None:
        """Raise an `InputError` unless a sample is that of the activations that were noted."""
        one = np.array(sample)
        other = np.array(self._written["seen"][f"{layer}/{instance}"]["sample"])
        if one.shape != other.shape or np.abs(one - other).max() > _SAME * np.abs(one).max():
            name, who = self.contents.layers[layer], self.contents.labels["instances"][instance]
            raise InputError(
                f"store: {self.path} holds RDMs of other activations in layer {name} of instance "
                f"{who}; give another --out, or remove it"
            )

    def excluded(self, instance: int) -> str | None:
        """Why an instance was left out, if it was."""
        return self._written["excluded"].get(str(instance))

    def record(
        self,
        layer: int,
        instance: int,
        summary: Summary,
        n_constant: int,
        centroid: Float[np.ndarray, " category_pair"] | None,
    ) -> None:
        """Note that an RDM is complete."""
        if centroid is not None:
            path = chunk_path(self.path, CENTROID, layer, instance, 0)
            with files.atomic_path(path) as partial:
                _write(partial, np.asarray(centroid, np.float32))
        entry = {**summary._asdict(), "constant_patterns": n_constant}
        if not np.isfinite(summary.least_within):
            entry["least_within"] = entry["largest_within"] = None
        self._written["rdms"][f"{layer}/{instance}"] = entry
        files.write_json(self.path / WRITTEN, self._written)

    def exclude(self, instance: int, reason: str) -> None:
        """Note that an instance is left out, and why."""
        self._written["excluded"][str(instance)] = reason
        files.write_json(self.path / WRITTEN, self._written)


@contextmanager
def open_for_writing(path: Path, contents: Contents) -> Iterator[StoreWriter]:
    """Yield a new store, or one that a process before did not finish.

    Raises:
        InputError: a store of other RDMs.
        RunError: another process writes to it; too little room on the disk.
    """
    try:
        (path / LOCK).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise files.WriteError(f"{path}: cannot be made ({files.reason(error)})") from error
    with locked(path):
        writer = StoreWriter(path, contents)
        writer.check_room()
        yield writer


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep other processes from writing to a store; raise a `RunError` if one does."""
    held = f"store: another process writes to {path}; wait for it, or stop it"
    with files.locked(path / LOCK, held):
        yield


@contextmanager
def _errors_of_store(path: Path) -> Iterator[None]:
    """Name the store that an `OSError` within the block is of."""
    try:
        yield
    except OSError as error:
        raise files.WriteError(
            f"{path}: cannot be written ({files.reason(error)}); what is complete is kept, and the "
            "same command goes on from there"
        ) from error


def _write(path: Path, values: Float[np.ndarray, " value"]) -> None:
    with path.open("wb") as stream:
        stream.write(np.ascontiguousarray(values, "<f4").data)
