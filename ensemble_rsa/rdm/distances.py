"""The five distances, and how each follows from inner products within its tolerance.

All but one are functions of the squared difference of two patterns a and b, after these are centred
on their own mean (correlation) or scaled to unit length (Mehrer et al. 2020,
doi:10.1038/s41467-020-19632-w, Fig. 5):

    correlation, cosine   ½ |a − b|²      since |a − b|² = 2 (1 − a·b) for unit vectors
    euclidean             |a − b|
    unit_euclidean        |a − b|         = √(2 · cosine)
    norm_difference       | |a| − |b| |   from the lengths alone
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
from jaxtyping import Float

from ensemble_rsa.rdm.gram import PatternSums
from ensemble_rsa.rdm.squares import Patterns, fill_squares, products

TOLERANCE = 1e-5  # of the largest distance: the accuracy of `compute_rdm`


@dataclass(frozen=True)
class Distance:
    """How patterns are transformed, and what is then measured between them.

    Attributes:
        centre: each pattern's own mean over units is subtracted.
        unit_length: each pattern is scaled to length 1; one without length has no direction.
        form: of the distance.
    """

    centre: bool
    unit_length: bool
    form: Literal["half_square", "root", "norm_difference"]


DISTANCES: Mapping[str, Distance] = MappingProxyType(
    {
        "correlation": Distance(centre=True, unit_length=True, form="half_square"),
        "cosine": Distance(centre=False, unit_length=True, form="half_square"),
        "euclidean": Distance(centre=False, unit_length=False, form="root"),
        "unit_euclidean": Distance(centre=False, unit_length=True, form="root"),
        "norm_difference": Distance(centre=False, unit_length=False, form="norm_difference"),
    }
)
"""The distances that `compute_rdm` takes by name; each is made of inner products of patterns."""


@dataclass(frozen=True)
class RdmPrecision:
    """The precision of an RDM.

    Attributes:
        product: type of the inner products in the first pass.
        result: type of the RDM.
        matmul: JAX's name for the precision of a product on an accelerator.
        checked: a result that is not within TOLERANCE is computed again in float64.
    """

    product: type[np.floating]
    result: type[np.floating]
    matmul: str
    checked: bool


PRECISIONS: Mapping[str, RdmPrecision] = MappingProxyType(
    {
        "float32": RdmPrecision(np.float32, np.float32, "highest", checked=True),
        "float64": RdmPrecision(np.float64, np.float64, "highest", checked=True),
        "tensorfloat32": RdmPrecision(np.float32, np.float32, "tensorfloat32", checked=False),
    }
)


def fill_rdm(
    distance: Distance,
    sums: PatternSums,
    patterns: Patterns,
    out: Float[np.ndarray, " stimulus_pair"],
) -> float:
    """Fill `out` with the distances of all patterns, other than `norm_difference`.

    Returns the error of one product if it exceeds the tolerance, else 0. A root magnifies the error
    of a small square: float32 fails when some patterns are far closer (20 times, say) than others.
    """
    undirected = sums.constant
    unit = 1.0 if distance.unit_length else patterns.length.max() or 1.0
    length = patterns.placed_length if distance.unit_length else sums.frame.scale * unit
    lost = ~undirected & (length == 0)
    factor = np.divide(1.0, length, out=np.zeros_like(length), where=~undirected & ~lost)
    made = products(sums, patterns, factor, distance.centre, distance.unit_length)
    fill_squares(sums.gram, made, out)
    rounding = np.inf if lost.any() else made.rounding
    kept = _within_tolerance(out, rounding, distance.form)
    if distance.form == "half_square":
        out *= 0.5
    else:
        np.sqrt(out, out=out)
        out *= unit
    if undirected.any():
        out[np.isnan(out)] = 1.0 if distance.form == "half_square" else np.sqrt(2.0)
    return 0.0 if kept else rounding


def _within_tolerance(
    squares: Float[np.ndarray, " stimulus_pair"], rounding: float, form: str
) -> bool:
    """Whether distances from squares with this error are within TOLERANCE of the largest.

    `rounding` is the error of one inner product. A square consists of four, and the rows whose
    error was measured are a sample: the error was at most 6 times as large for many kinds of
    input, hence 10. NaN marks pairs that are not measured.
    """
    low, high = np.float64(np.fmin.reduce(squares)), np.float64(np.fmax.reduce(squares))
    if not np.isfinite(rounding) or np.isinf(high):
        return False
    error = 10 * rounding
    if form == "half_square":
        return not error > TOLERANCE * high
    return not np.sqrt(low + error) - np.sqrt(low) > TOLERANCE * np.sqrt(high)
