"""Folders of results in a run's folder, of which none is overwritten by results of another file."""

import contextlib
from pathlib import Path
from typing import Any

from ensemble_rsa import files
from ensemble_rsa.errors import InputError


def folder_for(folder: Path, record: str, key: str, value: str) -> Path:
    """The folder, or with the first number with which it is free or holds results of `value`.

    Args:
        folder: as it is named if it is free.
        record: the JSON file of the results in it.
        key: what the record calls the file or folder that they are about.
        value: its path. Records without the key, of earlier versions, and damaged ones are written
            anew.

    >>> import tempfile
    >>> place = Path(tempfile.mkdtemp()) / "plan-a"
    >>> files.write_json(place / "plan.json", {"reference": "/x/a.h5"})
    >>> [folder_for(place, "plan.json", "reference", f"/{k}/a.h5").name for k in "xy"]
    ['plan-a', 'plan-a-2']
    """
    number = 1
    while True:
        chosen = folder if number == 1 else folder.with_name(f"{folder.name}-{number}")
        before: dict[str, Any] = {}
        with contextlib.suppress(InputError):
            before = files.read_table(chosen / record)
        if before.get(key, value) == value:
            return chosen
        number += 1
