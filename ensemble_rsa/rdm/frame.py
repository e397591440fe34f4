"""Where patterns are placed before products of them are taken.

A pattern x becomes y = (x − mean) · scale: centred on its own mean over units if the distance asks
for that, and of about unit length. Products of such patterns lose the fewest digits.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

SAFE_SQUARES = 1e-30, 1e30  # float32 holds these squared lengths without loss


@dataclass(frozen=True)
class Frame:
    """Where each pattern is placed before products are taken.

    A mean and a scale that are only approximate, from a sample of units, save a pass over the
    activations: their error follows from the sums and is corrected exactly.

    The mean is zero where patterns are not centred.
    """

    mean: Float[np.ndarray, " stimulus"]
    scale: Float[np.ndarray, " stimulus"]

    def rounded(self, dtype: np.dtype) -> "Frame":
        """The frame in the precision in which patterns are placed, as float64."""
        limit = 1e37 if dtype == np.float32 else 1e300
        scale = np.minimum(np.maximum(self.scale, 1 / limit), limit)
        return Frame(*(part.astype(dtype).astype(np.float64) for part in (self.mean, scale)))


def constant_patterns(
    sample: Float[np.ndarray, "stimulus some_unit"], centre: bool
) -> tuple[Bool[np.ndarray, " stimulus"], np.ndarray]:
    """Which patterns have a single value in a sample of units, and that value.

    A centred pattern has no direction if it is constant; otherwise only if it is all zero.
    """
    value = sample[:, 0] if centre else np.zeros(len(sample), sample.dtype)
    constant = sample[:, -1] == value
    candidates = np.flatnonzero(constant)
    if candidates.size:
        constant[candidates] = (sample[candidates] == value[candidates, None]).all(axis=1)
    return constant, value


def first_frame(
    sample: Float[np.ndarray, "stimulus some_unit"],
    centre: bool,
    unit_length: bool,
    constant: Bool[np.ndarray, " stimulus"],
) -> Frame:
    """The frame that fits a sample of units, float32 or float64.

    With `unit_length` each pattern has its own scale; otherwise one power of two serves all, since
    multiplying with it rounds nothing. `constant` is from `constant_patterns`.

    >>> first_frame(np.array([[3.0, 5.0], [1.0, 1.0]]), True, True, np.array([0, 1]) > 0).mean
    array([4., 1.])
    """
    mean = np.zeros(len(sample), sample.dtype)
    if centre:  # the mean of equal numbers may be off by a rounding
        mean = np.where(constant, sample[:, 0], sample.mean(axis=1))
    deviations = sample - mean[:, None] if centre else sample
    squares = np.vecdot(deviations, deviations)
    if (constant | ((squares > SAFE_SQUARES[0]) & (squares < SAFE_SQUARES[1]))).all():
        return frame_of(mean, np.sqrt(squares), unit_length)
    if sample.dtype != np.float64:
        return first_frame(sample.astype(np.float64), centre, unit_length, constant)
    largest = np.abs(deviations).max(axis=1, keepdims=True)
    deviations = deviations / np.where(largest > 0, largest, 1)
    length = largest[:, 0] * np.sqrt(np.vecdot(deviations, deviations))
    return frame_of(mean, length, unit_length)


def frame_of(mean: np.ndarray, length: np.ndarray, unit_length: bool) -> Frame:
    """The frame of patterns of this mean and length; a typical scale where there is no length."""
    mean, length = mean.astype(np.float64), length.astype(np.float64)
    if not unit_length:
        return Frame(mean, np.full_like(mean, 0.5 ** np.frexp(length.max())[1]))
    directed = length > 0
    if not directed.all():
        length = np.where(directed, length, np.median(length[directed]) if directed.any() else 1.0)
    return Frame(mean, 1.0 / length)
