"""The handwritten digits of scikit-learn, 8 × 8 pixels, which need no download.

The test images (ours) are every fifth image of each digit, in scikit-learn's order.
"""

from typing import Any

import numpy as np

from ensemble_rsa.config.settings import DataConfig
from ensemble_rsa.data.balance import rank_in_category
from ensemble_rsa.data.source import ImageSource, Split

HELD_OUT_EVERY = 5
BRIGHTEST = 16.0  # scikit-learn's pixels are 0 … 16


def digits_source(config: DataConfig) -> ImageSource:
    """The 1,797 digits as `(image, 8, 8, 1)`; ids are `digits_0000` … `digits_1796`.

    >>> source = digits_source(DataConfig())
    >>> len(source.train.ids), len(source.test.ids), source.test.ids[0]
    (1442, 355, 'digits_0033')
    """
    from sklearn.datasets import load_digits  # takes a second to import

    bunch: Any = load_digits()
    images = np.rint(bunch.images * (255 / BRIGHTEST)).astype(np.uint8)[..., None]
    labels = bunch.target.astype(np.int64)
    held_out = rank_in_category(labels) % HELD_OUT_EVERY == HELD_OUT_EVERY - 1

    def split(members: np.ndarray) -> Split:
        return Split(
            labels=labels[members],
            ids=tuple(f"digits_{number:04d}" for number in members),
            read=lambda number: images[members[number]],
        )

    return ImageSource(
        categories=tuple(str(name) for name in bunch.target_names),
        train=split(np.flatnonzero(~held_out)),
        test=split(np.flatnonzero(held_out)),
        image_shape=images.shape[1:],
    )
