"""Squared differences of all patterns from the sums over units, and how exact they are.

With G = z·z, c the mean pattern, N units, and placed patterns y = z + c (`gram`), the pattern that
is wanted is v = r (y − e), where e is the mean of y (the error of the frame's mean; 0 if patterns
are not centred) and r a factor (1 / |y − e| for unit length). Minus mean(r) c − mean(r e), which no
difference contains, it is r z + α c − β with α = r − mean(r) and β = r e − mean(r e), so that

    v_i·v_j = r_i r_j G_ij + a_i α_j + α_i a_j + b_i β_j + β_i b_j
    a = r (z·c) + α (c·c) / 2 − β (c·1)        b = − r (z·1) + β N / 2

Where the frame fits, α and β are small, and no large terms cancel.
"""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from ensemble_rsa.jax_settings import n_cores
from ensemble_rsa.rdm.frame import Frame, frame_of
from ensemble_rsa.rdm.gram import PatternSums

CHUNK_ELEMENTS = 2**15  # a chunk of rows and its temporaries stay in a CPU cache
FEW_STIMULI, AT_ONCE = (
    4096,
    32,
)  # below, threads gain nothing; chunks that a thread computes at once
QUEUED_BYTES = 2**28  # of distances that wait to be taken, however many threads there are
FLOAT64_ROUNDING = 1e-15


@dataclass(frozen=True)
class Patterns:
    """Mean and length of the patterns of one instance."""

    mean: Float[np.ndarray, " stimulus"]  # over units; zero where patterns are not centred
    length: Float[np.ndarray, " stimulus"]  # Euclidean norm of the pattern minus `mean`
    excess: Float[np.ndarray, " stimulus"]  # mean of the placed pattern, or zero
    placed_length: Float[np.ndarray, " stimulus"]  # norm of the placed pattern minus `excess`
    own: Float[np.ndarray, "stimulus 3"]  # z·z, z·c and z·1


def describe(sums: PatternSums, centre: bool) -> Patterns:
    """Mean and length of each pattern, from its products with itself, the mean pattern and 1."""
    own = np.empty((sums.n_rows - 2, 3))
    own[:, 0] = sums.diagonal if sums.step is None else sums.squares
    own[:, 1:] = sums.border
    excess, length = _excess_and_length(own, sums, centre)
    scale = sums.frame.scale
    return Patterns(sums.frame.mean + excess / scale, length / scale, excess, length, own)


def refined_frame(patterns: Patterns, sums: PatternSums, unit_length: bool) -> Frame:
    """The frame that fits what the sums say, where they say it well enough.

    The length of a pattern that was placed far nearer to the origin than others is lost in the
    rounding of the mean pattern; its frame stays, and that of the others is corrected first.
    """
    share = 1e-4 if sums.product == np.float32 else 1e-10
    known = patterns.placed_length**2 > share * patterns.own[:, 0]
    mean = np.where(known, patterns.mean, sums.frame.mean)
    length = np.where(known, patterns.length, 1 / sums.frame.scale)
    return frame_of(mean, length, unit_length)


@dataclass(frozen=True)
class Products:
    """v·v of all patterns, as r r' (z·z') plus a product of low rank."""

    factor: Float[np.ndarray, " stimulus"]  # r; 0 for a pattern that is not measured
    offsets: Float[np.ndarray, "stimulus 4"]  # α, a, β, b
    diagonal: Float[np.ndarray, " stimulus"]  # v·v of each pattern with itself
    rounding: float  # the error of one product


