"""Atomic writing of files and folders, JSON, hashes of files, and the cache folder."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import platformdirs
import xarray as xr

from ensemble_rsa.errors import InputError, RunError


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, renamed to it if the block succeeds, else removed.

    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "a.txt"
    >>> with atomic_path(target) as temporary:
    ...     _ = temporary.write_text("whole")
    >>> target.read_text()
    'whole'
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `path`, as `atomic_path` does for a file."""
    with atomic_path(path) as temporary:
        temporary.mkdir()
        yield temporary


def write_json(path: Path, values: Any) -> None:
    """Write plain values as indented JSON."""
    with atomic_path(path) as temporary:
        temporary.write_text(
            json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
        )


def read_json(path: Path) -> Any:
    """Read a JSON file; an `InputError` names one that is absent or damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: expected JSON, but {error}") from None


def check_room(folder: Path, needed: int) -> None:
    """Raise a `RunError` if the disk of a folder has fewer bytes free than needed."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise RunError(
            f"out: {folder} has {free / 1e9:.1f} GB free, and this training stores up to "
            f"{needed / 1e9:.1f} GB; make room, keep fewer epochs, or give another --out"
        )


def cache_folder() -> Path:
    """The folder for measurements, decoded images and compiled programs."""
    return platformdirs.user_cache_path("ensemble_rsa")


def write_dataset(path: Path, dataset: xr.Dataset) -> None:
    """Write a data set as netCDF, readable by `xarray.open_dataset`."""
    with atomic_path(path) as temporary:
        dataset.to_netcdf(temporary, engine="h5netcdf")


class SourceFile(NamedTuple):
    """A file that results depend on: absolute path, size in bytes and BLAKE2b hash."""

    path: str
    size: int
    blake2b: str


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
    """Raise an `InputError` that names the files that are gone or hold something else now."""
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
