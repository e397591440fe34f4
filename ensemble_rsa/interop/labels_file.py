"""Categories of stimuli from a CSV file with the columns `stimulus` and `category`."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from ensemble_rsa.errors import InputError

COLUMNS = ("stimulus", "category")


def read_labels(path: Path) -> dict[str, str]:
    """Return the category of each stimulus id.

    Raises:
        InputError: no such file, other columns, an id twice or without a category.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream, skipinitialspace=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"labels: {path} cannot be read ({reason})") from None
    if not rows or not {*COLUMNS} <= rows[0].keys():
        columns = ", ".join(str(name) for name in rows[0]) if rows else "no rows"
        raise InputError(
            f"labels: expected the columns {' and '.join(COLUMNS)} in {path}, got {columns}"
        )
    categories: dict[str, str] = {}
    for number, row in enumerate(rows, start=2):
        stimulus, category = ((row[name] or "").strip() for name in COLUMNS)
        if not stimulus or not category:
            empty = COLUMNS[0] if not stimulus else COLUMNS[1]
            raise InputError(f"labels: row {number} of {path} has no {empty}")
        if stimulus in categories:
            raise InputError(f"labels: {path} has the stimulus {stimulus!r} twice")
        categories[stimulus] = category
    return categories


def categories_by_id(
    categories: Mapping[str, str], stimuli: Sequence[str], name: str = "labels"
) -> tuple[str, ...]:
    """Return the category of each stimulus, by its id, else its file name, else without a suffix.

    Raises:
        InputError: a stimulus without a category.

    >>> categories_by_id({"1": "cat", "2": "dog"}, ["photos/2.png", "photos/1.png"])
    ('dog', 'cat')
    """
    missing: list[list[str]] = []
    for form in (str, lambda one: PurePosixPath(one).name, lambda one: PurePosixPath(one).stem):
        keys = [form(stimulus) for stimulus in stimuli]
        missing.append([key for key in keys if key not in categories])
        if not missing[-1] and len({*keys}) == len(keys):
            return tuple(categories[key] for key in keys)
    few = min(missing, key=len)
    raise InputError(
        f"{name}: expected a category for each of {len(stimuli)} stimuli, but "
        + (f"{len(few)} have none, the first is {few[0]!r}" if few else "file names are not unique")
    )
