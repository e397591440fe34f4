"""Atomic reading and writing of files: they appear whole or not at all."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import platformdirs
import xarray as xr

from ensemble_rsa.errors import InputError, RunError


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary name beside `path` to write to; renamed when the block ends well, else removed.

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
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """The same for a folder: what is written to the temporary one appears as a whole, or not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        temporary.mkdir()
        yield temporary
        os.replace(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_json(path: Path, values: Any) -> None:
    """Write plain values, indented."""
    with atomic_path(path) as temporary:
        temporary.write_text(
            json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
        )


def read_json(path: Path) -> Any:
    """Read what `write_json` wrote.

    Raises:
        InputError: no such file, or no JSON in it.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: expected JSON, but {error}") from None


def check_room(folder: Path, needed: int) -> None:
    """Raise before an hour is lost if a disk has no room for what will be stored.

    Args:
        folder: on that disk.
        needed: bytes.

    Raises:
        RunError: less is free.
    """
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise RunError(
            f"out: {folder} has {free / 1e9:.1f} GB free, and this training stores up to "
            f"{needed / 1e9:.1f} GB; make room, keep fewer epochs, or give another --out"
        )


def cache_folder() -> Path:
    """Where measurements and compiled programs are kept from one run to the next."""
    return platformdirs.user_cache_path("ensemble_rsa")


def write_dataset(path: Path, dataset: xr.Dataset) -> None:
    """Write a data set that `xarray.open_dataset` reads."""
    with atomic_path(path) as temporary:
        dataset.to_netcdf(temporary, engine="h5netcdf")
