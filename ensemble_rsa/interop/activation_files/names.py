"""Ids of stimuli, and categories, that stand in files beside the arrays."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ensemble_rsa.interop.activation_files.members import Contents, Member

STIMULI, CATEGORIES = ("stimulus", "stimuli", "file_names"), ("category", "categories")


def named_columns(arrays: dict[str, Member], columns: Mapping[str, Any]) -> Contents:
    """Return the contents of a file whose columns, by their names, may hold ids and categories."""

    def first(names: tuple[str, ...]) -> tuple[str, ...] | None:
        found = [columns[name] for name in names if name in columns]
        return tuple(texts(np.asarray(found[0]).ravel())) if found else None

    return Contents(arrays, first(STIMULI), first(CATEGORIES))


def texts(values: Iterable[Any]) -> list[str]:
    """Return bytes and other values as text, without the blanks that pad character matrices."""
    return [
        value.decode("utf-8", "surrogateescape").rstrip()
        if isinstance(value, bytes)
        else str(value).rstrip()
        for value in values
    ]
