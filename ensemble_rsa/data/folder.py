"""Folders of images with one subfolder per category.

    PATH/cat/*.jpg, PATH/dog/*.jpg, …                         split at random, with a fixed seed
    PATH/train/cat/*.jpg, …, PATH/test/cat/*.jpg, …           split as the folders say

Hidden files are ignored, and so are files beside the category folders, or beside `train` and
`test`. Every file inside a category folder must be an image that Pillow can open.
"""

import os
from pathlib import Path

import jax
import numpy as np
from jaxtyping import Int, UInt8
from PIL import UnidentifiedImageError

from ensemble_rsa.config.settings import DataConfig
from ensemble_rsa.data.balance import rank_in_category
from ensemble_rsa.data.category_map import category_groups, grouped_categories
from ensemble_rsa.data.decoding import decode_to_size
from ensemble_rsa.data.source import ImageSource, Split
from ensemble_rsa.errors import InputError
from ensemble_rsa.rng import stream


def folder_source(config: DataConfig) -> ImageSource:
    """Return the images of `config.folder` as RGB `(image, image_size, image_size, 3)`.

    Order: categories, then file names, both sorted. Ids are paths below the folder.
    """
    path = config.folder
    if path is None or not path.is_dir():
        raise InputError(f"dataset: expected a folder with one subfolder per category, got {path}")
    if (path / "train").is_dir() and (path / "test").is_dir():
        trained, tested = (_categories(path / part) for part in ("train", "test"))
        if trained.keys() != tested.keys():
            odd = sorted(trained.keys() ^ tested.keys())
            raise InputError(
                f"dataset: expected the same categories in {path}/train and {path}/test, "
                f"but {odd[0]!r} is in only one of them"
            )
        names, splits = tuple(trained), [_flatten(trained), _flatten(tested)]
    else:
        categories = _categories(path)
        names, (files, labels) = tuple(categories), _flatten(categories)
        held_out = _held_out(labels, names, config)
        splits = [(files[part], labels[part]) for part in (~held_out, held_out)]

    def split(files: np.ndarray, labels: np.ndarray) -> Split:
        return Split(
            labels=labels,
            ids=tuple(file.relative_to(path).as_posix() for file in files),
            read=lambda number: _read(files[number], config),
            file_bytes=lambda number: files[number].stat().st_size,
        )

    train, test = (split(*each) for each in splits)
    shape = (config.image_size, config.image_size, 3)
    return ImageSource(names, train, test, shape, threads=True)


def _categories(path: Path) -> dict[str, list[Path]]:
    """Sorted category names, each with its sorted files."""
    folders = [entry for entry in _visible(path) if entry.is_dir()]
    if len(folders) < 2:
        found = f"only {folders[0].name!r}" if folders else "none"
        raise InputError(f"dataset: expected two or more category folders in {path}, found {found}")
    categories = {folder.name: _visible(folder) for folder in folders}
    for name, files in categories.items():
        if not files:
            raise InputError(f"dataset: category {name!r} has no images in {path}")
        nested = next((file for file in files if file.is_dir()), None)
        if nested is not None:
            raise InputError(
                f"dataset: expected only images in category {name!r}, found the folder {nested}; "
                "the layouts are PATH/CATEGORY and PATH/train/CATEGORY with PATH/test/CATEGORY"
            )
    return categories


def _visible(path: Path) -> list[Path]:
    """The entries of a folder, sorted by name, without hidden ones."""
    try:
        names = sorted(os.listdir(path))
    except OSError as error:
        raise InputError(f"dataset: {path} cannot be listed ({error.strerror})") from error
    return [path / name for name in names if not name.startswith(".")]


def _flatten(categories: dict[str, list[Path]]) -> tuple[np.ndarray, Int[np.ndarray, " image"]]:
    """All files `(image,)`, category by category, and their category numbers."""
    files = np.array([file for members in categories.values() for file in members], object)
    counts = [len(members) for members in categories.values()]
    return files, np.repeat(np.arange(len(counts), dtype=np.int64), counts)


def _held_out(
    folders: Int[np.ndarray, " image"], names: tuple[str, ...], config: DataConfig
) -> np.ndarray:
    """Which images are test images: a fraction of each category, at least one, never all.

    Images of folders that the mapping of categories leaves out are test images.
    """
    groups = category_groups(config.category_map)
    categories, of_folder = grouped_categories(names, groups)
    known = of_folder[folders] >= 0
    labels = of_folder[folders[known]]
    counts = np.bincount(labels)
    smallest = int(np.argmin(counts))
    if counts[smallest] < 2:
        raise InputError(
            f"dataset: expected at least 2 images of each category, one to train on and one to "
            f"test on, but {categories[smallest]!r} has {counts[smallest]}"
        )
    n_test = np.clip(np.rint(counts * config.test_fraction).astype(np.int64), 1, counts - 1)
    lots = np.asarray(jax.random.uniform(stream(0, "held_out"), labels.shape))
    held_out = ~known
    held_out[known] = rank_in_category(labels, lots) < n_test[labels]
    return held_out


def _read(file: Path, config: DataConfig) -> UInt8[np.ndarray, "height width 3"]:
    try:
        return decode_to_size(file, config.image_size, config.resize)
    except Exception as error:  # each of Pillow's formats fails in its own way
        unknown = isinstance(error, UnidentifiedImageError)
        reason = "no format that Pillow knows" if unknown else str(error) or type(error).__name__
        raise InputError(
            f"dataset: {file} cannot be read as an image ({reason}); "
            "repair it, remove it, or hide it with a leading dot"
        ) from error
