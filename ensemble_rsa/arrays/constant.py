"""When an RDM counts as constant: the one criterion of all comparisons, intervals and embeddings.

The correlation of an RDM with others is undefined if its distances are all equal. Distances that
should be equal differ by rounding, whose correlations look like results but are noise.
"""

from typing import Any

import numpy as np

MOST_SPREAD = 1e-6  # of the largest distance, of a constant RDM that is not zero to rounding
MOST_ROUNDING = 4e-6  # the largest distance of an RDM that is zero to rounding
_STEPS = 16  # of the precision in which distances are stored: the spread of a constant RDM
_QUANTA = 64  # of 1 − r: the rounding of a correlation is smaller
_UNITS = (2.0**-53, 2.0**-24)  # half the spacing of numbers at 1, in float64 and in float32


def is_constant(distances: Any, scale: float = 0.0) -> bool:
    """Whether the distances of one RDM are all equal, to rounding.

    They are if they spread by at most 16 roundings (2⁻⁵³ for float64, 2⁻²⁴ for float32, and for
    float64 numbers that float32 holds exactly) of the largest distance, or of `scale` where that is
    larger; integers and half precision only if they are equal. They are, too, if `is_zero` says so.

    An RDM does not tell the scale of the patterns behind it. `compute_rdm` knows it, and sets
    distances that are not above the rounding of the patterns to 0. Of distances that were computed
    elsewhere, those of a kind with scale 1 can be recognised, see `is_zero`; Euclidean distances
    have no such scale (those between measurements in tesla are 1e-13 and sound), so they are judged
    against the largest among them only.

    >>> is_constant(np.array([1.0, 1.0 + 2**-52, 1.0])), is_constant(np.array([1e-15, 2e-15]))
    (True, False)
    """
    row = np.asarray(distances)
    spread = float(row.max()) - float(row.min())
    if spread == 0 or row.dtype.kind not in "fV":
        return spread == 0
    largest = max(float(np.abs(row).max()), scale)
    rounding = min(rounding_unit(row), _UNITS[1])
    return spread <= _STEPS * rounding * largest or is_zero(row)


def is_zero(distances: Any) -> bool:
    """Whether the distances of one RDM are all 0, to the rounding of 1 − r.

    1 − r of r near 1 is a multiple of 2⁻⁵³ (in float32, of 2⁻²⁴), since r is. Distances that are
    all such multiples and at most 64 times it are the rounding of the correlations, or cosines, of
    patterns that have the same direction.

    >>> is_zero(1 - np.array([1.0, 1 - 2**-53])), is_zero(np.array([1e-16, 3e-16]))
    (True, False)
    """
    row = np.asarray(distances)
    largest = float(np.abs(row).max())
    if largest == 0 or row.dtype.kind not in "fV":
        return largest == 0
    return any(
        largest <= _QUANTA * unit and not np.remainder(row.astype(np.float64), unit).any()
        for unit in _UNITS
    )


def rounding_unit(values: np.ndarray) -> float:
    """Largest relative error of storing a number, in the coarsest precision that holds all values.

    2⁻²⁴ for float32 and for float64 numbers that float32 holds exactly, 2⁻⁵³ for other float64
    numbers and for integers, 2⁻¹¹ for float16 and 2⁻⁸ for bfloat16.

    >>> rounding_unit(np.array([0.1])) == 2**-53, rounding_unit(np.array([0.5])) == 2**-24
    (True, True)
    """
    dtype = values.dtype
    if dtype.kind in "biu":
        return _UNITS[0]
    if dtype.itemsize < 4:
        return 2.0**-11 if dtype == np.float16 else 2.0**-8
    if dtype.itemsize == 4:
        return _UNITS[1]
    with np.errstate(over="ignore", invalid="ignore"):
        return _UNITS[1 if (values.astype(np.float32) == values).all() else 0]
