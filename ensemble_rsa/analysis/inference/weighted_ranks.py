"""Rank correlations under resampled stimuli: ranks from cumulated weights, without sorting again.

RDMs are sorted once. A distance that counts w times after distances of total weight c has the mean
rank c + (w + 1) / 2, and tied distances share the mean of their ranks, as in the resampled RDM.
Weights are whole numbers, whose sums are exact.

Nearly all time is spent on reading weights in the order of an RDM, and ranks back. So an RDM's
order is read once for several resamples, whose weights lie side by side in single bytes if they
are small; and ranks are read back only of the pairs that are drawn, four in ten.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, Integer

from ensemble_rsa.jax_settings import n_cores
from ensemble_rsa.numerics import pair_indices
from ensemble_rsa.rdm.compare import Comparison

_CONSTANT = 1e-6  # of the square length of ranks without ties: ranks of an RDM that is constant
_THREADS = n_cores()
_WORTH_THREADS = 2**19  # distances: with fewer, starting threads takes longer than they save
_MOST_AT_ONCE = 8  # resamples: with more, their weights leave the cache
_MOST_RANKS = 2**27  # that are held at once: 512 MiB, of which four in ten are used


class _Sorted(NamedTuple):
    """The order of the distances of an RDM, and where groups of ties begin (None: no ties)."""

    order: Int[np.ndarray, " stimulus_pair"]
    place: Int[np.ndarray, " stimulus_pair"]  # of each distance, or of its group, in the order
    starts: Int[np.ndarray, " group"] | None


class _Drawn(NamedTuple):
    """A resample: pairs that it contains, how often, their number, and their ranks."""

    pairs: Int[np.ndarray, " drawn_pair"]
    weights: Float[np.ndarray, " drawn_pair"]
    total: float
    ranks: Float[np.ndarray, "any_row drawn_pair"]  # twice the deviations from the mean rank


def of_weighted_ranks(
    rows: Float[np.ndarray, "row stimulus_pair"],
    others: Float[np.ndarray, "other_row stimulus_pair"],
    n_stimuli: int,
    how: Comparison,
    present: Bool[np.ndarray, " stimulus_pair"] | None,
) -> Callable[[np.ndarray], Float[np.ndarray, "resample row other_row"]]:
    """See `resampled_similarities`; `present` says which distances count, None for all."""
    n_rows, n_others = len(rows), len(others)
    among_rows = np.array_equal(rows[-n_others:], others, equal_nan=True)  # rank them once
    every = [_sorted(row) for row in (rows if among_rows else np.concatenate([rows, others]))]
    first, second = (side.astype(np.intp) for side in pair_indices(n_stimuli))
    n_ranks = len(every) * len(first)
    at_once = min(max(1, _MOST_RANKS // max(1, n_ranks)), _MOST_AT_ONCE)
    memory = np.empty((at_once, n_ranks), np.float32)  # used again: new memory takes time
    n_threads = 1 if n_ranks < _WORTH_THREADS else _THREADS

    def block(counts: np.ndarray, pool: ThreadPoolExecutor) -> list[np.ndarray]:
        counts = counts.astype(np.int32)
        weights = counts.take(first, axis=1) * counts.take(second, axis=1)
        if present is not None:
            weights *= present
        resamples = [_drawn(*each) for each in zip(weights, memory, strict=False)]
        side_by_side = weights.T.astype(np.min_scalar_type(weights.max(initial=0)), order="C")
        parts = [slice(k, None, n_threads) for k in range(n_threads)]
        list(pool.map(lambda part: _rank(every, part, side_by_side, resamples), parts))
        return [_similarity(each, every, n_rows, n_others, how.untied) for each in resamples]

    def resampled(counts: np.ndarray) -> Float[np.ndarray, "resample row other_row"]:
        found: list[np.ndarray] = []
        with ThreadPoolExecutor(n_threads) as pool:
            for start in range(0, len(counts), at_once):
                found += block(counts[start : start + at_once], pool)
        return np.stack(found)

    return resampled


def _sorted(row: Float[np.ndarray, " stimulus_pair"]) -> _Sorted:
    order = np.argsort(row).astype(np.int32)  # what is missing comes last, and has no weight
    ordered = row[order]
    begins = np.append(True, ordered[1:] != ordered[:-1])
    place = np.empty_like(order)
    place[order] = np.cumsum(begins) - 1
    return _Sorted(order, place, None if begins.all() else np.flatnonzero(begins))


def _drawn(
    weights: Int[np.ndarray, " stimulus_pair"], memory: Float[np.ndarray, " rank"]
) -> _Drawn:
    pairs = np.flatnonzero(weights)
    n_rows = len(memory) // len(weights)
    ranks = memory[: n_rows * len(pairs)].reshape(n_rows, len(pairs))
    return _Drawn(pairs, weights[pairs].astype(np.float32), float(weights.sum()), ranks)


def _rank(
    every: Sequence[_Sorted],
    part: slice,
    weights: Integer[np.ndarray, "stimulus_pair resample"],
    resamples: Sequence[_Drawn],
) -> None:
    """Rank some rows in all resamples."""
    cumulated = np.zeros(len(weights) + 1, np.int32)
    for i in range(*part.indices(len(every))):
        row = every[i]
        ordered = weights.take(row.order, axis=0)
        for k, drawn in enumerate(resamples):
            np.cumsum(ordered[:, k], dtype=np.int32, out=cumulated[1:])
            ends = cumulated
            if row.starts is not None:
                ends = cumulated.take(np.append(row.starts, len(weights)))
            twice = ends[1:] + ends[:-1]  # the mean ranks, minus 1
            drawn.ranks[i] = twice.take(row.place.take(drawn.pairs))
            drawn.ranks[i] -= drawn.total


def _similarity(
    drawn: _Drawn, every: Sequence[_Sorted], n_rows: int, n_others: int, untied: bool
) -> Float[np.ndarray, "row other_row"]:
    """Rank correlations in a resample of rows, the first ones, with others, the last ones."""
    ranks, weights, total = drawn.ranks, drawn.weights, drawn.total
    with np.errstate(invalid="ignore", divide="ignore"):
        products = (ranks[:n_rows] @ (ranks[-n_others:] * weights).T).astype(np.float64)
        largest = (total**3 - total) / 3  # of twice the ranks
        squares = np.full(len(every), largest)
        for i, row in enumerate(every):
            if not untied or row.starts is not None or total < 2:
                squares[i] = np.vdot(ranks[i] * weights, ranks[i])
        lengths = np.where(squares > _CONSTANT * largest, largest if untied else squares, 0)
        lengths = np.sqrt(np.where(lengths > 0, lengths, np.nan))
        return np.clip(products / (lengths[:n_rows, None] * lengths[-n_others:]), -1, 1)
