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

from ensemble_rsa.rdm.gram import PatternSums
from ensemble_rsa.rdm.sinks import Extremes, Sink
from ensemble_rsa.rdm.squares import Patterns, products, square_blocks

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
    distance: Distance, sums: PatternSums, patterns: Patterns, sink: Sink
) -> tuple[float, Extremes]:
    """Write the distances of all patterns, other than `norm_difference`.

    Returns the error of one product if it exceeds the tolerance, else 0, and the extremes of the
    distances. A root magnifies the error of a small square: float32 fails when some patterns are
    far closer (20 times, say) than others.
    """
    undirected = sums.constant
    unit = 1.0 if distance.unit_length else patterns.length.max() or 1.0
    length = patterns.placed_length if distance.unit_length else sums.frame.scale * unit
    lost = ~undirected & (length == 0)
    factor = np.divide(1.0, length, out=np.zeros_like(length), where=~undirected & ~lost)
    made = products(sums, patterns, factor, distance.centre, distance.unit_length)
    any_undirected = bool(undirected.any())

    def finish(block: np.ndarray) -> np.ndarray:
        """Squares to distances, in place."""
        if distance.form == "half_square":
            block *= 0.5
        else:
            np.sqrt(block, out=block)
            block *= unit
        if any_undirected:
            block[np.isnan(block)] = 1.0 if distance.form == "half_square" else np.sqrt(2.0)
        return block

    of_squares, of_distances, place = Extremes(), Extremes(), 0
    for block in square_blocks(sums, made, sink.dtype):
        if not block.size:
            continue
        own = Extremes().with_those_of(block)
        of_squares = Extremes(min(of_squares.low, own.low), max(of_squares.high, own.high))
        sink.write(place, finish(block))
        if own.low <= own.high:  # finishing keeps the order
            of_distances = of_distances.with_those_of(finish(np.array(own, sink.dtype)))
        if any_undirected:
            of_distances = of_distances.with_those_of(block)
        place += block.size
    rounding = np.inf if lost.any() else made.rounding
    kept = _within_tolerance(of_squares, rounding, distance.form)
    return (0.0 if kept else rounding), of_distances


def _within_tolerance(squares: Extremes, rounding: float, form: str) -> bool:
    """Whether distances from squares with this error are within TOLERANCE of the largest.

    `rounding` is the error of one inner product. A square consists of four, and the rows whose
    error was measured are a sample: the error was at most 6 times as large for many kinds of
    input, hence 10. Pairs that are not measured are not among the squares.
    """
    low, high = np.float64(squares.low), np.float64(squares.high)
    if not np.isfinite(rounding) or high == np.inf:
        return False
    if low > high:
        return True
    error = 10 * rounding
    if form == "half_square":
        return not error > TOLERANCE * high
    return not np.sqrt(low + error) - np.sqrt(low) > TOLERANCE * np.sqrt(high)
