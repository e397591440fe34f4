"""Pictures of what networks are shown, for people: from arrays that may be normalised."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ensemble_rsa.arrays import as_numpy

_CHANNELS = (1, 3)
_SMALLEST = 4  # pixels of a side; less is no picture


def pictures_in(
    batches: Callable[[], Iterator[Any]], few: Any
) -> Callable[[], Iterator[np.ndarray]] | None:
    """Return a function that yields the pixels of each image, 0 … 255; None for no pictures.

    `few` are the first images of the batches.

    Pictures are `(image, height, width)`, or with one or three channels before or after the sides.
    Whole numbers from 0 to 255 and numbers from 0 to 1 are shown as they are; others, which were
    normalised, are stretched image by image from their smallest to their largest number.
    """
    if not hasattr(few, "shape") or _channel_axis(few.shape) is None:
        return None
    return lambda: (_picture(image) for batch in batches() for image in as_numpy(batch))


def _channel_axis(shape: tuple[int, ...]) -> int | None:
    """Where the channels of a batch are: 1, 3, or 0 for none; None if it holds no pictures."""
    if len(shape) == 3 and min(shape[1:]) >= _SMALLEST:
        return 0
    if len(shape) == 4:
        for axis, sides in ((3, shape[1:3]), (1, shape[2:])):
            if shape[axis] in _CHANNELS and min(sides) >= _SMALLEST:
                return axis
    return None


def _picture(image: np.ndarray) -> np.ndarray:
    """Pixels `(height, width)` or `(height, width, channel)` of one image.

    >>> _picture(np.array([[[-1.0, 3.0]] * 4, [[1.0, 1.0]] * 4, [[1.0, 1.0]] * 4]))[0].tolist()
    [[0, 128, 128], [255, 128, 128]]
    """
    if image.ndim == 3 and image.shape[-1] not in _CHANNELS:
        image = np.moveaxis(image, 0, -1)
    low, high = image.min(), image.max()
    if image.dtype.kind in "ui" and low >= 0 and high <= 255:
        return image.astype(np.uint8)
    if low < 0 or high > 1:
        image = (image - low) / max(high - low, np.finfo(np.float32).tiny)
    return np.rint(255 * image.astype(np.float64)).astype(np.uint8)
