"""Where patterns are put before they are multiplied, and where they truly are.

A pattern x becomes y = (x − mean) · scale: centred on its own mean over units if the distance asks
for that, and of about unit length. Products of such patterns lose the fewest digits. A mean and a
scale that are only about right, from a sample of units, save one pass over the activations: what
they are off by follows from the sums themselves, and is put right exactly.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float


@dataclass(frozen=True)
class Frame:
    """Where each pattern is put.

    Attributes:
        mean: what is taken away; zero where patterns are not centred.
        scale: what the rest is multiplied with.
    """

    mean: Float[np.ndarray, " stimulus"]
    scale: Float[np.ndarray, " stimulus"]


def same_value(
    sample: Float[np.ndarray, "stimulus some_unit"], centre: bool
) -> tuple[Bool[np.ndarray, " stimulus"], Float[np.ndarray, " stimulus"]]:
    """Which patterns may be without direction, judging by a sample, and the value they then have.

    A centred pattern has no direction if it is constant, another one if it is all zero.
    """
    value = sample[:, 0] if centre else np.zeros(len(sample))
    return (sample == value[:, None]).all(axis=1), value


def first_frame(
    sample: Float[np.ndarray, "stimulus some_unit"],
    centre: bool,
    unit_length: bool,
    undirected: Bool[np.ndarray, " stimulus"],
) -> Frame:
    """The frame that fits a sample of units.

    Args:
        sample: from `sample_units`.
        centre: patterns are measured from their own mean.
        unit_length: each pattern gets a scale of its own; otherwise one power of two serves all,
            since multiplying with it rounds nothing.
        undirected: patterns of one value in the sample, from `same_value`.

    >>> first_frame(np.array([[3.0, 5.0], [1.0, 1.0]]), True, True, np.array([0, 1]) > 0).mean
    array([4., 1.])
    """
    # The mean of equal numbers may be off by a rounding.
    mean = np.where(undirected, sample[:, 0], sample.mean(axis=1)) if centre else 0 * sample[:, 0]
    deviations = sample - mean[:, None] if centre else sample
    reach = np.abs(deviations).max(axis=1, keepdims=True)
    deviations = deviations / np.where(reach > 0, reach, 1)  # or squares below 1e-308 are lost
    length = reach[:, 0] * np.sqrt(np.einsum("ij,ij->i", deviations, deviations))
    return frame_of(mean, length, unit_length)


def frame_of(
    mean: Float[np.ndarray, " stimulus"], length: Float[np.ndarray, " stimulus"], unit_length: bool
) -> Frame:
    """The frame of patterns of this mean and length; a typical scale where there is no length."""
    directed = length > 0
    if not unit_length:
        return Frame(mean, np.full_like(mean, 0.5 ** np.frexp(length.max())[1]))
    typical = np.median(length[directed]) if directed.any() else 1.0
    return Frame(mean, 1.0 / np.where(directed, length, typical))


def rounded_frame(frame: Frame, dtype: np.dtype) -> Frame:
    """The frame in the precision in which patterns are put into it, as float64."""
    most = 1e37 if dtype == np.float32 else 1e300
    scale = np.clip(frame.scale, 1 / most, most)
    return Frame(*(part.astype(dtype).astype(np.float64) for part in (frame.mean, scale)))
