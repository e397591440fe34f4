"""What a source of images offers: labels and ids at once, pixels only of the images asked for."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int, Int64, UInt8

ReadImages = Callable[
    [Int[np.ndarray, " chosen"]], UInt8[np.ndarray, "chosen height width channel"]
]


@dataclass(frozen=True)
class SourceOptions:
    """Where and how to read; each source takes what concerns it and leaves the rest.

    Attributes:
        path: the folder of images (`folder`).
        data_dir: where TFDS keeps its data sets, or None for TFDS's own choice (`cifar10`).
        category_map: JSON, category → names of folders that make it up, or None (`folder`).
        image_size: height and width of the images that come out, in pixels (`folder`).
        resize: a name of `ensemble_rsa.data.folder.RESIZE` (`folder`).
        test_fraction: share of each category held out when the folder has no split (`folder`).
        seed: what the held-out images hang on (`folder`).
    """

    path: Path | None = None
    data_dir: Path | None = None
    category_map: Path | None = None
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
        read: from indices `(chosen,)` to pixels `(chosen, height, width, channel)`.
    """

    labels: Int64[np.ndarray, " image"]
    ids: tuple[str, ...]
    read: ReadImages


@dataclass(frozen=True, eq=False)
class Source:
    """Two splits with the same categories (sorted; labels index them)."""

    categories: tuple[str, ...]
    train: Split
    test: Split
