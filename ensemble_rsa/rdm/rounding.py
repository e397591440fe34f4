"""Distances that are not above the rounding of the patterns, which become exactly 0.

Patterns with the same direction have correlation distance 0, but multiples a·v are rounded when
they are stored, so what is computed from them is about 1e-15 in float32 and 1e-32 in float64.
Correlations of such distances would be noise; as zeros they are seen as a constant RDM, see
`arrays.constant`.

The entries of a pattern y (centred where the distance centres it) are stored with relative rounding
u, so its direction is known to within u. The levels below are four times as large for a difference
of two directions, and eight times for a difference of lengths. In simulations of multiples, and of
patterns that differ in their last digit, computed distances were at most 0.7 times the level. A
value that all units share is no part of y: activations with a large offset are taken as they are,
and so are Euclidean distances, since every difference of stored values is exact.
"""

import numpy as np

from ensemble_rsa.rdm.distances import TOLERANCE, Distance
from ensemble_rsa.rdm.gram import NormSums, PatternSums
from ensemble_rsa.rdm.sinks import Extremes, Sink

_DIFFERENCE, _LENGTHS = 4, 8  # roundings
_OWN = 2.0**-52  # of float64 products, at least
_OWN_OF_LENGTHS = 2.0**-49  # of sums of squares
_NARROWEST_OF_NORMALISED = 2.0**-24  # half precision stores patterns, it does not compute them


def clear_rounding(
    distance: Distance,
    rounding: float,
    sums: PatternSums | NormSums,
    extremes: Extremes,
    sink: Sink,
) -> None:
    """Set distances to 0 that are not above the rounding of the patterns.

    Where some distances are above it, only what is below the accuracy of `compute_rdm` is changed.

    Args:
        distance: what the RDM was computed by.
        rounding: of the activations as they are stored, from `arrays.rounding_unit`.
        sums: of the patterns.
        extremes: of the distances.
        sink: where the distances are.
    """
    if isinstance(sums, NormSums):
        _clear(_level_of_lengths(rounding, sums), extremes, sink)
    elif distance.unit_length:
        difference = _DIFFERENCE * max(rounding, _OWN)
        level = difference**2 / 2 if distance.form == "half_square" else difference
        _clear(level, extremes, sink)


def _clear(noise: float, extremes: Extremes, sink: Sink) -> None:
    if extremes.high > noise:
        noise = min(noise, TOLERANCE * extremes.high)
    if extremes.low <= noise:
        sink.clear(noise)


def _level_of_lengths(rounding: float, sums: NormSums) -> float:
    """Roundings of many entries average out, but those of normalised patterns share a factor."""
    shared = rounding if rounding <= _NARROWEST_OF_NORMALISED else 0.0
    own = max(shared, _OWN_OF_LENGTHS, rounding / np.sqrt(sums.n_units))
    return _LENGTHS * own * float(sums.lengths().max())
