"""Images in arrays, as `arrays:FILE.npz`.

The file holds `images` (image, height, width[, channel]) and `labels` (image,), and may hold
`test_images` and `test_labels`. Whole numbers are pixels from 0 to 255, others from 0 to 1.
"""

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from ensemble_rsa import files
from ensemble_rsa.arrays import ArrayLike, LabelsLike, as_numpy, check_array, check_labels
from ensemble_rsa.config.settings import ARRAYS, DataConfig
from ensemble_rsa.data.held_out import held_out
from ensemble_rsa.data.source import ImageSource, Split
from ensemble_rsa.errors import InputError

KEYS = ("images", "labels", "test_images", "test_labels")


def data_from_arrays(
    path: str | Path,
    images: ArrayLike,
    labels: LabelsLike,
    test_images: ArrayLike | None = None,
    test_labels: LabelsLike | None = None,
    **settings: Any,
) -> DataConfig:
    """Store images in a file, from which runs and later sessions read them, and return the data.

    Args:
        path: of the file, ending in `.npz`; an existing one is replaced.
        images: `(image, height, width)` or `(image, height, width, channel)` with one or three
            channels: whole numbers from 0 to 255, or numbers from 0 to 1, which are rounded to 8
            bits.
        labels: the category of each image.
        test_images: likewise; without them, `test_fraction` of each category is held out.
        test_labels: of the test images.
        **settings: of `DataConfig`; `preprocessing` is "standardize" unless given.

    Raises:
        InputError: arrays of other shapes, pixels outside these ranges, missing labels, test
            images or test labels alone, or another ending.

    >>> import tempfile
    >>> rng = np.random.default_rng(0)
    >>> path = f"{tempfile.mkdtemp()}/noise.npz"
    >>> data = data_from_arrays(path, rng.random((20, 8, 8)), ["cat", "dog"] * 10)
    >>> data.dataset.startswith("arrays:"), data.preprocessing
    (True, 'standardize')
    """
    path = files.as_path("path", path)
    if path.suffix != ".npz":
        raise InputError(f"path: expected a file that ends in .npz, got {path}")
    if (test_images is None) != (test_labels is None):
        given = "test_labels" if test_images is None else "test_images"
        raise InputError(f"{given}: expected test_images and test_labels together, got one alone")
    stored: dict[str, np.ndarray] = {}
    for prefix, pixels, names in (("", images, labels), ("test_", test_images, test_labels)):
        if pixels is None or names is None:
            continue
        name = f"{prefix}images"
        array = check_array(name, pixels, 3, "(image, height, width, channel)")
        stored[name] = as_pixels(name, as_numpy(array))
        n = len(stored[name])
        codes, categories = check_labels(f"{prefix}labels", names, n, "images")
        own = categories[codes]
        stored[f"{prefix}labels"] = own.astype(str) if own.dtype.kind == "O" else own
    values: dict[str, Any] = {"preprocessing": "standardize", **settings}
    data = DataConfig(f"{ARRAYS}{path}", **values)
    with files.atomic_path(path) as place, place.open("wb") as stream:
        np.savez(stream, allow_pickle=False, **stored)
    return data


def arrays_source(config: DataConfig) -> ImageSource:
    """Return the images of `arrays:FILE.npz`; ids are `image_0`, … by position.

    Raises:
        InputError: no such file, or one that holds something else.
    """
    path = config.file
    assert path is not None  # of `arrays:`
    stored = _read(path)
    pixels = as_pixels(f"dataset: {path}, images", stored["images"])
    categories, codes = _labels_of(path, stored, len(pixels))
    if "test_images" in stored:
        others = as_pixels(f"dataset: {path}, test_images", stored["test_images"])
        if others.shape[1:] != pixels.shape[1:]:
            raise InputError(
                f"dataset: expected test images of shape {pixels.shape[1:]} like the training "
                f"images of {path}, got {others.shape[1:]}"
            )
        train = _split(pixels, codes[: len(pixels)], np.arange(len(pixels)), "image")
        test = _split(others, codes[len(pixels) :], np.arange(len(others)), "test_image")
    else:
        of_test = held_out(codes, categories, config)
        train, test = (
            _split(pixels, codes, np.flatnonzero(chosen), "image") for chosen in (~of_test, of_test)
        )
    return ImageSource(categories, train, test, pixels.shape[1:])


