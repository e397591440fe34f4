"""Folders of results in a run's folder, of which none is overwritten by results of another file."""

import contextlib
from pathlib import Path
from typing import Any

from ensemble_rsa import files
from ensemble_rsa.errors import InputError


def folder_for(out: str | Path | None, folder: Path, record: str, key: str, value: str) -> Path:
    """The folder `out`, or else ours, with a number where it holds results of another file.

    Args:
        out: as the user gave it; None for a folder of ours.
        folder: ours, as it is named if it is free.
        record: the JSON file of the results in it.
        key: what the record calls the file or folder that they are about.
        value: its path. Records without the key, of earlier versions, and damaged ones are written
            anew.

    Raises:
        InputError: `out` is no path, or files cannot be made there.

    >>> import tempfile
    >>> place = Path(tempfile.mkdtemp()) / "plan-a"
    >>> files.write_json(place / "plan.json", {"reference": "/x/a.h5"})
    >>> [folder_for(None, place, "plan.json", "reference", f"/{k}/a.h5").name for k in "xy"]
    ['plan-a', 'plan-a-2']
    """
    chosen = files.as_path("out", out) if out is not None else _free(folder, record, key, value)
    files.check_can_write("out", chosen)
    return chosen


def _free(folder: Path, record: str, key: str, value: str) -> Path:
    """The folder, with the first number with which it is free or holds results of `value`."""
    number = 1
    while True:
        chosen = folder if number == 1 else folder.with_name(f"{folder.name}-{number}")
        before: dict[str, Any] = {}
        with contextlib.suppress(InputError):
            before = files.read_table(chosen / record)
        if before.get(key, value) == value:
            return chosen
        number += 1
