"""Any folder of images with one subfolder per category.

    PATH/cat/*.jpg, PATH/dog/*.jpg, …                         split by a seed
    PATH/train/cat/*.jpg, …, PATH/test/cat/*.jpg, …           split as the folders say

Names that begin with a dot are left out, and so is what lies beside the category folders, or beside
`train` and `test`. Everything inside a category folder must be an image that Pillow opens.
"""

import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jax
import numpy as np
from jaxtyping import Int, UInt8
from PIL import Image, ImageOps, UnidentifiedImageError

from ensemble_rsa.data.balance import rank_in_category
from ensemble_rsa.data.source import Source, SourceOptions, Split
from ensemble_rsa.errors import InputError
from ensemble_rsa.rng import stream

_FILTER = Image.Resampling.BILINEAR  # Pillow widens it when it shrinks an image, so nothing aliases


def _crop(image: Image.Image, size: int) -> Image.Image:
    """Short side to `size`, then the centre."""
    return ImageOps.fit(image, (size, size), _FILTER)


def _squash(image: Image.Image, size: int) -> Image.Image:
    """Both sides to `size`, whatever the aspect ratio."""
    return image.resize((size, size), _FILTER)


RESIZE: dict[str, Callable[[Image.Image, int], Image.Image]] = {"crop": _crop, "squash": _squash}


def folder_source(options: SourceOptions) -> Source:
    """Images of `options.path` as RGB `(image, image_size, image_size, 3)`.

    Order: categories, then file names, both sorted. Ids are paths below the folder.

    Raises:
        InputError: no such folder, fewer than two categories, an empty one, one too small to be
            split, or `train` and `test` with different categories; while reading, a file that is
            no image.
    """
    path = options.path
    if path is None or not path.is_dir():
        raise InputError(f"dataset: expected a folder with one subfolder per category, got {path}")
    if (path / "train").is_dir() and (path / "test").is_dir():
        train, test = (
            _grouped(_categories(path / split), options.category_map) for split in ("train", "test")
        )
        if train.keys() != test.keys():
            odd = sorted(train.keys() ^ test.keys())
            raise InputError(
                f"dataset: expected the same categories in {path}/train and {path}/test, "
                f"but {odd[0]!r} is in only one of them"
            )
        train_files, train_labels = _flatten(train)
        test_files, test_labels = _flatten(test)
    else:
        categories = _grouped(_categories(path), options.category_map)
        files, labels = _flatten(categories)
        held_out = _held_out(labels, tuple(categories), options.test_fraction, options.seed)
        train_labels, test_labels = labels[~held_out], labels[held_out]
        train_files = [file for file, out in zip(files, held_out, strict=True) if not out]
        test_files = [file for file, out in zip(files, held_out, strict=True) if out]
        train = categories

    def split(files: list[Path], labels: np.ndarray) -> Split:
        return Split(
            labels=labels,
            ids=tuple(file.relative_to(path).as_posix() for file in files),
            read=lambda indices: _read(
                [files[index] for index in indices], options.image_size, RESIZE[options.resize]
            ),
        )

    return Source(tuple(train), split(train_files, train_labels), split(test_files, test_labels))


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
    """What is in a folder, sorted by name, without the hidden entries."""
    try:
        names = sorted(os.listdir(path))
    except OSError as error:
        raise InputError(f"dataset: {path} cannot be listed ({error.strerror})") from error
    return [path / name for name in names if not name.startswith(".")]


def _grouped(folders: dict[str, list[Path]], map_file: Path | None) -> dict[str, list[Path]]:
    """Categories as a mapping file makes them of folders; without one, each folder is one."""
    if map_file is None:
        return folders
    names = read_category_map(map_file)
    if missing := [name for parts in names.values() for name in parts if name not in folders]:
        raise InputError(
            f"category_map: {map_file} names the folder {missing[0]!r}, which is not among the "
            f"images ({len(missing)} are not); mend the file or add the folder"
        )
    return {
        category: [file for name in names[category] for file in folders[name]]
        for category in sorted(names)
    }


def read_category_map(path: Path) -> dict[str, list[str]]:
    """A mapping of categories to the folders they are made of.

    Raises:
        InputError: no such file, no such mapping in it, or a folder in two categories.
    """
    try:
        names = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"category_map: {path} cannot be read ({error})") from None
    if not isinstance(names, dict) or not all(
        isinstance(parts, list) and parts and all(isinstance(name, str) for name in parts)
        for parts in names.values()
    ):
        raise InputError(
            f'category_map: expected {{"category": ["folder", …], …}} in {path}, got something else'
        )
    every = [name for parts in names.values() for name in parts]
    if len(names) < 2 or len({*every}) < len(every):
        raise InputError(
            f"category_map: expected two or more categories in {path}, and each folder in only one"
        )
    return names


def _flatten(categories: dict[str, list[Path]]) -> tuple[list[Path], Int[np.ndarray, " image"]]:
    """All files, category by category, with their category numbers."""
    files = [file for members in categories.values() for file in members]
    counts = [len(members) for members in categories.values()]
    return files, np.repeat(np.arange(len(counts), dtype=np.int64), counts)


def _held_out(
    labels: Int[np.ndarray, " image"], categories: tuple[str, ...], fraction: float, seed: int
) -> np.ndarray:
    """Which images are for testing: `fraction` of each category, at least one, never all."""
    counts = np.bincount(labels)
    smallest = int(np.argmin(counts))
    if counts[smallest] < 2:
        raise InputError(
            f"dataset: expected at least 2 images of each category, one to train on and one to "
            f"test on, but {categories[smallest]!r} has {counts[smallest]}"
        )
    n_test = np.clip(np.rint(counts * fraction).astype(np.int64), 1, counts - 1)
    lots = np.asarray(jax.random.uniform(stream(seed, "held_out"), labels.shape))
    return rank_in_category(labels, lots) < n_test[labels]


def _read(
    files: list[Path], size: int, resize: Callable[[Image.Image, int], Image.Image]
) -> UInt8[np.ndarray, "chosen height width 3"]:
    """Decode in threads: Pillow lets go of the interpreter while it decodes and resizes."""
    images = np.empty((len(files), size, size, 3), np.uint8)

    def read_one(position: int) -> None:
        images[position] = _read_one(files[position], size, resize)

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        # Taking the results raises the first error, and stops what has not begun.
        for _ in threads.map(read_one, range(len(files))):
            pass
    return images


def _read_one(
    file: Path, size: int, resize: Callable[[Image.Image, int], Image.Image]
) -> UInt8[np.ndarray, "height width 3"]:
    try:
        with Image.open(file) as image:
            upright = ImageOps.exif_transpose(image)
            return np.asarray(resize(_to_rgb(upright), size))
    except Exception as error:  # each of Pillow's formats fails in its own way
        unknown = isinstance(error, UnidentifiedImageError)
        reason = "no format that Pillow knows" if unknown else str(error) or type(error).__name__
        raise InputError(
            f"dataset: {file} cannot be read as an image ({reason}); "
            "mend it, take it away, or hide it with a leading dot"
        ) from error


def _to_rgb(image: Image.Image) -> Image.Image:
    """8-bit RGB. Pillow would clip deeper pixels at 255 without a word."""
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):
        raise ValueError("32-bit pixels have no known range: save it with 8 or 16 bits")
    return image.convert("RGB")