def products(
    sums: PatternSums,
    patterns: Patterns,
    factor: Float[np.ndarray, " stimulus"],
    centre: bool,
    unit_length: bool,
) -> Products:
    """The wanted products from the sums, and the error of one of them.

    `factor` is r, and 0 for patterns that are not measured. The error of float32 is measured on the
    patterns whose sums are also known in float64, and assumed to be as large for the others,
    relative to the terms summed. That of float64 is a bound.
    """
    measured = factor > 0
    square_of_mean, sum_of_mean = sums.common
    n_measured = max(1, np.count_nonzero(measured))
    typical = factor.sum() / n_measured
    level = factor @ patterns.excess / n_measured

    def offsets_and_diagonal(own, r, excess):
        square, with_centre, total = own.T
        alpha, beta = np.where(r > 0, r - typical, 0), np.where(r > 0, r * excess - level, 0)
        a = r * with_centre + alpha * square_of_mean / 2 - beta * sum_of_mean
        b = beta * sums.n_units / 2 - r * total
        offsets = np.stack([alpha, a, beta, b], axis=1)
        return offsets, r**2 * square + 2 * (a * alpha + b * beta)

    offsets, diagonal = offsets_and_diagonal(patterns.own, factor, patterns.excess)
    # Rounding affects the placed patterns and their differences from the mean pattern.
    reach = factor**2 * (patterns.own[:, 0] + patterns.placed_length**2 + square_of_mean)
    if sums.step is None:
        return Products(factor, offsets, diagonal, float(FLOAT64_ROUNDING * reach.max()))
    sampled = slice(None, None, sums.step)
    r, of_sample, measured_sample = factor[sampled], patterns.excess[sampled], measured[sampled]
    # The diagonal of the product is not used for distances, but shows how exact the product is.
    rough = patterns.own[sampled].copy()
    rough[:, 0] = sums.diagonal
    _, of_product = offsets_and_diagonal(rough, r, of_sample)
    excess, length = _excess_and_length(sums.exact, sums, centre)
    # With the same factors: those of unit length follow from the sums, and would hide their error.
    _, expected = offsets_and_diagonal(sums.exact, r, of_sample)
    error = np.abs(of_product - expected)
    if unit_length:
        error = np.maximum(error, np.abs(r * length - 1))
    if centre:
        error = np.maximum(error, sums.n_units * (r * (of_sample - excess)) ** 2)
    if not measured_sample.any():
        return Products(factor, offsets, diagonal, np.inf if measured.any() else 0.0)
    relative = (error[measured_sample] / reach[sampled][measured_sample]).max()
    return Products(factor, offsets, diagonal, float(relative * reach.max()))


def _excess_and_length(
    own: Float[np.ndarray, "some_stimulus 3"], sums: PatternSums, centre: bool
) -> tuple[Float[np.ndarray, " some_stimulus"], Float[np.ndarray, " some_stimulus"]]:
    """Mean and remaining norm of patterns y = z + c, from z·z, z·c and z·1."""
    square, with_centre, total = own.T
    square_of_mean, sum_of_mean = sums.common
    excess = (total + sum_of_mean) / sums.n_units if centre else np.zeros_like(total)
    square = square + 2 * with_centre + square_of_mean - sums.n_units * excess**2
    return excess, np.sqrt(np.maximum(square, 0))


def square_blocks(
    sums: PatternSums, made: Products, dtype: Any = np.float64
) -> Iterator[Float[np.ndarray, " some_pair"]]:
    """Yield |v|² + |w|² − 2 v·w of all pairs, block by block; NaN where one is not measured.

    Of many stimuli, blocks are computed by several threads.
    """
    n = made.diagonal.size
    ones, diagonal = np.ones((n, 1)), np.where(made.factor > 0, made.diagonal, np.nan)[:, None]
    left = np.concatenate([-2 * made.offsets, diagonal, ones], axis=1)
    right = np.concatenate([made.offsets[:, [1, 0, 3, 2]], ones, diagonal], axis=1).T
    height = max(1, CHUNK_ELEMENTS // n)

    def block(start: int, strip: np.ndarray, first: int) -> Float[np.ndarray, " some_pair"]:
        rows, columns = slice(start, min(start + height, first + len(strip))), slice(start, n)
        given = strip[start - first : rows.stop - first, start - first :]
        square = np.multiply(given, made.factor[columns], dtype=np.float64)
        square *= -2 * made.factor[rows, None]
        square += left[rows] @ right[:, columns]
        np.maximum(square, 0, out=square)
        if height == 1:
            return square[0, 1:].astype(dtype)
        return square[np.arange(n - start) > np.arange(len(square))[:, None]].astype(dtype)

    def several(starts: range, strip: np.ndarray, first: int) -> Float[np.ndarray, " some_pair"]:
        with np.errstate(all="ignore"):  # a setting of each thread
            return np.concatenate([block(start, strip, first) for start in starts])

    for first, strip in sums.strips():
        starts = range(first, first + len(strip), height)
        if n < FEW_STIMULI:
            yield from (block(start, strip, first) for start in starts)
            continue
        groups = [starts[i : i + AT_ONCE] for i in range(0, len(starts), AT_ONCE)]
        n_threads = n_cores()
        n_bytes = AT_ONCE * height * n * np.dtype(dtype).itemsize
        most = min(2 * n_threads, max(1, QUEUED_BYTES // n_bytes))
        with ThreadPoolExecutor(n_threads) as pool:
            waiting = deque()
            for group in groups:
                waiting.append(pool.submit(several, group, strip, first))
                if len(waiting) >= most:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
