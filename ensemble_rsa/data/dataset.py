"""A data set by its name: training images, test images, and the categories of both."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Int, Int64, UInt8

from ensemble_rsa.data.balance import balanced_indices, check_count, rank_in_category
from ensemble_rsa.data.cifar10 import cifar10_source
from ensemble_rsa.data.digits import digits_source
from ensemble_rsa.data.folder import RESIZE, folder_source
from ensemble_rsa.data.source import Source, SourceOptions
from ensemble_rsa.errors import InputError, unknown_name

DATASETS: dict[str, Callable[[SourceOptions], Source]] = {
    "digits": digits_source,
    "cifar10": cifar10_source,
    "folder": folder_source,
}
PARTS = ("all", "first_half", "second_half")
_CHOICES = ("digits", "cifar10", "folder:PATH")


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images in memory, split into training and test.

    Attributes:
        name: the name it was loaded by.
        train_images: pixels `(train_image, height, width, channel)`, 0 … 255.
        train_labels: category numbers `(train_image,)`.
        test_images: pixels `(test_image, height, width, channel)`, 0 … 255.
        test_labels: category numbers `(test_image,)`.
        test_ids: one name for each test image.
        categories: names in sorted order; labels index them.
    """

    name: str
    train_images: UInt8[np.ndarray, "train_image height width channel"]
    train_labels: Int64[np.ndarray, " train_image"]
    test_images: UInt8[np.ndarray, "test_image height width channel"]
    test_labels: Int64[np.ndarray, " test_image"]
    test_ids: tuple[str, ...]
    categories: tuple[str, ...]


def load_dataset(
    name: str,
    *,
    data_dir: str | PathLike[str] | None = None,
    train_images: int | None = None,
    test_images: int | None = None,
    part: str = "all",
    categories: Sequence[str] | None = None,
    category_map: str | PathLike[str] | None = None,
    image_size: int = 32,
    resize: str = "crop",
    test_fraction: float = 0.2,
    seed: int = 0,
) -> Dataset:
    """Load a data set, or a balanced part of it; images left out are not decoded.

    A part keeps the data set's own order: `digits` scikit-learn's, `cifar10` ascending ids,
    `folder:PATH` categories and then file names in sorted order.

    Args:
        name: `digits`, `cifar10` or `folder:PATH`.
        data_dir: where TFDS keeps CIFAR-10; None for `TFDS_DATA_DIR`, else TFDS's own default.
        train_images: how many training images, the first n/categories of each category with the
            remainder over the first categories; None for all.
        test_images: the same for the test images.
        part: `all`, or the `first_half` or `second_half` of each category's training images, after
            `train_images` are chosen; a middle image is in the second half.
        categories: keep these alone, in training and test, after the images are chosen.
        category_map: a JSON file, category → list of folders, that makes one category of several
            folders; folders that it does not name are left out; `folder:PATH` only.
        image_size: height and width in pixels; `folder:PATH` only.
        resize: `crop` (short side to `image_size`, then the centre) or `squash`; `folder:PATH`
            only.
        test_fraction: held-out share of each category where the folder has no `train` and `test`.
        seed: which images are held out there.

    Raises:
        InputError: an unknown name, a number that cannot be, or images that cannot be read.
        RunError: CIFAR-10 is not there and cannot be downloaded.

    >>> digits = load_dataset("digits", train_images=100, test_images=20)
    >>> digits.train_images.shape, digits.test_labels.tolist()[:5], digits.categories[:3]
    ((100, 8, 8, 1), [5, 0, 9, 8, 7], ('0', '1', '2'))
    """
    kind, path = _parse_name(name)
    if resize not in RESIZE:
        raise unknown_name("resize", resize, RESIZE)
    if not 0 < test_fraction < 1:
        raise InputError(f"test_fraction: expected a share between 0 and 1, got {test_fraction!r}")
    for argument, n in (("train_images", train_images), ("test_images", test_images)):
        if n is not None:
            check_count(argument, n)
    if category_map is not None and kind != "folder":
        raise InputError(f"category_map: expected none, since {name} is no folder of images")
    source = DATASETS[kind](
        SourceOptions(
            path=path,
            data_dir=None if data_dir is None else Path(data_dir).expanduser(),
            category_map=None if category_map is None else Path(category_map).expanduser(),
            image_size=check_count("image_size", image_size),
            resize=resize,
            test_fraction=test_fraction,
            seed=seed,
        )
    )
    n_categories = len(source.categories)
    kept = _chosen_categories(source.categories, categories)
    train = balanced_indices("train_images", source.train.labels, n_categories, train_images)
    test = balanced_indices("test_images", source.test.labels, n_categories, test_images)
    train = train[_in_part(source.train.labels[train], part)]
    train, test = (
        chosen[np.isin(labels[chosen], kept)]
        for chosen, labels in ((train, source.train.labels), (test, source.test.labels))
    )
    return Dataset(
        name=name,
        train_images=source.train.read(train),
        train_labels=np.searchsorted(kept, source.train.labels[train]),
        test_images=source.test.read(test),
        test_labels=np.searchsorted(kept, source.test.labels[test]),
        test_ids=tuple(source.test.ids[index] for index in test),
        categories=tuple(source.categories[index] for index in kept),
    )


def _chosen_categories(
    names: tuple[str, ...], chosen: Sequence[str] | None
) -> Int[np.ndarray, " category"]:
    """Numbers of the categories to keep, ascending."""
    for name in chosen or ():
        if name not in names:
            raise unknown_name("categories", name, names)
    return np.flatnonzero([chosen is None or name in chosen for name in names])


def _in_part(labels: Int[np.ndarray, " image"], part: str) -> Bool[np.ndarray, " image"]:
    """Which images belong to a part of their category."""
    if part not in PARTS:
        raise unknown_name("part", part, PARTS)
    in_first = 2 * rank_in_category(labels) + 1 < np.bincount(labels)[labels]
    return {"all": in_first | True, "first_half": in_first, "second_half": ~in_first}[part]


def _parse_name(name: str) -> tuple[str, Path | None]:
    """Split `folder:PATH`; the other names stand alone."""
    kind, colon, path = str(name).partition(":")
    if kind not in DATASETS or (colon and kind != "folder"):
        raise unknown_name("dataset", name, _CHOICES)
    if kind != "folder":
        return kind, None
    if not path:
        raise InputError(f"dataset: expected folder:PATH with the path of a folder, got {name!r}")
    return kind, Path(path).expanduser()
