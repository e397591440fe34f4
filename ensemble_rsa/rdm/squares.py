"""From sums over units to the squared differences of all patterns, and how exact these are.

With G = z·z, c the mean pattern, N units, and patterns y = z + c from `frame`, the pattern that is
wanted is v = r (y − e), where e is the mean of y (what the frame's mean is off by; 0 if patterns
are not centred) and r a factor (1 / |y − e| for unit length). Minus mean(r) c − mean(r e), which no
difference contains, it is r z + α c − β with α = r − mean(r) and β = r e − mean(r e), so that

    v_i·v_j = r_i r_j G_ij + a_i α_j + α_i a_j + b_i β_j + β_i b_j
    a = r (z·c) + α (c·c) / 2 − β (c·1)        b = − r (z·1) + β N / 2

Where the frame fits, α and β are small, and nothing cancels that matters.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from ensemble_rsa.rdm.frame import Frame, frame_of
from ensemble_rsa.rdm.gram import Sums, exact_rows, product_of

# A chunk and what is made of it stay in a CPU cache, and the product of low rank on one thread.
CHUNK_ELEMENTS = 2**15
FLOAT64_ROUNDING = 1e-15


@dataclass(frozen=True)
class Patterns:
    """What the sums say about the patterns of one instance.

    Attributes:
        mean: over units; zero where patterns are not centred.
        length: Euclidean norm of the pattern minus `mean`.
        excess: mean of the placed pattern, or zero.
        placed_length: Euclidean norm of the placed pattern minus `excess`.
        diagonal: z · z of each pattern.
    """

    mean: Float[np.ndarray, " stimulus"]
    length: Float[np.ndarray, " stimulus"]
    excess: Float[np.ndarray, " stimulus"]
    placed_length: Float[np.ndarray, " stimulus"]
    diagonal: Float[np.ndarray, " stimulus"]


def describe(sums: Sums, frame: Frame, n_units: int, centre: bool) -> Patterns:
    """Mean and length of each pattern, from its products with itself, the mean pattern and 1.

    Args:
        sums: over all units.
        frame: in which they were made.
        n_units: how many.
        centre: measure from each pattern's own mean.
    """
    if sums.strips:
        diagonal = np.concatenate([np.diagonal(strip) for strip in sums.strips])
        own = np.column_stack([diagonal.astype(np.float64), np.asarray(sums.along)])
    else:
        own = np.asarray(sums.exact)
    excess, length = _excess_and_length(own, np.asarray(sums.common), n_units, centre)
    return Patterns(
        frame.mean + excess / frame.scale, length / frame.scale, excess, length, own[:, 0]
    )


def refined_frame(
    patterns: Patterns, frame: Frame, product: type[np.floating], unit_length: bool
) -> Frame:
    """The frame that fits what the sums say, where they say it well enough.

    The length of a pattern that was placed far nearer to the origin than others is lost in the
    rounding of the mean pattern; its frame stays, and that of the others is put right first.
    """
    share = 1e-4 if product == np.float32 else 1e-10
    known = patterns.placed_length**2 > share * patterns.diagonal
    mean = np.where(known, patterns.mean, frame.mean)
    return frame_of(mean, np.where(known, patterns.length, 1 / frame.scale), unit_length)


@dataclass(frozen=True)
class Products:
    """v · v of all patterns, as r r' (z · z') plus a product of low rank.

    Attributes:
        factor: r of each pattern; 0 for one that is not measured.
        offsets: α, a, β, b of each pattern.
        diagonal: v · v of each pattern.
        rounding: the error of one product.
    """

    factor: Float[np.ndarray, " stimulus"]
    offsets: Float[np.ndarray, "stimulus 4"]
    diagonal: Float[np.ndarray, " stimulus"]
    rounding: float


def products(
    sums: Sums,
    patterns: Patterns,
    n_units: int,
    factor: Float[np.ndarray, " stimulus"],
    centre: bool,
    unit_length: bool,
) -> Products:
    """How the wanted products follow from the sums, and the error of one of them.

    The error of float32 is measured, on the patterns whose sums are also at hand in float64, and
    taken to be as large relative to what is summed for the others. That of float64 is a bound.

    Args:
        sums: over all units.
        patterns: from `describe`.
        n_units: how many.
        factor: r, with 0 for patterns that are not measured.
        centre: whether patterns are measured from their own mean.
        unit_length: whether r follows from a pattern's own length.
    """
    measured = factor > 0
    own = np.column_stack([patterns.diagonal, np.asarray(sums.along)])
    exact, common = np.asarray(sums.exact), np.asarray(sums.common)
    typical = factor[measured].mean() if measured.any() else 0.0
    level = (factor * patterns.excess)[measured].mean() if measured.any() else 0.0

    def offsets_and_diagonal(of, r, excess):
        square, with_centre, total = of.T
        alpha, beta = np.where(r > 0, r - typical, 0), np.where(r > 0, r * excess - level, 0)
        a = r * with_centre + alpha * common[0] / 2 - beta * common[1]
        b = beta * n_units / 2 - r * total
        return np.column_stack([alpha, a, beta, b]), r**2 * square + 2 * (a * alpha + b * beta)

    offsets, diagonal = offsets_and_diagonal(own, factor, patterns.excess)
    # What is rounded are the placed patterns and their differences from the mean pattern.
    reach = factor**2 * (patterns.diagonal + patterns.placed_length**2 + common[0])
    if not len(exact):
        return Products(factor, offsets, diagonal, float(FLOAT64_ROUNDING * reach.max()))
    rows = exact_rows(factor.size, product_of(sums))
    excess, length = _excess_and_length(exact, common, n_units, centre)
    # With the same factors: those of unit length follow from the sums, and would hide their error.
    _, expected = offsets_and_diagonal(exact, factor[rows], patterns.excess[rows])
    error = np.abs(diagonal[rows] - expected)
    if unit_length:
        error = np.maximum(error, np.abs(factor[rows] * length - 1))
    if centre:
        error = np.maximum(error, n_units * (factor[rows] * (patterns.excess[rows] - excess)) ** 2)
    relative = np.divide(error, reach[rows], out=np.zeros_like(error), where=measured[rows])
    among = relative.max() if measured[rows].any() or not measured.any() else np.inf
    return Products(factor, offsets, diagonal, float(among * reach.max()) if among else 0.0)


def _excess_and_length(own: np.ndarray, common: np.ndarray, n_units: int, centre: bool):
    """Mean and remaining norm of patterns y = z + c, from z · z, z · c, z · 1 and c · c, c · 1."""
    square, with_centre, total = own.T
    excess = (total + common[1]) / n_units if centre else np.zeros_like(total)
    square = square + 2 * with_centre + common[0] - n_units * excess**2
    return excess, np.sqrt(np.maximum(square, 0))


def fill_squares(
    strips: list[Any], made: Products, out: Float[np.ndarray, " stimulus_pair"]
) -> None:
    """Squared differences |v|² + |w|² − 2 v·w of all pairs, assembled in float64.

    Args:
        strips: of `Sums`. The list is emptied, and so its memory given back, on the way.
        made: from `products`.
        out: a condensed RDM.
    """
    ones = np.ones((made.diagonal.size, 1))
    diagonal = made.diagonal[:, None]
    left = np.concatenate([-2 * made.offsets, diagonal, ones], axis=1)
    right = np.concatenate([made.offsets[:, [1, 0, 3, 2]], ones, diagonal], axis=1).T
    rows = max(1, CHUNK_ELEMENTS // made.diagonal.size)
    first, place = 0, 0
    while strips:
        strip = np.asarray(strips.pop(0))
        for start in range(first, first + len(strip), rows):
            chunk = strip[start - first : start - first + rows, start - first :]
            here = slice(start, start + len(chunk))
            square = np.multiply(chunk, made.factor[start:], dtype=np.float64)
            square *= -2 * made.factor[here, None]
            square += left[here] @ right[:, start:]
            np.maximum(square, 0, out=square)
            place = _append_upper(out, place, square)
        first += len(strip)


def _append_upper(condensed: np.ndarray, place: int, rows: np.ndarray) -> int:
    """Copy what is right of the diagonal, which starts at the top left; return the next place."""
    for i, row in enumerate(rows):
        pairs = row[i + 1 :]
        condensed[place : place + pairs.size] = pairs
        place += pairs.size
    return place


def pairs_with(chosen: Bool[np.ndarray, " stimulus"]) -> np.ndarray:
    """Places, in a condensed RDM, of all pairs with at least one of the chosen stimuli."""
    n = chosen.size
    others = np.arange(n)
    places = []
    for k in np.flatnonzero(chosen):
        low, high = np.minimum(k, others), np.maximum(k, others)
        places.append((low * (2 * n - low - 1) // 2 + high - low - 1)[others != k])
    return np.concatenate(places) if places else np.empty(0, np.int64)
