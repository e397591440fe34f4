"""A data set by its name: training images, test images, and the categories of both."""

import hashlib
import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Int, Int64, UInt8

from ensemble_rsa.data.balance import balanced_indices, check_count, rank_in_category
from ensemble_rsa.data.category_map import grouped_categories, read_category_map
from ensemble_rsa.data.cifar10 import cifar10_source
from ensemble_rsa.data.decoding import RESIZE
from ensemble_rsa.data.digits import digits_source
from ensemble_rsa.data.folder import folder_source
from ensemble_rsa.data.imagenet2012 import imagenet2012_source
from ensemble_rsa.data.source import Pixels, Source, SourceOptions, Split, StoredImages
from ensemble_rsa.device import free_bytes, free_host_bytes
from ensemble_rsa.errors import InputError, unknown_name

log = logging.getLogger(__name__)
DATASETS: dict[str, Callable[[SourceOptions], Source]] = {
    "digits": digits_source,
    "cifar10": cifar10_source,
    "imagenet2012": imagenet2012_source,
    "folder": folder_source,
}
PARTS = ("all", "first_half", "second_half")
FEEDS = ("auto", "memory", "disk")
SHARE = 0.25  # of the free memory that images may fill; networks and copies need the rest
_CHOICES = (*(name for name in DATASETS if name != "folder"), "folder:PATH")


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images, split into training and test; those that stay on disk are read when indexed.

    Attributes:
        name: the name it was loaded by.
        train_images: pixels `(train_image, height, width, channel)`, 0 … 255.
        train_labels: category numbers `(train_image,)`.
        test_images: pixels `(test_image, height, width, channel)`, 0 … 255.
        test_labels: category numbers `(test_image,)`.
        test_ids: one name for each test image.
        categories: names in sorted order; labels index them.
        files: a digest of the names and sizes of the images' files, which stands for their pixels
            where these would take long to read; None where they do not.
    """

    name: str
    train_images: UInt8[np.ndarray, "train_image height width channel"] | StoredImages
    train_labels: Int64[np.ndarray, " train_image"]
    test_images: UInt8[np.ndarray, "test_image height width channel"] | StoredImages
    test_labels: Int64[np.ndarray, " test_image"]
    test_ids: tuple[str, ...]
    categories: tuple[str, ...]
    files: str | None = None


def load_dataset(
    name: str,
    *,
    data_dir: str | PathLike[str] | None = None,
    train_images: int | None = None,
    test_images: int | None = None,
    part: str = "all",
    categories: Sequence[str] | None = None,
    category_map: str | PathLike[str] | None = None,
    stimulus_map: str | PathLike[str] | None = None,
    image_size: int = 32,
    resize: str = "crop",
    test_fraction: float = 0.2,
    seed: int = 0,
    feed: str = "memory",
) -> Dataset:
    """Load a data set, or a balanced part of it; images left out are not decoded.

    A part keeps the data set's own order: `digits` scikit-learn's, `cifar10` and `imagenet2012`
    ascending ids, `folder:PATH` folders and then file names in sorted order.

    Args:
        name: `digits`, `cifar10`, `imagenet2012` or `folder:PATH`.
        data_dir: where TFDS keeps its data; None for `TFDS_DATA_DIR`, else TFDS's own default.
        train_images: how many training images, the first n/categories of each category with the
            remainder over the first categories; None for all.
        test_images: the same for the test images.
        part: `all`, or the `first_half` or `second_half` of each category's training images, after
            `train_images` are chosen; a middle image is in the second half.
        categories: keep these alone, in training and test, after the images are chosen.
        category_map: makes one category of several folders (for `imagenet2012`, WordNet ids); those
            it does not name are left out. A JSON file, or `broad` or `cifar10`, which ship with the
            package.
        stimulus_map: the same for the categories that come out, while the images held out of a
            folder stay those that `category_map` holds out.
        image_size: height and width in pixels; `folder:PATH` and `imagenet2012`.
        resize: `crop` (short side to `image_size`, then the centre) or `squash`; the same two.
        test_fraction: held-out share of each category where the folder has no `train` and `test`.
        seed: which images are held out there.
        feed: `memory` reads all images at once, `disk` when they are indexed; `auto` takes `disk`
            where they would fill more than a quarter of the free memory.

    Raises:
        InputError: an unknown name, a number that cannot be, or images that cannot be read.
        RunError: CIFAR-10 is not there and cannot be downloaded, or ImageNet is not there.

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
    if feed not in FEEDS:
        raise unknown_name("feed", feed, FEEDS)
    groups = None if category_map is None else read_category_map(category_map)
    source = DATASETS[kind](
        SourceOptions(
            path=path,
            data_dir=None if data_dir is None else Path(data_dir).expanduser(),
            category_map=groups,
            image_size=check_count("image_size", image_size),
            resize=resize,
            test_fraction=test_fraction,
            seed=seed,
        )
    )
    if stimulus_map is not None:
        groups = read_category_map(stimulus_map)
    names, of_folder = grouped_categories(source.categories, groups)
    kept = _chosen_categories(names, categories)
    train_all, test_all = of_folder[source.train.labels], of_folder[source.test.labels]
    train = _chosen("train_images", train_all, len(names), train_images, part)
    test = _chosen("test_images", test_all, len(names), test_images, "all")
    train, test = train[np.isin(train_all[train], kept)], test[np.isin(test_all[test], kept)]
    on_disk = _from_disk(feed, len(train) + len(test), source.image_shape)

    def pixels(split: Split, chosen: np.ndarray) -> Pixels:
        stored = StoredImages(split.read, chosen, source.image_shape, source.threads)
        return stored if on_disk else stored[:]

    return Dataset(
        name=name,
        train_images=pixels(source.train, train),
        train_labels=np.searchsorted(kept, train_all[train]),
        test_images=pixels(source.test, test),
        test_labels=np.searchsorted(kept, test_all[test]),
        test_ids=tuple(source.test.ids[index] for index in test),
        categories=tuple(names[index] for index in kept),
        files=_digest(source, train, test),
    )


def _from_disk(feed: str, n_images: int, image_shape: tuple[int, int, int]) -> bool:
    """Whether images stay on disk, which is said if it was not asked for."""
    if feed != "auto":
        return feed == "disk"
    needed, free = n_images * math.prod(image_shape), min(free_bytes(), free_host_bytes())
    if needed <= SHARE * free:
        return False
    log.info(
        "%s images would take %.1f GB of memory, and %.1f are free: they are read from disk batch "
        "by batch",
        f"{n_images:,}",
        needed / 1e9,
        free / 1e9,
    )
    return True


def _digest(source: Source, train: np.ndarray, test: np.ndarray) -> str | None:
    """What stands for the pixels of images whose files say enough: names and sizes, in order."""
    digest = hashlib.blake2b(repr(source.image_shape).encode(), digest_size=16)
    for split, chosen in ((source.train, train), (source.test, test)):
        if split.file_bytes is None:
            return None
        for index in chosen:
            digest.update(f"{split.ids[index]} {split.file_bytes(index)}\n".encode())
    return digest.hexdigest()


def _chosen(
    argument: str, labels: Int[np.ndarray, " image"], n_categories: int, n: int | None, part: str
) -> Int[np.ndarray, " chosen"]:
    """The first images of each category, or a part of those; -1 is none."""
    known = np.flatnonzero(labels >= 0)
    chosen = known[balanced_indices(argument, labels[known], n_categories, n)]
    return chosen[_in_part(labels[chosen], part)]


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
