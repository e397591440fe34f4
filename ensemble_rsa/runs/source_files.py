"""Files that an import was made from: their sizes and hashes, and whether they have changed."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from ensemble_rsa.errors import InputError


class SourceFile(NamedTuple):
    """A file that results depend on: absolute path, size in bytes and BLAKE2b hash."""

    path: str
    size: int
    blake2b: str


class FileStamp(NamedTuple):
    """What changes when a file is written again: its size in bytes and its time of writing."""

    path: str
    size: int
    mtime_ns: int


def stamp_file(path: Path) -> FileStamp:
    """Return the stamp of a file, or of a folder: the size of all in it, and its latest time."""
    path = Path(path).resolve()
    parts = [path, *(one for one in path.rglob("*") if one.is_file())] if path.is_dir() else [path]
    found = [part.stat() for part in parts]
    size = sum(one.st_size for part, one in zip(parts, found, strict=True) if part.is_file())
    return FileStamp(str(path), size, max(one.st_mtime_ns for one in found))


def describe_file(path: Path) -> SourceFile:
    """Return path, size and hash of a file, or of a folder such as a zarr store with all in it."""
    path = Path(path).resolve()
    parts = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
    digest, size = hashlib.blake2b(digest_size=16), 0
    for part in parts:
        if path.is_dir():
            digest.update(f"{part.relative_to(path)}\n".encode("utf-8", "surrogateescape"))
        with part.open("rb") as stream:
            while block := stream.read(2**20):
                digest.update(block)
                size += len(block)
    return SourceFile(str(path), size, digest.hexdigest())


def check_unchanged(described: Iterable[SourceFile]) -> None:
    """Raise an `InputError` that names the first file that is gone or holds something else now."""
    gone, changed = [], []
    for file in described:
        path = Path(file.path)
        if not path.exists():
            gone.append(file.path)
        elif describe_file(path) != file:
            changed.append(file.path)
    problems = {"is no longer there": gone, "has changed since the import": changed}
    for what, paths in problems.items():
        if paths:
            more = f" (and {len(paths) - 1} more)" if len(paths) > 1 else ""
            raise InputError(f"run: {paths[0]}{more} {what}; restore it or import again")
