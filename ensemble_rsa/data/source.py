"""Sources of images: labels and ids are known at once, pixels are read for chosen images only."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Int, Int64, UInt8

from ensemble_rsa.jax_settings import n_cores

ReadImage = Callable[[int], UInt8[np.ndarray, "height width channel"]]


@dataclass(frozen=True, eq=False)
class Split:
    """The training or the test images of a source.

    Attributes:
        labels: category numbers `(image,)`.
        ids: one name for each image.
        read: the number of an image → its pixels `(height, width, channel)`; thread-safe.
        file_bytes: the number of an image → the size of its file, which identifies the image
            together with its name; None where images are identified by their pixels.
        conversions: what is done to the pixels of some images, in words → which images `(image,)`.
    """

    labels: Int64[np.ndarray, " image"]
    ids: tuple[str, ...]
    read: ReadImage
    file_bytes: Callable[[int], int] | None = None
    conversions: Mapping[str, Bool[np.ndarray, " image"]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class ImageSource:
    """Training and test images of the same categories.

    Attributes:
        categories: names in sorted order; labels index them.
        train, test: the images.
        image_shape: (height, width, channel) of every image.
        threads: whether to decode in several threads.
    """

    categories: tuple[str, ...]
    train: Split
    test: Split
    image_shape: tuple[int, int, int]
    threads: bool = False


@dataclass(frozen=True, eq=False)
class StoredImages:
    """An array of images whose pixels are read when it is indexed.

    Attributes:
        read: the number of an image → its pixels.
        chosen: numbers of the images `(image,)`.
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
        """(image, height, width, channel)."""
        return len(self.chosen), *self.image_shape

    def __len__(self) -> int:
        return len(self.chosen)

    def __getitem__(
        self, which: slice | Int[np.ndarray, " some"]
    ) -> UInt8[np.ndarray, "some height width channel"]:
        numbers = self.chosen[which]
        pixels = np.empty((len(numbers), *self.image_shape), np.uint8)
        if not self.threads:
            for place, number in enumerate(numbers.tolist()):
                pixels[place] = self.read(number)
            return pixels
        with ThreadPoolExecutor(n_cores()) as threads:
            # iterating over the results raises the first error and cancels the remaining reads
            for place, image in enumerate(threads.map(self.read, numbers.tolist())):
                pixels[place] = image
        return pixels


Pixels = UInt8[np.ndarray, "image height width channel"] | StoredImages
