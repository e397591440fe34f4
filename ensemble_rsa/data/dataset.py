"""Data sets: training images, test images, and the categories of both."""

import hashlib
import logging
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Int, Int64, UInt8

from ensemble_rsa.config.settings import DataConfig, Feed, Part
from ensemble_rsa.data.balance import balanced_indices, rank_in_category
from ensemble_rsa.data.category_map import category_groups, grouped_categories
from ensemble_rsa.data.cifar10 import cifar10_source
from ensemble_rsa.data.digits import digits_source
from ensemble_rsa.data.folder import folder_source
from ensemble_rsa.data.image_arrays import arrays_source
from ensemble_rsa.data.imagenet2012 import imagenet2012_source
from ensemble_rsa.data.source import ImageSource, Pixels, Split, StoredImages
from ensemble_rsa.data.tfds_named import named_source
from ensemble_rsa.device import free_bytes, free_host_bytes
from ensemble_rsa.errors import unknown_name

log = logging.getLogger(__name__)
SOURCES: dict[str, Callable[[DataConfig], ImageSource]] = {
    "digits": digits_source,
    "cifar10": cifar10_source,
    "imagenet2012": imagenet2012_source,
    "folder": folder_source,
    "tfds": named_source,
    "arrays": arrays_source,
}
SHARE = 0.25  # of the free memory that images may fill (ours); networks and copies need the rest


@dataclass(frozen=True, eq=False)
class Dataset:
    """Training and test images; those that stay on disk are read when they are indexed.

    Attributes:
        name: `DataConfig.dataset`.
        train_images: pixels `(train_image, height, width, channel)`, 0 … 255.
        train_labels: category numbers `(train_image,)`.
        test_images: pixels `(test_image, height, width, channel)`, 0 … 255.
        test_labels: category numbers `(test_image,)`.
        test_ids: one name for each test image.
        categories: names in sorted order; labels index them.
        files: a digest of the names and sizes of the images' files, which identifies the images
            where reading all pixels would take long; else None.
        conversions: what was done to the pixels of some images, in words → how many training and
            test images it was done to.
    """

    name: str
    train_images: UInt8[np.ndarray, "train_image height width channel"] | StoredImages
    train_labels: Int64[np.ndarray, " train_image"]
    test_images: UInt8[np.ndarray, "test_image height width channel"] | StoredImages
    test_labels: Int64[np.ndarray, " test_image"]
    test_ids: tuple[str, ...]
    categories: tuple[str, ...]
    files: str | None = None
    conversions: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


