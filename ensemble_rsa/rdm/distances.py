"""The five distances, and how each follows from inner products within its promised accuracy.

All but one are functions of the squared difference of two patterns a and b, once these are centred
on their own mean (correlation) or scaled to unit length (paper, Fig. 5):

    correlation, cosine   ½ |a − b|²      since |a − b|² = 2 (1 − a·b) for unit vectors
    euclidean             |a − b|
    unit_euclidean        |a − b|         = √(2 · cosine)
    norm_difference       | |a| − |b| |   from the lengths alone
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float

from ensemble_rsa.rdm.gram import Gram, Moments, centred_gram

TOLERANCE = 1e-5  # of the largest distance: what `compute_rdm` promises
FEW_STIMULI = 64  # up to here float64 products cost nothing that matters
CHUNK_ELEMENTS = 2**20


@dataclass(frozen=True)
class Distance:
    """What is done to patterns, and what is then measured between them.

    Attributes:
        centre: each pattern's own mean over units is taken away.
        unit_length: each pattern is scaled to length 1; one without length has no direction.
        form: how two patterns become a number.
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


def measure_pairs(
    distance: Distance,
    array: Any,
    index: tuple[int, ...],
    moments: Moments,
    out: Float[np.ndarray, " stimulus_pair"],
) -> None:
    """Fill `out` with all distances between the patterns of one instance.

    The products are made in float32 and, where their measured rounding could break the promise,
    once more in float64. A root blows up the error of a small square, so that happens when some
    patterns are far closer (20 times, say) than the farthest two.

    Args:
        distance: from `DISTANCES`.
        array: from `open_activations`.
        index: the instance.
        moments: of its patterns, centred if the distance is.
        out: a condensed RDM in float32; the only array of that size, for there may be many stimuli.
    """
    if distance.form == "norm_difference":
        return _fill_norm_differences(moments.length, out)
    if distance.unit_length:
        unit, undirected = 1.0, moments.constant
    else:
        unit, undirected = moments.length.max() or 1.0, np.zeros_like(moments.constant)
    lengths = moments.length if distance.unit_length else np.full_like(moments.length, unit)
    scale = np.divide(1.0, lengths, out=np.zeros_like(lengths), where=~undirected)
    undirected_pairs = _pairs_with(undirected)

    def fill_squares(product: type[np.floating]) -> float:
        gram = centred_gram(array, index, moments.mean, scale, product)
        _fill_squares(gram, out)
        out[undirected_pairs] = np.nan
        return gram.rounding * np.max(gram.diagonal, where=~undirected, initial=0.0)

    precise = scale.size <= FEW_STIMULI
    rounding = fill_squares(np.float64 if precise else np.float32)
    if not precise and not _keeps_promise(out, rounding, distance.form):
        fill_squares(np.float64)
    if distance.form == "half_square":
        out *= 0.5
        out[undirected_pairs] = 1.0
    else:
        np.sqrt(out, out=out)
        out *= unit
        out[undirected_pairs] = np.sqrt(2.0)
    return None


def _keeps_promise(
    squares: Float[np.ndarray, " stimulus_pair"], rounding: float, form: str
) -> bool:
    """Whether distances from squares with this error are within TOLERANCE of the largest.

    `rounding` is the error of one inner product. A square is made of four, and the rows whose error
    was measured are only a sample: at most 6 times was seen over many kinds of input, hence 10.
    NaN marks pairs that are not measured.
    """
    low, high = np.float64(np.fmin.reduce(squares)), np.float64(np.fmax.reduce(squares))
    error = 10 * rounding
    if form == "half_square":
        return not error > TOLERANCE * high
    return not np.sqrt(low + error) - np.sqrt(low) > TOLERANCE * np.sqrt(high)


def _fill_squares(gram: Gram, out: Float[np.ndarray, " stimulus_pair"]) -> None:
    """Squared differences |a|² + |b|² − 2 a·b of all pairs, assembled in float64."""
    rows = max(1, CHUNK_ELEMENTS // gram.diagonal.size)
    first, place = 0, 0
    for strip in gram.strips:
        for start in range(0, len(strip), rows):
            chunk = strip[start : start + rows, start:].astype(np.float64)
            lengths = gram.diagonal[first + start :]
            chunk *= -2
            chunk += lengths[: len(chunk), None]
            chunk += lengths[None, :]
            np.maximum(chunk, 0, out=chunk)
            place = _append_upper(out, place, chunk)
        first += len(strip)


def _fill_norm_differences(
    lengths: Float[np.ndarray, " stimulus"], out: Float[np.ndarray, " stimulus_pair"]
) -> None:
    place = 0
    for i, length in enumerate(lengths):
        others = lengths[i + 1 :]
        out[place : place + others.size] = np.abs(others - length)
        place += others.size


def _append_upper(condensed: np.ndarray, place: int, rows: np.ndarray) -> int:
    """Copy what is right of the diagonal, which starts at the top left; return the next place."""
    for i, row in enumerate(rows):
        pairs = row[i + 1 :]
        condensed[place : place + pairs.size] = pairs
        place += pairs.size
    return place


def _pairs_with(chosen: Bool[np.ndarray, " stimulus"]) -> np.ndarray:
    """Places, in a condensed RDM, of all pairs with at least one of the chosen stimuli."""
    n = chosen.size
    others = np.arange(n)
    places = []
    for k in np.flatnonzero(chosen):
        low, high = np.minimum(k, others), np.maximum(k, others)
        places.append((low * (2 * n - low - 1) // 2 + high - low - 1)[others != k])
    return np.concatenate(places) if places else np.empty(0, np.int64)
