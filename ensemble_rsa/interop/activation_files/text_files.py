"""Reader of tables in text files: .csv, .tsv and .txt."""

import csv
import io
import re
from pathlib import Path

import numpy as np

from ensemble_rsa.errors import InputError
from ensemble_rsa.interop.activation_files.members import Contents, Member, damage_named
from ensemble_rsa.interop.activation_files.names import CATEGORIES, STIMULI

# Names of a first column that holds ids; pandas writes its index under an empty name.
ID_COLUMNS = ("", *STIMULI, "id", "image", "file", "file_name", "filename")


def open_table(path: Path) -> Contents:
    """Open a table with a row of numbers for each stimulus.

    A first line that is not numbers names the columns; a first column that is not numbers, or is
    named `stimulus`, holds ids; a column named `category` holds categories.
    """
    head, rows = read_rows(path)
    n_columns = len(rows[0])
    for number, row in enumerate(rows, 2 if head else 1):
        if len(row) != n_columns:
            raise InputError(
                f"{path}: expected {n_columns} columns in line {number}, got {len(row)}; the file "
                "may be incomplete"
            )
    names = [name.strip().lower() for name in head] if head else [None] * n_columns
    if len(names) != n_columns:
        raise InputError(
            f"{path}: expected a name for each of {n_columns} columns, got {len(names)}"
        )
    has_ids = names[0] in ID_COLUMNS if head else not _is_number(rows[0][0])
    has_ids = has_ids or not _is_number(rows[0][0])
    category = next((i for i, name in enumerate(names) if name in CATEGORIES), None)
    units = [i for i in range(int(has_ids), n_columns) if i != category]
    values = np.empty((len(rows), len(units)))
    for number, row in enumerate(rows):
        try:
            values[number] = [float(row[i]) for i in units]
        except ValueError:
            wrong = next(i for i in units if not _is_number(row[i]))
            raise InputError(
                f"{path}: expected a number in row {number + 1}, column {wrong + 1}, got "
                f"{row[wrong]!r}"
            ) from None
    if not has_ids and len(rows) > 2 and _counts(values[:, 0]):
        raise InputError(
            f"{path}: the first column counts the rows; if it holds ids, name the columns in a "
            "first line that begins with stimulus, otherwise remove it"
        )

    def read(key: tuple[slice, ...]) -> np.ndarray:
        with damage_named(path, "a table"):
            _, again = read_rows(path)
            return np.array([[float(row[i]) for i in units] for row in again])[key]

    member = Member(str(path), values.shape, values.dtype, read, sliced=False)
    ids = tuple(row[0].strip() for row in rows) if has_ids else None
    categories = None if category is None else tuple(row[category].strip() for row in rows)
    return Contents({"": member}, ids, categories)


def read_rows(path: Path) -> tuple[list[str], list[list[str]]]:
    """Return the first line if it names columns, else an empty list, and all other lines."""
    with damage_named(path, "a table as UTF-8 text"):
        text = path.read_text(encoding="utf-8-sig")
    first = text.partition("\n")[0]
    separator = next((mark for mark in "\t;," if mark in first), None)
    if separator is None:
        lines = [line.split() for line in text.splitlines()]
    else:
        lines = list(csv.reader(io.StringIO(text), delimiter=separator))
    lines = [line for line in lines if line and not line[0].startswith("#")]
    if not lines:
        raise InputError(f"{path}: expected a table of numbers, got an empty file")
    is_head = not any(_is_number(cell) for cell in lines[0][1:] or lines[0])
    head, rows = (lines[0], lines[1:]) if is_head else ([], lines)
    if not rows:
        raise InputError(f"{path}: expected rows of numbers, got none")
    return head, rows


def _is_number(cell: str) -> bool:
    return bool(re.fullmatch(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*|\s*[-+]?(nan|inf)\s*",
                             cell, re.IGNORECASE))  # fmt: skip


def _counts(column: np.ndarray) -> bool:
    return any(np.array_equal(column, np.arange(first, first + len(column))) for first in (0, 1))
