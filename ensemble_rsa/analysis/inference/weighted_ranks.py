"""Rank correlations under resampled stimuli: ranks from cumulated weights, without sorting again.

RDMs are sorted once. A distance that counts w times after distances of total weight c has the mean
rank c + (w + 1) / 2, and tied distances share the mean of their ranks, as in the resampled RDM.
Weights are whole numbers, whose sums are exact and which NumPy adds up several times as fast as
floating point.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from ensemble_rsa.numerics import pair_indices
from ensemble_rsa.rdm.compare import Comparison

_CONSTANT = 1e-6  # of the square length of ranks without ties: ranks of an RDM that is constant


class _Sorted(NamedTuple):
    """The order of the distances of an RDM, and where groups of ties begin (None: no ties)."""

    order: Int[np.ndarray, " stimulus_pair"]
    place: Int[np.ndarray, " stimulus_pair"]  # of each distance, or of its group, in the order
    starts: Int[np.ndarray, " group"] | None


def of_weighted_ranks(
    rows: Float[np.ndarray, "row stimulus_pair"],
    others: Float[np.ndarray, "other_row stimulus_pair"],
    n_stimuli: int,
    how: Comparison,
    present: Bool[np.ndarray, " stimulus_pair"] | None,
) -> Callable[[np.ndarray], Float[np.ndarray, "resample row other_row"]]:
    """See `resampled_similarities`; `present` says which distances count, None for all."""
    n_others = len(others)
    among_rows = np.array_equal(rows[-n_others:], others, equal_nan=True)  # rank them once
    every = [_sorted(row) for row in (rows if among_rows else np.concatenate([rows, others]))]
    first, second = (side.astype(np.intp) for side in pair_indices(n_stimuli))
    n_rows = len(rows)
    ranks = np.empty((len(every), len(first)), np.float32)

    def one(counts: np.ndarray, pool: ThreadPoolExecutor | None) -> np.ndarray:
        counts = counts.astype(np.int32)
        weights = counts.take(first) * counts.take(second)
        if present is not None:
            weights *= present
        total = float(weights.sum())

        def rank(part: slice) -> None:
            for i in range(*part.indices(len(every))):
                ranks[i] = _weighted_ranks(every[i], weights)
                ranks[i] -= total

        if pool is None:
            rank(slice(None))
        else:
            list(pool.map(rank, [slice(k, None, _THREADS) for k in range(_THREADS)]))
        weights = weights.astype(np.float32)
        with np.errstate(invalid="ignore", divide="ignore"):
            products = (ranks[:n_rows] @ (ranks[-n_others:] * weights).T).astype(np.float64)
            largest = (total**3 - total) / 3  # of twice the ranks
            squares = np.full(len(every), largest)
            for i, row in enumerate(every):
                if not how.untied or row.starts is not None or total < 2:
                    squares[i] = np.vdot(ranks[i] * weights, ranks[i])
            lengths = np.where(squares > _CONSTANT * largest, largest if how.untied else squares, 0)
            lengths = np.sqrt(np.where(lengths > 0, lengths, np.nan))
            return np.clip(products / (lengths[:n_rows, None] * lengths[-n_others:]), -1, 1)

    def resampled(counts: np.ndarray) -> Float[np.ndarray, "resample row other_row"]:
        if ranks.size < _WORTH_THREADS:
            return np.stack([one(each, None) for each in counts])
        with ThreadPoolExecutor(_THREADS) as pool:
            return np.stack([one(each, pool) for each in counts])

    return resampled


_THREADS = os.cpu_count() or 1
_WORTH_THREADS = 2**19  # distances: with fewer, starting threads takes longer than they save


def _sorted(row: Float[np.ndarray, " stimulus_pair"]) -> _Sorted:
    order = np.argsort(row)  # what is missing comes last, and has no weight
    ordered = row[order]
    begins = np.append(True, ordered[1:] != ordered[:-1])
    place = np.empty_like(order)
    place[order] = np.cumsum(begins) - 1
    return _Sorted(order, place, None if begins.all() else np.flatnonzero(begins))


def _weighted_ranks(
    row: _Sorted, weights: Int[np.ndarray, " stimulus_pair"]
) -> Int[np.ndarray, " stimulus_pair"]:
    """Twice the mean rank of each distance, minus 1."""
    cumulated = np.zeros(len(weights) + 1, np.int32)
    np.cumsum(weights.take(row.order), dtype=np.int32, out=cumulated[1:])
    if row.starts is not None:
        cumulated = cumulated.take(np.append(row.starts, len(weights)))
    return (cumulated[1:] + cumulated[:-1]).take(row.place)
