"""The layout of a store: a zarr group, of which nothing is compressed.

    zarr.json              the group; its attributes say what the RDMs are of
    exemplar/c/L/I/K       the K-th 2²⁰ distances of layer L and instance I, float32
    centroid/c/L/I/0       distances between category centroids, float32
    exemplar/written.json  which RDMs are complete, the mean and range of their distances, and
                           samples of activations
    exemplar/.lock         of the process that writes; the file stays
    exemplar/found/*.npz   what passes over the RDMs have found

Chunks of zarr (version 3) without a codec are plain little-endian numbers, so that NumPy writes and
reads them, and no other package is needed. `zarr.open_group` opens the store, too; `exemplar` has
the dimensions `layer, instance, stimulus_pair`. Distances hardly compress: the lowest two of the
three bytes of a mantissa are noise.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ensemble_rsa import files
from ensemble_rsa.errors import InputError

FORMAT = 1
EXEMPLAR, CENTROID = "exemplar", "centroid"
GROUP = "zarr.json"
# Where readers of zarr, which warn of other files in a group, do not look.
WRITTEN, FOUND, LOCK = f"{EXEMPLAR}/written.json", f"{EXEMPLAR}/found", f"{EXEMPLAR}/.lock"
CHUNK = 2**20  # pairs: files of 4 MiB
REMEDY = "restore it from a copy, or remove it and compute it again"


def write_group(path: Path, attributes: dict[str, Any]) -> None:
    """Write the metadata of a group, which makes a folder a store."""
    metadata = {"zarr_format": 3, "node_type": "group", "attributes": attributes}
    files.write_json(path / GROUP, metadata)


def write_array(path: Path, dims: Sequence[str], shape: Sequence[int], chunk: int) -> None:
    """Write the metadata of an array of RDMs, each in chunks of its own."""
    files.write_json(
        path / GROUP,
        {
            "zarr_format": 3,
            "node_type": "array",
            "shape": [*shape],
            "data_type": "float32",
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [1, 1, chunk]}},
            "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
            "fill_value": "NaN",
            "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}],
            "attributes": {},
            "dimension_names": [*dims],
            "storage_transformers": [],
        },
    )


def read_attributes(path: Path) -> dict[str, Any]:
    """Read what a store says of its RDMs.

    Raises:
        InputError: no store, or one of another format.
    """
    if not (path / GROUP).is_file():
        what = "no such folder" if not path.exists() else f"it holds no {GROUP}"
        raise InputError(f"store: {path} is no store of RDMs ({what})")
    attributes = files.read_json(path / GROUP, REMEDY).get("attributes", {})
    if attributes.get("format") != FORMAT:
        raise InputError(
            f"store: {path}: expected a store of RDMs of format {FORMAT}, got "
            f"{attributes.get('format')}; it is none, or of another version of the package"
        )
    return attributes


def read_chunk_length(path: Path) -> int:
    """Read how many distances a chunk of a store holds."""
    metadata = files.read_json(path / EXEMPLAR / GROUP, REMEDY)
    return int(metadata["chunk_grid"]["configuration"]["chunk_shape"][-1])


def chunk_path(path: Path, array: str, layer: int, instance: int, chunk: int) -> Path:
    """Return the file of a chunk."""
    return path / array / "c" / str(layer) / str(instance) / str(chunk)


def bytes_of_rdms(n_layers: int, n_instances: int, n_stimuli: int) -> int:
    """Return how large a stack of RDMs is, in memory and on disk.

    >>> bytes_of_rdms(3, 10, 20_000)
    23998800000
    """
    return 4 * n_layers * n_instances * math.comb(n_stimuli, 2)
