"""Finding the categories and files of a folder of images, and its split if it has one.

    PATH/cat/*.jpg, PATH/dog/*.jpg, …                         no split
    PATH/train/cat/*.jpg, …, PATH/test/cat/*.jpg, …           split as the folders say

`train` may also be called `training`, and `test` may be called `testing`; where there is none, the
test images are those of `val`, `valid` or `validation`. Hidden files are left out, and files beside
the folders; so are text files among the images, with a warning.
"""

import logging
import os
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from ensemble_rsa.arrays import readable
from ensemble_rsa.errors import InputError

log = logging.getLogger(__name__)
TRAIN, TEST = ("train", "training"), ("test", "testing")
VALIDATION = ("val", "valid", "validation")
LAYOUTS = "the layouts are PATH/CATEGORY and PATH/train/CATEGORY with PATH/test/CATEGORY"
_OF_SYSTEMS = ("__MACOSX", "@eaDir")  # folders that systems leave behind
_TEXT_SUFFIXES = (
    ".txt", ".csv", ".tsv", ".json", ".xml", ".yaml", ".yml", ".md", ".html", ".log", ".ini", ".db",
    ".url",
)  # fmt: skip

Categories = dict[str, list[Path]]


def split_folders(path: Path) -> tuple[Path, Path] | None:
    """The folders of training and test images; None if `path` holds categories."""
    folders = [entry for entry in visible(path) if entry.is_dir()]
    train, test, validation = (
        [folder for folder in folders if folder.name.lower() in names]
        for names in (TRAIN, TEST, VALIDATION)
    )
    held_out = test or validation
    if not train or not held_out:
        return None
    for several in (train, held_out):
        if len(several) > 1:
            names = " and ".join(folder.name for folder in several)
            raise InputError(
                f"dataset: expected one folder of training and one of test images in "
                f"{_shown(path)}, but it has {names}; rename all but one, or hide it with a "
                "leading dot"
            )
    parts = train[0], held_out[0]
    if not any(entry.is_dir() for part in parts for entry in visible(part)):
        raise InputError(
            f"dataset: expected one folder for each category in {_shown(parts[0])} and "
            f"{_shown(parts[1])}, found none; {LAYOUTS}"
        )
    if left_out := [readable(folder.name) for folder in folders if folder not in parts]:
        log.info(
            "%s: training images are those of %s, test images those of %s; %s is left out",
            _shown(path), parts[0].name, parts[1].name, ", ".join(left_out),
        )  # fmt: skip
    return parts


def categories_of(path: Path) -> Categories:
    """Sorted category names, each with its sorted files."""
    folders = [entry for entry in visible(path) if entry.is_dir()]
    if len(folders) < 2:
        found = f"only {folders[0].name!r}" if folders else "none"
        inner = [entry for folder in folders for entry in visible(folder) if entry.is_dir()]
        hint = f"; is it {_shown(folders[0])}?" if len(inner) > 1 else ""
        raise InputError(
            f"dataset: expected two or more category folders in {_shown(path)}, found {found}{hint}"
        )
    categories = {readable(folder.name): visible(folder) for folder in folders}
    _check_distinct(path, categories, len(folders))
    texts = []
    for name, files in categories.items():
        nested = next((file for file in files if file.is_dir()), None)
        if nested is not None:
            raise InputError(
                f"dataset: expected only images in category {name!r}, found the folder "
                f"{_shown(nested)}; {LAYOUTS}"
            )
        texts += [file for file in files if file.suffix.lower() in _TEXT_SUFFIXES]
        categories[name] = [file for file in files if file.suffix.lower() not in _TEXT_SUFFIXES]
        if not categories[name]:
            raise InputError(f"dataset: category {name!r} has no images in {_shown(path)}")
    if texts:
        log.warning(
            "%s file(s) among the images are no images and are left out, such as %s",
            len(texts), _shown(texts[0]),
        )  # fmt: skip
    return categories


def check_same_categories(parts: tuple[Path, Path], trained: Categories, tested: Categories):
    """Raise unless training and test images have the same categories."""
    odd = sorted(trained.keys() ^ tested.keys())
    if not odd:
        return
    twins = [name for name in odd if _form(name) == _form(odd[0])]
    differ = " (the two differ in case, or in how accents are encoded)" if len(twins) > 1 else ""
    raise InputError(
        f"dataset: expected the same categories in {_shown(parts[0])} and {_shown(parts[1])}, but "
        f"{odd[0]!r} is in only one of them{differ}"
    )


def visible(path: Path) -> list[Path]:
    """The entries of a folder, sorted by name, without hidden ones."""
    try:
        names = sorted(os.listdir(path))
    except OSError as error:
        raise InputError(f"dataset: {_shown(path)} cannot be listed ({error.strerror})") from error
    return [path / name for name in names if not name.startswith(".") and name not in _OF_SYSTEMS]


def _check_distinct(path: Path, names: Iterable[str], n_folders: int) -> None:
    """Raise if two categories have one name; warn if their names are easily taken for one."""
    forms: dict[str, str] = {}
    for name in names:
        if (first := forms.setdefault(_form(name), name)) != name:
            log.warning(
                "%s: the categories %r and %r differ only in case, or in how accents are encoded",
                _shown(path), first, name,
            )  # fmt: skip
    if len({*names}) < n_folders:
        raise InputError(
            f"dataset: two category folders in {_shown(path)} have names that are not UTF-8 and "
            "read the same; rename one"
        )


def _form(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _shown(path: Path) -> str:
    return readable(str(path))
