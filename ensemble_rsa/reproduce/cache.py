"""Content-addressed files: each is named by a hash of everything that its content depends on.

A file that exists is loaded; one that does not is made. The hash includes this package's version.
"""

import dataclasses
import hashlib
import importlib.metadata
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import xarray as xr

from ensemble_rsa.data.category_map import SHIPPED, read_category_map
from ensemble_rsa.files import read_dataset, write_dataset

REMOVE = "remove it, and the same command makes it again"


def hash_of(values: Any) -> str:
    """Twelve hexadecimal digits that identify plain values and dataclasses of plain values."""
    text = json.dumps(values, sort_keys=True, default=dataclasses.asdict)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def cached_path(folder: Path, values: Any, name: str = "", suffix: str = ".nc") -> Path:
    """The path of the file that is made from these plain values, `folder/[name-]hash.suffix`."""
    made_from = {"version": importlib.metadata.version("ensemble_rsa"), "values": values}
    return folder / f"{f'{name}-' if name else ''}{hash_of(made_from)}{suffix}"


def load_or_make(path: Path, make: Callable[[], xr.Dataset]) -> xr.Dataset:
    """The data set stored at `path`; made and stored (atomically) if there is none."""
    if not path.is_file():
        write_dataset(path, make())
    return read_dataset(path, REMOVE)


def map_contents(*names: str | None) -> list[dict[str, Any]]:
    """The content of category maps that are files of the user, who may edit them.

    >>> map_contents("cifar10", None)
    []
    """
    own = [name for name in names if name is not None and name not in SHIPPED]
    return [dict(read_category_map(name)) for name in own]