def _split(pixels: np.ndarray, codes: np.ndarray, chosen: np.ndarray, name: str) -> Split:
    width = len(str(max(1, len(pixels) - 1)))
    return Split(
        labels=codes[chosen],
        ids=tuple(f"{name}_{number:0{width}d}" for number in chosen.tolist()),
        read=lambda number: pixels[chosen[number]],
    )


def _read(path: Path) -> dict[str, np.ndarray]:
    if not path.is_file():
        raise InputError(f"dataset: no such file: {path}")
    try:
        loaded = np.load(path, allow_pickle=False)
        stored, names = {}, ["a single array"]
        if not isinstance(loaded, np.ndarray):
            with loaded as archive:
                stored = {key: archive[key] for key in KEYS if key in archive}
                names = list(archive)
    except Exception as error:  # NumPy and zipfile fail in many ways
        raise InputError(
            f"dataset: {path} cannot be read as a file of numpy.savez ({files.reason(error)})"
        ) from error
    for prefix in ("", "test_"):
        here = [key for key in (f"{prefix}images", f"{prefix}labels") if key in stored]
        if len(here) == 1 or (not here and not prefix):
            raise InputError(
                f"dataset: expected images and labels (and test_images and test_labels) in {path}, "
                f"got {', '.join(names) or 'nothing'}"
            )
    return stored


def _labels_of(
    path: Path, stored: dict[str, np.ndarray], n: int
) -> tuple[tuple[str, ...], np.ndarray]:
    """Names of the categories, and numbers of the labels of all images, the test images last."""
    name, lengths = f"dataset: {path}, labels", {"labels": n}
    if "test_labels" in stored:
        lengths["test_labels"] = len(stored["test_images"])
    parts = [stored[key] for key in lengths]
    for part, length in zip(parts, lengths.values(), strict=True):
        check_labels(name, part, length, "images")
    codes, categories = check_labels(name, np.concatenate(parts))
    names = tuple(str(category) for category in categories)
    if lacking := sorted({*range(len(names))} - {*codes[:n].tolist()}):
        raise InputError(
            f"dataset: expected training images of every category of the test images of {path}, "
            f"got none of {names[lacking[0]]!r}"
        )
    return names, codes.astype(np.int64)


def as_pixels(name: str, values: np.ndarray) -> UInt8[np.ndarray, "image height width channel"]:
    """Return images as 8-bit pixels: whole numbers are from 0 to 255, others from 0 to 1.

    Raises:
        InputError: another shape, no numbers, or numbers outside these ranges.
    """
    if values.ndim == 3:
        values = values[..., None]
    if values.ndim != 4 or values.shape[-1] not in (1, 3) or 0 in values.shape:
        raise InputError(
            f"{name}: expected shape (image, height, width) or (image, height, width, channel) "
            f"with one or three channels, got {values.shape}"
        )
    if values.dtype.kind not in "uif":
        raise InputError(f"{name}: expected numbers, got {values.dtype}")
    whole = values.dtype.kind in "ui"
    low, high, most = float(values.min()), float(values.max()), 255 if whole else 1
    if not (low >= 0 and high <= most):
        raise InputError(
            f"{name}: expected {'whole numbers from 0 to 255' if whole else 'numbers from 0 to 1'}"
            f", got {low:g} to {high:g}"
        )
    return values.astype(np.uint8) if whole else np.rint(values * 255).astype(np.uint8)
