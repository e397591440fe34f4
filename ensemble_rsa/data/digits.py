"""Handwritten digits, 8×8 pixels, that ship inside scikit-learn: a data set that needs no network.

The collection has no split of its own. Ours: the fifth, tenth, fifteenth … image of each digit, in
scikit-learn's order, is held out for testing.
"""

from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from ensemble_rsa.data.balance import rank_in_category
from ensemble_rsa.data.source import Source, SourceOptions, Split

HELD_OUT_EVERY = 5
BRIGHTEST = 16.0  # scikit-learn's pixels are 0 … 16


def digits_source(options: SourceOptions) -> Source:
    """The 1,797 digits as `(image, 8, 8, 1)`; ids are `digits_0000` … `digits_1796`.

    Args:
        options: nothing in it concerns the digits.

    >>> source = digits_source(SourceOptions())
    >>> len(source.train.ids), len(source.test.ids), source.test.ids[0]
    (1442, 355, 'digits_0033')
    """
    from sklearn.datasets import load_digits  # a second to import, so only when it is wanted

    bunch: Any = load_digits()
    images = _to_uint8(bunch.images)
    labels = bunch.target.astype(np.int64)
    held_out = rank_in_category(labels) % HELD_OUT_EVERY == HELD_OUT_EVERY - 1

    def split(members: np.ndarray) -> Split:
        return Split(
            labels=labels[members],
            ids=tuple(f"digits_{number:04d}" for number in members),
            read=lambda number: images[members[number]],
        )

    return Source(
        categories=tuple(str(name) for name in bunch.target_names),
        train=split(np.flatnonzero(~held_out)),
        test=split(np.flatnonzero(held_out)),
        image_shape=images.shape[1:],
    )


def _to_uint8(
    images: Float[np.ndarray, "image height width"],
) -> UInt8[np.ndarray, "image height width 1"]:
    """From 0 … 16 to 0 … 255, rounded."""
    return np.rint(images * (255 / BRIGHTEST)).astype(np.uint8)[..., None]
