"""Readers of files that hold plain arrays in memory order: .npy, .npz and .safetensors."""

import io
import json
import math
import struct
import zipfile
from pathlib import Path
from typing import IO, Any

import ml_dtypes
import numpy as np

from ensemble_rsa.errors import InputError
from ensemble_rsa.interop.activation_files.members import Contents, Member, damage_named
from ensemble_rsa.interop.activation_files.names import named_columns

SAFETENSORS = {
    "F64": np.float64, "F32": np.float32, "F16": np.float16, "BF16": ml_dtypes.bfloat16,
    "I64": np.int64, "I32": np.int32, "I16": np.int16, "I8": np.int8,
    "U64": np.uint64, "U32": np.uint32, "U16": np.uint16, "U8": np.uint8, "BOOL": np.bool_,
}  # fmt: skip
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def open_npy(path: Path) -> Contents:
    """Open a file of `numpy.save`."""
    with path.open("rb") as stream:
        shape, fortran, dtype = _read_header(stream, str(path))
        offset = stream.tell()
    return Contents({"": _stored(path, str(path), dtype, shape, offset, fortran)})


def _read_header(
    stream: IO[bytes] | io.BufferedIOBase, where: str
) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Return shape, whether columns come first, and type of an array; its values come next."""
    version = np.lib.format.read_magic(stream)
    if version not in _HEADERS:
        raise ValueError(f"version {version} of the format is unknown")
    shape, fortran, dtype = _HEADERS[version](stream)
    if dtype.hasobject:
        raise InputError(
            f"{where}: expected numbers or text, got Python objects, which need pickle; "
            "save them as np.array(values, dtype=str)"
        )
    return shape, fortran, dtype


def _stored(
    path: Path, where: str, dtype: Any, shape: tuple[int, ...], offset: int, fortran: bool = False
) -> Member:
    """Return an array that lies in a file as in memory; the file is opened for each read.

    Rows in C order are read one after the other, because pages of a memory map count as memory.
    """
    dtype = np.dtype(dtype)
    if path.stat().st_size < offset + math.prod(shape) * dtype.itemsize:
        raise ValueError("it is shorter than its header says")
    inner = math.prod(shape[2:])

    def read(key: tuple[slice, ...]) -> np.ndarray:
        with damage_named(path, "the array that it held when it was opened"):
            if fortran or len(shape) < 2:
                return np.array(np.memmap(path, dtype, "r", offset, shape, "F")[key])
            first, last, _ = key[1].indices(shape[1])
            found = np.empty((shape[0], last - first, *shape[2:]), dtype)
            with path.open("rb") as stream:
                for i, row in enumerate(found.reshape(shape[0], -1).view(np.uint8)):
                    stream.seek(offset + (i * shape[1] + first) * inner * dtype.itemsize)
                    if stream.readinto(row.data) < row.size:
                        raise ValueError("it is shorter than its header says")
            return found[key[0]]

    return Member(where, shape, dtype, read)


def open_npz(path: Path) -> Contents:
    """Open a file of `numpy.savez`; what is not compressed is read in slices."""
    arrays: dict[str, Member] = {}
    columns: dict[str, np.ndarray] = {}
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            name = info.filename.removesuffix(".npy")
            where = f"{path}, key {name!r}"
            with archive.open(info) as stream:
                shape, fortran, dtype = _read_header(stream, where)
                length = stream.tell()
            if dtype.kind in "US":
                columns[name] = np.load(path, allow_pickle=False)[name]
            elif info.compress_type == zipfile.ZIP_STORED:
                offset = _data_offset(path, info) + length
                arrays[name] = _stored(path, where, dtype, shape, offset, fortran)
            else:
                arrays[name] = _compressed(path, where, name, shape, dtype)
    return named_columns(arrays, columns)


def _data_offset(path: Path, info: zipfile.ZipInfo) -> int:
    """Return where the content of an archive's entry begins."""
    with path.open("rb") as stream:
        stream.seek(info.header_offset + 26)  # two lengths, of the name and of extra fields
        return info.header_offset + 30 + sum(struct.unpack("<HH", stream.read(4)))


def _compressed(
    path: Path, where: str, name: str, shape: tuple[int, ...], dtype: np.dtype
) -> Member:
    def read(key: tuple[slice, ...]) -> np.ndarray:
        with (
            damage_named(path, "a file of numpy.savez"),
            np.load(path, allow_pickle=False) as stored,
        ):
            return stored[name][key]

    return Member(where, shape, dtype, read, sliced=False)


def open_safetensors(path: Path) -> Contents:
    """Open a safetensors file: a length, a JSON header with offsets, and plain arrays."""
    with path.open("rb") as stream:
        (length,) = struct.unpack("<Q", stream.read(8))
        if length > path.stat().st_size:
            raise ValueError("its header is longer than the file")
        header = json.loads(stream.read(length))
    arrays = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        where = f"{path}, key {name!r}"
        if entry["dtype"] not in SAFETENSORS:
            raise InputError(f"{where}: expected real numbers, got {entry['dtype']}")
        offset = 8 + length + entry["data_offsets"][0]
        dtype = SAFETENSORS[entry["dtype"]]
        arrays[name] = _stored(path, where, dtype, tuple(entry["shape"]), offset)
    return Contents(arrays)
