"""Distances that are not above the rounding of the patterns, which become exactly 0.

Patterns with the same direction have correlation distance 0, but multiples a·v are rounded when
they are stored, so what is computed from them is about 1e-15 in float32 and 1e-32 in float64.
Correlations of such distances would be noise; as zeros they are seen as a constant RDM, see
`arrays.constant`.

A pattern x that is stored with relative rounding u is known to within u|x|, and its direction,
after centring, to within u|x| / |x − mean|. The levels below are four times as large for a
difference of two patterns, and eight times for a difference of their lengths. In simulations of
multiples, of multiples with an offset, and of patterns that differ in their last digit, computed
distances were at most 0.7 times the level.
"""

from typing import Any

import numpy as np
from jaxtyping import Float

from ensemble_rsa.rdm.blocks import unit_blocks
from ensemble_rsa.rdm.distances import TOLERANCE, Distance
from ensemble_rsa.rdm.gram import NormSums, PatternSums
from ensemble_rsa.rdm.squares import describe

_DIFFERENCE, _LENGTHS = 4, 8  # roundings
_OWN = 2.0**-52  # of float64 products, at least
_OWN_OF_LENGTHS = 2.0**-49  # of sums of squares
_NARROWEST_OF_NORMALISED = 2.0**-24  # half precision stores patterns, it does not compute them


def clear_rounding(
    distance: Distance,
    rounding: float,
    sums: PatternSums | NormSums,
    out: Float[np.ndarray, " stimulus_pair"],
    array: Any = None,
    index: tuple[int, ...] = (),
) -> None:
    """Set distances to 0 that are not above the rounding of the patterns, in place.

    Where some distances are above it, only what is below the accuracy of `compute_rdm` is changed.
    Before a whole RDM becomes 0, units that are the same for all stimuli are left out of the level:
    they add nothing to any difference, however large they are. For that, activations are read
    again, but only if they seem to be no more than rounding. A stream cannot be read again; there,
    Euclidean distances that small are left as they are.

    Args:
        distance: what `out` was computed by.
        rounding: of the activations as they are stored, from `arrays.rounding_unit`.
        sums: of the patterns.
        out: the RDM.
        array: the activations, None for a stream.
        index: of the instance.
    """
    largest = float(out.max())
    if isinstance(sums, NormSums):
        _clear(out, _level_of_lengths(rounding, sums), largest)
        return
    patterns = describe(sums, distance.centre)
    measured = (patterns.length > 0) & ~sums.constant
    if not measured.any():
        return

    def level(lengths: Float[np.ndarray, " stimulus"]) -> float:
        if distance.unit_length:
            lengths = lengths[measured] / patterns.length[measured]
        difference = _DIFFERENCE * max(rounding, _OWN) * float(lengths.max())
        return difference**2 / 2 if distance.form == "half_square" else difference

    noise = level(np.hypot(patterns.length, np.sqrt(sums.n_units) * np.abs(patterns.mean)))
    if largest <= noise:
        if array is not None:
            varying = _varying_lengths(array, index)
            noise = level(varying) if varying.any() else np.inf
        elif not distance.unit_length:
            return
    _clear(out, noise, largest)


def _clear(out: Float[np.ndarray, " stimulus_pair"], noise: float, largest: float) -> None:
    if largest <= noise:
        out[:] = 0
        return
    negligible = min(noise, TOLERANCE * largest)
    if out.min() <= negligible:
        out[out <= negligible] = 0


def _level_of_lengths(rounding: float, sums: NormSums) -> float:
    """Roundings of many entries average out, but those of normalised patterns share a factor."""
    shared = rounding if rounding <= _NARROWEST_OF_NORMALISED else 0.0
    own = max(shared, _OWN_OF_LENGTHS, rounding / np.sqrt(sums.n_units))
    return _LENGTHS * own * float(sums.lengths().max())


def _varying_lengths(array: Any, index: tuple[int, ...]) -> Float[np.ndarray, " stimulus"]:
    """Norm of each pattern over the units that are not the same for all stimuli."""
    squares = np.zeros(array.shape[-2])
    scale = 0.0
    for block in unit_blocks(array, index):
        units = np.asarray(block, np.float64)
        units = units[:, (units != units[:1]).any(axis=0)]
        if not units.size:
            continue
        scale = scale or float(np.abs(units).max()) or 1.0
        squares += np.sum((units / scale) ** 2, axis=1)
    return scale * np.sqrt(squares)