def load_dataset(
    config: DataConfig, feed: Feed = "memory", stimulus_map: str | None = None
) -> Dataset:
    """Load the images of a configuration; images that are left out are not decoded.

    Images keep the order of the data set: scikit-learn's for `digits`, ascending ids for `cifar10`
    and `imagenet2012`, folders and then file names in sorted order for `folder:PATH`, that of the
    records for `tfds:NAME`, their own for `arrays:FILE`.
    `train_images` and `test_images` take the first images of each category, in equal numbers, and
    the remainder from the first categories. `part` and `categories` are applied afterwards; a
    middle image is in the second half.

    Args:
        config: which images.
        feed: `memory` reads all images at once, `disk` when they are indexed; `auto` takes `disk`
            where they would fill more than a quarter of the free memory.
        stimulus_map: replaces `config.category_map` for the resulting categories, but not for the
            choice of the images that are held out of a folder.

    >>> digits = load_dataset(DataConfig("digits", train_images=100, test_images=20))
    >>> digits.train_images.shape, digits.test_labels.tolist()[:5], digits.categories[:3]
    ((100, 8, 8, 1), [5, 0, 9, 8, 7], ('0', '1', '2'))
    """
    source = SOURCES[config.dataset.partition(":")[0]](config)
    argument = "stimulus_map" if stimulus_map else "category_map"
    groups = category_groups(stimulus_map or config.category_map, argument)
    names, of_folder = grouped_categories(source.categories, groups, argument)
    wanted = names if config.categories is None else config.categories
    if unknown := [name for name in wanted if name not in names]:
        raise unknown_name("categories", unknown[0], names)
    kept = np.flatnonzero([name in wanted for name in names])
    train_all, test_all = of_folder[source.train.labels], of_folder[source.test.labels]
    train = _chosen("train_images", train_all, len(names), config.train_images, config.part)
    test = _chosen("test_images", test_all, len(names), config.test_images, "all")
    train, test = train[np.isin(train_all[train], kept)], test[np.isin(test_all[test], kept)]
    conversions = _conversions(source, train, test)
    on_disk = _from_disk(feed, len(train) + len(test), source.image_shape)

    def pixels(split: Split, chosen: np.ndarray) -> Pixels:
        stored = StoredImages(split.read, chosen, source.image_shape, source.threads)
        return stored if on_disk else stored[:]

    return Dataset(
        name=config.dataset,
        train_images=pixels(source.train, train),
        train_labels=np.searchsorted(kept, train_all[train]),
        test_images=pixels(source.test, test),
        test_labels=np.searchsorted(kept, test_all[test]),
        test_ids=tuple(source.test.ids[index] for index in test),
        categories=tuple(names[index] for index in kept),
        files=_digest(source, train, test, conversions),
        conversions=conversions,
    )


def _from_disk(feed: Feed, n_images: int, image_shape: tuple[int, int, int]) -> bool:
    """Whether images stay on disk; logged where `auto` decides so."""
    if feed != "auto":
        return feed == "disk"
    needed, free = n_images * math.prod(image_shape), min(free_bytes(), free_host_bytes())
    if needed <= SHARE * free:
        return False
    log.info(
        "%s images would take %.1f GB of memory and %.1f GB are free: reading them from disk batch "
        "by batch",
        f"{n_images:,}",
        needed / 1e9,
        free / 1e9,
    )
    return True


def _conversions(
    source: ImageSource, train: np.ndarray, test: np.ndarray
) -> dict[str, dict[str, int]]:
    """What is done to the pixels of chosen images, and to how many; logged."""
    chosen = {"train": (source.train, train), "test": (source.test, test)}
    counts = {
        words: {
            part: int(split.conversions[words][at].sum()) for part, (split, at) in chosen.items()
        }
        for words in source.train.conversions
    }
    done = {words: count for words, count in counts.items() if any(count.values())}
    for words, count in done.items():
        log.info("%s training and %s test images: %s", count["train"], count["test"], words)
    return done


def _digest(
    source: ImageSource, train: np.ndarray, test: np.ndarray, conversions: Iterable[str]
) -> str | None:
    """Digest of the names and sizes of all files, in order, and of what is done to their pixels.

    None for images without files.
    """
    digest = hashlib.blake2b(repr(source.image_shape).encode(), digest_size=16)
    for split, chosen in ((source.train, train), (source.test, test)):
        if split.file_bytes is None:
            return None
        for index in chosen:
            digest.update(f"{split.ids[index]} {split.file_bytes(index)}\n".encode())
    for words in conversions:
        digest.update(f"{words}\n".encode())
    return digest.hexdigest()


def _chosen(
    argument: str, labels: Int[np.ndarray, " image"], n_categories: int, n: int | None, part: Part
) -> Int[np.ndarray, " chosen"]:
    """The first images of each category, or a part of those; images labelled -1 are left out."""
    known = np.flatnonzero(labels >= 0)
    chosen = known[balanced_indices(argument, labels[known], n_categories, n)]
    if part == "all":
        return chosen
    ranks, counts = rank_in_category(labels[chosen]), np.bincount(labels[chosen])
    in_first = 2 * ranks + 1 < counts[labels[chosen]]
    return chosen[in_first if part == "first_half" else ~in_first]
