"""Reading a store of RDMs: what they are of at once, distances by ranges of pairs."""

import logging
import math
import zipfile
import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Float

from ensemble_rsa import files
from ensemble_rsa.arrays.stacks import RdmStack
from ensemble_rsa.errors import InputError, unknown_name
from ensemble_rsa.numerics import pair_indices
from ensemble_rsa.store.layout import (
    CENTROID,
    EXEMPLAR,
    FOUND,
    GROUP,
    REMEDY,
    WRITTEN,
    bytes_of_rdms,
    chunk_path,
    read_attributes,
    read_chunk_length,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class RdmStore:
    """RDMs on disk, as `extract` writes them.

    Attributes:
        path: the folder.
        dataset: what `extract` returns but for `exemplar`: labels, centroids, attributes.
        exemplar: the RDMs `(layer, instance, stimulus_pair)`.
        settings: plain values that the RDMs depend on.
        set_aside: instances that were left out, by the reason's kind.
    """

    path: Path
    dataset: xr.Dataset
    exemplar: RdmStack
    settings: dict[str, Any]
    set_aside: dict[str, list[dict[str, Any]]]

    @property
    def n_bytes(self) -> int:
        """The size of all RDMs."""
        n_layers, n_instances = self.exemplar.numbers.shape
        return bytes_of_rdms(n_layers, n_instances, self.exemplar.n_stimuli)

    def load(self, layers: Sequence[str] | None = None) -> xr.Dataset:
        """Return the RDMs of some layers, or of all, as a data set in memory."""
        names = self.dataset.layer.values.tolist()
        chosen = names if layers is None else [*layers]
        if unknown := [name for name in chosen if name not in names]:
            raise unknown_name("layers", unknown[0], names)
        exemplar = self.exemplar[[names.index(name) for name in chosen]].load()
        found = self.dataset.sel(layer=chosen)
        return found.assign(exemplar=(("layer", "instance", "stimulus_pair"), exemplar))

    def keep(self) -> None:
        """Store what passes over the RDMs have found, so that it is found once."""
        for name, arrays in self.exemplar.found.items():
            path = self.path / FOUND / f"{name}.npz"
            if not path.is_file():
                with files.atomic_path(path) as partial, partial.open("wb") as stream:
                    np.savez(stream, **arrays)


def is_begun(path: Path) -> bool:
    """Whether a store is only partly written.

    Raises:
        InputError: a damaged one.
    """
    if not (path / GROUP).is_file():
        return False
    labels, written = read_attributes(path)["labels"], files.read_json(path / WRITTEN, REMEDY)
    kept = [i for i in range(len(labels["instances"])) if str(i) not in written["excluded"]]
    return _n_done(_keys(len(labels["layers"]), kept), written) < len(labels["layers"]) * len(kept)


def complete_rdms(path: Path) -> set[tuple[int, int]]:
    """The places of layer and instance of the RDMs that are complete.

    Raises:
        InputError: no such record, or a damaged one.
    """
    written = files.read_json(path / WRITTEN, REMEDY)["rdms"]
    return {(int(layer), int(instance)) for layer, instance in (key.split("/") for key in written)}


def _keys(n_layers: int, instances: Sequence[int]) -> list[list[str]]:
    return [[f"{layer}/{i}" for i in instances] for layer in range(n_layers)]


def _n_done(keys: list[list[str]], written: dict[str, Any]) -> int:
    return sum(key in written["rdms"] for row in keys for key in row)


def open_store(path: str | Path) -> RdmStore:
    """Open a store of RDMs, which must be complete.

    Raises:
        InputError: no store, one that is only partly written, or a damaged one.
    """
    path = files.as_path("store", path)
    attributes = read_attributes(path)
    written = files.read_json(path / WRITTEN, REMEDY)
    labels, chunk = attributes["labels"], read_chunk_length(path)
    layers, instances = labels["layers"], labels["instances"]
    kept = [i for i in range(len(instances)) if str(i) not in written["excluded"]]
    keys = _keys(len(layers), kept)
    n_done = _n_done(keys, written)
    if n_done < len(layers) * len(kept) or not kept:
        raise InputError(
            f"store: {path} is only partly written, {n_done} of {len(layers) * len(kept)} RDMs; "
            "run the command that began it again, which goes on from there"
        )
    n_stimuli = len(labels["stimuli"])
    numbers = np.array([[layer * len(instances) + i for i in kept] for layer in range(len(layers))])
    means, least, largest = np.full((3, len(layers) * len(instances)), np.nan)
    constant = np.zeros(numbers.shape, np.int64)
    for place, number in np.ndenumerate(numbers):
        entry = written["rdms"][keys[place[0]][place[1]]]
        means[number], least[number] = entry["mean"], entry["least"]
        largest[number] = entry["largest"]
        constant[place] = entry["constant_patterns"]

    def read(number: int, start: int, stop: int) -> Float[np.ndarray, " pair"]:
        layer, instance = divmod(number, len(instances))
        return _read_pairs(path, layer, instance, chunk, slice(start, stop))

    def name_of(number: int) -> str:
        return str(chunk_path(path, EXEMPLAR, *divmod(number, len(instances)), 0).parent)

    stack = RdmStack(read, numbers, n_stimuli, means, least, largest, name_of=name_of)
    stack.found.update(_kept(path))
    dims = ("layer", "instance")
    per_instance = {
        name: ("instance", [values[i] for i in kept])
        for name, values in labels["per_instance"].items()
    }
    dataset = xr.Dataset(
        {
            "constant_patterns": (dims, constant),
            **{
                name: ("instance", np.asarray(values)[kept])
                for name, values in labels["variables"].items()
            },
        },
        coords={
            "layer": layers,
            "instance": [instances[i] for i in kept],
            **per_instance,
            "stimulus": labels["stimuli"],
            "category": ("stimulus", labels["categories"]),
        },
        attrs=labels["attributes"],
    )
    categories = np.unique(labels["categories"])
    if len(categories) > 1:
        first, second = pair_indices(len(categories))
        n_pairs = math.comb(len(categories), 2)
        centroid = [
            [_read_pairs(path, layer, i, n_pairs, slice(0, n_pairs), CENTROID) for i in kept]
            for layer in range(len(layers))
        ]
        dataset = dataset.assign(centroid=((*dims, "category_pair"), np.array(centroid)))
        dataset = dataset.assign_coords(
            category_first=("category_pair", categories[first]),
            category_second=("category_pair", categories[second]),
        )
    excluded = [
        {
            "instance": instances[int(i)],
            "seed": labels["per_instance"]["seed"][int(i)],
            "reason": why,
        }
        for i, why in written["excluded"].items()
    ]
    set_aside = {**labels["set_aside"], "excluded": excluded}
    return RdmStore(path, dataset, stack, attributes["settings"], set_aside)


def _kept(path: Path) -> dict[str, dict[str, np.ndarray]]:
    """Read what passes have found; what is damaged is removed, as a pass finds it again."""
    kept = {}
    for file in sorted((path / FOUND).glob("[!.]*.npz")):
        try:
            with file.open("rb") as stream, np.load(stream) as stored:
                kept[file.stem] = dict(stored)
        except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            log.warning("%s: damaged (%s), so it is found again", file, files.reason(error))
            with suppress(OSError):
                files.remove(file)
    return kept


def _read_pairs(
    path: Path, layer: int, instance: int, length: int, pairs: slice, array: str = EXEMPLAR
) -> Float[np.ndarray, " pair"]:
    """Read consecutive distances of one RDM from chunks of `length`."""
    parts = []
    for chunk in range(pairs.start // length, (pairs.stop - 1) // length + 1):
        begin = chunk * length
        first, stop = max(pairs.start, begin) - begin, min(pairs.stop, begin + length) - begin
        file = chunk_path(path, array, layer, instance, chunk)
        try:
            values = np.fromfile(file, "<f4", stop - first, offset=4 * first)
        except OSError as error:
            raise InputError(f"{file}: cannot be read ({files.reason(error)}); {REMEDY}") from None
        if len(values) < stop - first or np.isnan(values).any():
            raise InputError(f"{file}: damaged, {stop - first} distances expected; {REMEDY}")
        parts.append(values)
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
