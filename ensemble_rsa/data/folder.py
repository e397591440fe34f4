"""Folders of images with one subfolder per category: the layouts are those of `folder_layout`.

Images are split as the folders say, else at random with a fixed seed. Every image must be one that
Pillow can open.
"""

from pathlib import Path

import numpy as np
from jaxtyping import Int, UInt8
from PIL import Image, UnidentifiedImageError

from ensemble_rsa.arrays import readable
from ensemble_rsa.config.settings import DataConfig
from ensemble_rsa.data.decoding import Decoding, decode
from ensemble_rsa.data.folder_layout import (
    Categories,
    categories_of,
    check_same_categories,
    split_folders,
)
from ensemble_rsa.data.held_out import held_out
from ensemble_rsa.data.source import ImageSource, Split
from ensemble_rsa.data.survey import survey
from ensemble_rsa.errors import InputError


def folder_source(config: DataConfig) -> ImageSource:
    """Return the images of `config.folder` as RGB `(image, image_size, image_size, 3)`.

    Order: categories, then file names, both sorted. Ids are paths below the folder.
    """
    path = config.folder
    if path is None or not path.is_dir():
        got = readable(str(path))
        raise InputError(f"dataset: expected a folder with one subfolder per category, got {got}")
    parts = split_folders(path)
    if parts is not None:
        trained, tested = map(categories_of, parts)
        check_same_categories(parts, trained, tested)
        names, splits = tuple(trained), [_flatten(trained), _flatten(tested)]
    else:
        categories = categories_of(path)
        names, (files, labels) = tuple(categories), _flatten(categories)
        of_test = held_out(labels, names, config)
        splits = [(files[part], labels[part]) for part in (~of_test, of_test)]
    found = survey(file for files, _ in splits for file in files)
    how = Decoding(config.image_size, config.resize, config.background, found.levels)

    def split(files: np.ndarray, labels: np.ndarray) -> Split:
        return Split(
            labels=labels,
            ids=tuple(readable(file.relative_to(path).as_posix()) for file in files),
            read=lambda number: _read(files[number], how),
            file_bytes=lambda number: _size(files[number]),
            conversions=found.conversions(files.tolist(), config.background),
        )

    train, test = (split(*each) for each in splits)
    shape = (config.image_size, config.image_size, 3)
    return ImageSource(names, train, test, shape, threads=True)


def _flatten(categories: Categories) -> tuple[np.ndarray, Int[np.ndarray, " image"]]:
    """All files `(image,)`, category by category, and their category numbers."""
    files = np.array([file for members in categories.values() for file in members], object)
    counts = [len(members) for members in categories.values()]
    return files, np.repeat(np.arange(len(counts), dtype=np.int64), counts)


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError as error:
        raise _unreadable(file, error) from error


def _read(file: Path, how: Decoding) -> UInt8[np.ndarray, "height width 3"]:
    try:
        return decode(file, how)
    except Exception as error:  # each of Pillow's formats fails in its own way
        raise _unreadable(file, error) from error


def _unreadable(file: Path, error: Exception) -> InputError:
    if isinstance(error, UnidentifiedImageError):
        reason = "no format that Pillow knows" if _size(file) else "it is empty"
    elif isinstance(error, Image.DecompressionBombError):
        reason = f"more than {2 * (Image.MAX_IMAGE_PIXELS or 0):,} pixels: reduce it"
    else:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return InputError(
        f"dataset: {readable(str(file))} cannot be read as an image ({reason}); "
        "repair it, remove it, or hide it with a leading dot"
    )
