"""Mappings that make one category of several of a data set's.

A mapping is a JSON file, {"dog": ["n02085620", …], …}. Three for ImageNet ship with the package and
are described in `mappings/README.md`.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from ensemble_rsa.errors import InputError

SHIPPED = ("animals", "broad", "cifar10")
_FOLDER = Path(__file__).parent / "mappings"


def category_groups(
    name: str | None, argument: str = "category_map"
) -> dict[str, list[str]] | None:
    """The mapping of that name (see `read_category_map`); None without a name."""
    return None if name is None else read_category_map(name, argument)


def read_category_map(name: str | Path, argument: str = "category_map") -> dict[str, list[str]]:
    """Read a mapping, category → folders: one of `SHIPPED`, or a file.

    `argument` is the name of the caller's, for messages.

    >>> read_category_map("cifar10")["horse"]
    ['n02389026', 'n02391049']
    """
    path = _FOLDER / f"{name}.json" if name in SHIPPED else Path(name).expanduser()
    try:
        groups = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{argument}: {path} cannot be read ({error}); expected a JSON file, or one of "
            f"{', '.join(SHIPPED)}"
        ) from None
    if not isinstance(groups, dict) or not all(
        isinstance(parts, list) and parts and all(isinstance(name, str) for name in parts)
        for parts in groups.values()
    ):
        raise InputError(
            f'{argument}: expected {{"category": ["folder", …], …}} in {path}, got something else'
        )
    every = [name for parts in groups.values() for name in parts]
    if len(groups) < 2 or len({*every}) < len(every):
        raise InputError(
            f"{argument}: expected two or more categories in {path}, and each folder in only one"
        )
    return groups


def grouped_categories(
    folders: Sequence[str],
    groups: Mapping[str, Sequence[str]] | None,
    argument: str = "category_map",
) -> tuple[tuple[str, ...], Int64[np.ndarray, " folder"]]:
    """Return the sorted names of the categories, and each folder's category number, -1 for none.

    Without groups, each folder is a category. `argument` is the name of the caller's, for messages.

    >>> groups = {"pet": ["cat"], "farm": ["cow"]}
    >>> names, numbers = grouped_categories(["cat", "cow", "elm"], groups)
    >>> names, numbers.tolist()
    (('farm', 'pet'), [1, 0, -1])
    """
    if groups is None:
        return tuple(folders), np.arange(len(folders))
    names = tuple(sorted(groups))
    number = {folder: names.index(name) for name in names for folder in groups[name]}
    if missing := [folder for folder in number if folder not in {*folders}]:
        raise InputError(
            f"{argument}: it names {missing[0]!r}, which is not among the images' folders "
            f"({len(missing)} of {len(number)} are not); correct the mapping or add the images"
        )
    return names, np.array([number.get(folder, -1) for folder in folders], np.int64)
