"""What a source of images offers: labels and ids at once, pixels only of the images asked for."""

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int, Int64, UInt8

ReadImage = Callable[[int], UInt8[np.ndarray, "height width channel"]]


@dataclass(frozen=True)
class SourceOptions:
    """Where and how to read; each source takes what concerns it and leaves the rest.

    Attributes:
        path: the folder of images (`folder`).
        data_dir: where TFDS keeps its data sets, or None for TFDS's own choice (`cifar10`,
            `imagenet2012`).
        category_map: category → names of folders that make it up, or None; images are held out of
            a folder category by category (`folder`).
        image_size: height and width of the images that come out, in pixels (`folder`,
            `imagenet2012`).
        resize: a name of `ensemble_rsa.data.decoding.RESIZE` (`folder`, `imagenet2012`).
        test_fraction: share of each category held out when the folder has no split (`folder`).
        seed: what the held-out images hang on (`folder`).
    """

    path: Path | None = None
    data_dir: Path | None = None
    category_map: Mapping[str, list[str]] | None = None
    image_size: int = 32
    resize: str = "crop"
    test_fraction: float = 0.2
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Split:
    """The training or the test half of a source, before its pixels are read.

    Attributes:
        labels: category numbers `(image,)`.
        ids: one name for each image.
        read: the number of an image → its pixels `(height, width, channel)`; safe in threads.
        file_bytes: the number of an image → the size of its file, which with its name stands for
            its pixels; None where all pixels are looked at to tell one data set from another.
    """

    labels: Int64[np.ndarray, " image"]
    ids: tuple[str, ...]
    read: ReadImage
    file_bytes: Callable[[int], int] | None = None


@dataclass(frozen=True, eq=False)
class Source:
    """Two splits with the same categories (sorted; labels index them).

    Attributes:
        categories: their names.
        train, test: the splits.
        image_shape: (height, width, channel) of every image.
        threads: whether an image takes so long to decode that several threads pay.
    """

    categories: tuple[str, ...]
    train: Split
    test: Split
    image_shape: tuple[int, int, int]
    threads: bool = False


@dataclass(frozen=True, eq=False)
class StoredImages:
    """Images that are read whenever they are indexed; else like an array of their pixels.

    Attributes:
        read: of a split.
        chosen: numbers of the images in that split `(image,)`.
        image_shape: (height, width, channel).
        threads: whether to decode in several threads.

    >>> black = lambda number: np.full((1, 1, 1), number, np.uint8)
    >>> images = StoredImages(black, np.array([7, 8, 9]), (1, 1, 1), threads=False)
    >>> images.shape, images[1:].ravel().tolist(), images[np.array([2, 0])].ravel().tolist()
    ((3, 1, 1, 1), [8, 9], [9, 7])
    """

    read: ReadImage
    chosen: Int64[np.ndarray, " image"]
    image_shape: tuple[int, int, int]
    threads: bool
    dtype = np.dtype(np.uint8)
    ndim = 4

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(image, height, width, channel), as of an array."""
        return len(self.chosen), *self.image_shape

    def __len__(self) -> int:
        return len(self.chosen)

    def __getitem__(
        self, which: slice | Int[np.ndarray, " some"]
    ) -> UInt8[np.ndarray, "some height width channel"]:
        numbers = self.chosen[which]
        pixels = np.empty((len(numbers), *self.image_shape), np.uint8)

        def read(place: int) -> None:
            pixels[place] = self.read(int(numbers[place]))

        if not self.threads:
            for place in range(len(numbers)):
                read(place)
            return pixels
        with ThreadPoolExecutor(os.cpu_count()) as threads:
            # Taking the results raises the first error, and stops what has not begun.
            for _ in threads.map(read, range(len(numbers))):
                pass
        return pixels


Pixels = UInt8[np.ndarray, "image height width channel"] | StoredImages
