"""Files in the user's cache folder that save time when they are there, and are never needed."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import IO, TypeVar

from ensemble_rsa import files
from ensemble_rsa.errors import first_line

log = logging.getLogger(__name__)
Kept = TypeVar("Kept")


def read_kept(path: Path, read: Callable[[], Kept]) -> Kept | None:
    """What `read` returns; None without the file, or, with a warning, where it is damaged."""
    if not path.is_file():
        return None
    try:
        return read()
    except Exception as error:  # noqa: BLE001 - NumPy and zipfile fail in many ways
        log.warning("the cache %s is not used and made anew (%s)", path, first_line(error))
        return None


def keep(path: Path, write: Callable[[IO[bytes]], None], otherwise: str) -> None:
    """Write the file; if it cannot be written, warn of what happens `otherwise`."""
    try:
        with files.atomic_path(path) as temporary, temporary.open("wb") as file:
            write(file)
    except OSError as error:
        log.warning("%s cannot be written (%s): %s", path, error, otherwise)
