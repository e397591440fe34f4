"""Ids of stimuli: matching those of several files, and of labels, by name and never by position."""

import re
from collections.abc import Callable, Sequence
from os.path import commonprefix
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int

from ensemble_rsa.errors import InputError
from ensemble_rsa.interop.activation_files.text_files import read_rows

_IMAGE = re.compile(r"\.(jpe?g|png|tiff?|bmp|gif|webp|eps|npz)$", re.IGNORECASE)


class Match(NamedTuple):
    """Where the expected ids stand among given ones, and how they were matched, if not as are."""

    order: Int[np.ndarray, " stimulus"]
    how: str


def match_ids(name: str, ids: Sequence[str], expected: Sequence[str], of: str) -> Match:
    """Return where each expected id stands among `ids`.

    Ids match if they are the same; else if all are the same without folders and endings of images;
    else if they are the same when all have lost one prefix that ends in `_`, as where the name of
    a network stands before that of the image. `name` and `of` are for messages.

    Raises:
        InputError: an id twice, missing, or not expected.

    >>> match_ids("b", ["b.png", "a.png"], ["a", "b"], "the labels").order.tolist()
    [1, 0]
    """
    check_unique(name, ids)
    forms: list[tuple[str, Callable[[Sequence[str]], list[str]]]] = [
        ("", list),
        ("without folders and endings", _stems),
        ("without the prefix that all share", _without_prefix),
    ]
    for how, form in forms:
        got, wanted = form(ids), form(expected)
        if len({*got}) == len(got) and {*got} == {*wanted} and len({*wanted}) == len(wanted):
            place = {text: i for i, text in enumerate(got)}
            return Match(np.array([place[text] for text in wanted]), how)
    got, wanted = _stems(ids), _stems(expected)
    missing = [full for full, stem in zip(expected, wanted, strict=True) if stem not in {*got}]
    extra = [full for full, stem in zip(ids, got, strict=True) if stem not in {*wanted}]
    parts = [
        f"{len(some)} {what} (the first is {some[0]!r})"
        for what, some in (("missing", missing), ("not expected", extra))
        if some
    ]
    raise InputError(
        f"{name}: expected the {len(expected)} stimuli of {of}, got {len(ids)}, of which "
        f"{' and '.join(parts) or 'some differ only in their folders'}"
    )


def check_unique(name: str, ids: Sequence[str]) -> None:
    """Raise if an id is empty or occurs twice."""
    if "" in ids:
        raise InputError(f"{name}: stimulus {list(ids).index('') + 1} has an empty id")
    if len({*ids}) < len(ids):
        seen: set[str] = set()
        twice = next(each for each in ids if each in seen or seen.add(each))
        raise InputError(f"{name}: the stimulus id {twice!r} occurs twice")


def _stems(ids: Sequence[str]) -> list[str]:
    return [_IMAGE.sub("", PurePosixPath(each.replace("\\", "/")).name) for each in ids]


def _without_prefix(ids: Sequence[str]) -> list[str]:
    stems = _stems(ids)
    return [stem[commonprefix(stems).rfind("_") + 1 :] for stem in stems]


def read_ids(path: Path) -> tuple[str, ...]:
    """Return the lines of a text file, an id in each."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise InputError(f"stimuli: {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"stimuli: {path}: expected UTF-8 text with an id in each line") from None
    ids = tuple(line.strip() for line in lines)
    while ids and not ids[-1]:
        ids = ids[:-1]
    check_unique(f"stimuli: {path}", ids)
    return ids


def read_labels(path: Path) -> dict[str, Any]:
    """Return stimulus → category of a CSV file with these two columns; whole numbers as such."""
    if not path.is_file():
        raise InputError(f"labels: no such file: {path}")
    head, rows = read_rows(path)
    names = [name.strip().lower() for name in head]
    if not {"stimulus", "category"} <= {*names}:
        got = ", ".join(head) if head else "a first line of numbers"
        raise InputError(
            f"labels: {path}: expected the columns stimulus and category in the first line, "
            f"got {got}"
        )
    columns = names.index("stimulus"), names.index("category")
    pairs = []
    for number, row in enumerate(rows, 2):
        if len(row) <= max(columns):
            raise InputError(
                f"labels: {path}: line {number} has {len(row)} of {len(names)} columns"
            )
        pairs.append(tuple(row[i].strip() for i in columns))
    check_unique(f"labels: {path}", [stimulus for stimulus, _ in pairs])
    for stimulus, category in pairs:
        if not category:
            raise InputError(f"labels: {path}: {stimulus!r} has no category")
    numbers = all(re.fullmatch(r"-?(0|[1-9]\d*)", category) for _, category in pairs)
    return {stimulus: int(category) if numbers else category for stimulus, category in pairs}
