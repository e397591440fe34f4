"""Correlations, cosines and their whitened forms under resampled stimuli, from quadratic forms.

With x, y the distances and Σ over pairs a < b of w_a w_b: P = Σ xy, Q = Σ x², S = Σ x, N = Σ 1. A
cosine is P / √(Q_x Q_y), a correlation (P / N − S_x S_y / N²) / √(…). Whitening subtracts what
makes the rows of the matrix of distances sum to zero. With s_a = Σ_b w_b x_ab (without b = a),
d_a = Σw / 2 + 1 − w_a and A_x = Σ w_a s_a / d_a, the inner product of whitened distances is

    2 P − Σ w_a s_a t_a / d_a + A_x A_y / (2 + Σ w_a / d_a),

where t belongs to y. See `ensemble_rsa.rdm.whitening`.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float

from ensemble_rsa.analysis.bootstrap.forms import (
    least_variance,
    pair_count,
    quadratic_forms,
    squares_and_ones,
)
from ensemble_rsa.numerics import blocks, standardised
from ensemble_rsa.rdm.compare import Comparison

_LARGEST = 2**27  # entries of the square matrices that are held at once: 512 MiB


def of_moments(
    rows: Float[np.ndarray, "row stimulus_pair"],
    others: Float[np.ndarray, "other_row stimulus_pair"],
    n_stimuli: int,
    how: Comparison,
    present: Bool[np.ndarray, " stimulus_pair"] | None,
) -> Callable[[np.ndarray], Float[np.ndarray, "resample row other_row"]]:
    """See `resampled_similarities`; `present` says which distances count, None for all."""
    similarities = _whitened if how.form == "whitened" else _plain
    scaled = [_scaled(group, how.centre, present) for group in (rows, others)]
    own = np.ones_like(scaled[0][:1]) if present is None else present[None].astype(np.float32)
    step = max(1, _LARGEST // n_stimuli**2 - len(others) - 2)

    def resampled(counts: np.ndarray) -> Float[np.ndarray, "resample row other_row"]:
        each = [
            similarities(scaled[0][i : i + step], scaled[1], own, counts, how.centre)
            for i in range(0, len(rows), step)
        ]
        return np.concatenate(each, axis=1)

    return resampled


def _scaled(
    rows: np.ndarray, centre: bool, present: Bool[np.ndarray, " stimulus_pair"] | None
) -> Float[np.ndarray, "row stimulus_pair"]:
    """Rows in float32 with deviations of at most about 1, and 0 where they do not count."""
    known = rows if present is None else rows[:, present]
    if centre:
        known = standardised(known)
    else:
        largest = np.abs(known).max(-1, keepdims=True)
        known = (known / np.where(largest > 0, largest, 1)).astype(np.float32)
    if present is None:
        return known
    result = np.zeros(rows.shape, np.float32)
    result[:, present] = known
    return result


def _plain(
    rows: np.ndarray, others: np.ndarray, ones: np.ndarray, counts: np.ndarray, centre: bool
) -> Float[np.ndarray, "resample row other_row"]:
    products, squares, sums, n_pairs = _sums(rows, others, ones, counts, centre)
    with np.errstate(invalid="ignore", divide="ignore"):
        if not centre:
            squares = np.where(squares > 0, squares, np.nan)
            return _ratio(products, squares, len(rows))
        means, mean_squares = sums / n_pairs, squares / n_pairs
        variances = least_variance(mean_squares - means**2, mean_squares)
        mine, theirs = means[: len(rows)], means[len(rows) :]
        return _ratio(products / n_pairs - mine[:, None] * theirs, variances, len(rows))


def _ratio(
    products: Float[np.ndarray, "row other_row resample"],
    squares: Float[np.ndarray, "any_row resample"],
    n_rows: int,
) -> Float[np.ndarray, "resample row other_row"]:
    lengths = np.sqrt(squares)
    ratio = products / (lengths[:n_rows, None] * lengths[n_rows:])
    return np.moveaxis(np.clip(ratio, -1, 1), -1, 0)


def _sums(
    rows: np.ndarray, others: np.ndarray, ones: np.ndarray, counts: np.ndarray, with_sums: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """P `(row, other_row, resample)`, Q and S `(any_row, resample)`, and N."""
    n_rows, n_others = len(rows), len(others)
    every = np.arange(n_rows + n_others)
    of_ones = len(every)
    matrices = squares_and_ones(np.concatenate([rows, others, ones]), counts.shape[-1])
    first, second = (side.ravel() for side in np.meshgrid(every[:n_rows], every[n_rows:]))
    sides = [(first, second), (every, every)]
    sides += [(every, np.full_like(every, of_ones))] if with_sums else []
    sides += [(np.array([of_ones]), np.array([of_ones]))]
    forms = quadratic_forms(
        matrices, counts, *(np.concatenate(side) for side in zip(*sides, strict=True))
    )
    ends = np.cumsum([len(first) for first, _ in sides])
    products, squares, *sums, n_pairs = np.split(forms, ends[:-1])
    products = products.reshape(n_others, n_rows, -1).swapaxes(0, 1)
    return products, squares, sums[0] if sums else squares, n_pairs


def _whitened(
    rows: np.ndarray, others: np.ndarray, ones: np.ndarray, counts: np.ndarray, centre: bool
) -> Float[np.ndarray, "resample row other_row"]:
    del ones  # whitened rows lack whole stimuli only
    n_rows, n_stimuli = len(rows), counts.shape[-1]
    every = np.concatenate([rows, others])
    products, squares, sums, _ = _sums(rows, others, np.ones_like(rows[:1]), counts, centre)
    n_pairs = pair_count(counts)
    matrices = np.asarray(squares_and_ones(every, n_stimuli))[:-1]
    number = counts.sum(-1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = sums / n_pairs if centre else np.zeros_like(sums)
        weights = counts / (number / 2 + 1 - counts)
        spread = 2 + weights.sum(-1)
        inner, own = np.empty_like(products), np.empty_like(squares)
        for block in blocks(len(counts), len(every) * n_stimuli):
            w, weight = counts[block].astype(np.float32), weights[block]
            to_others = (w @ matrices).astype(np.float64)  # (any_row, resample, stimulus)
            to_others -= means[:, block, None] * (number - counts)[block]
            sizes = (to_others * weight).sum(-1)
            weighted = np.moveaxis(to_others * np.sqrt(weight), 1, 0)
            cross = weighted[:, :n_rows] @ weighted[:, n_rows:].mT
            inner[..., block] = np.moveaxis(cross, 0, -1)
            inner[..., block] -= sizes[:n_rows, None] * sizes[n_rows:] / spread[block]
            own[:, block] = (weighted**2).sum(-1).T - sizes**2 / spread[block]
        products -= n_pairs * means[:n_rows, None] * means[n_rows:]
        squares = squares - n_pairs * means**2
        lengths = least_variance(2 * squares - own, 2 * squares)
        return _ratio(2 * products - inner, lengths, n_rows)
