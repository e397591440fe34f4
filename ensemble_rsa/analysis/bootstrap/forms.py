"""Exact sums over resampled stimulus pairs, from the multiplicities w of the stimuli.

A sum over the pairs of different stimuli of a resample is Σ_{a<b} w_a w_b M_ab. Over all pairs it
is the quadratic form wᵀMw / 2 of a matrix with zero diagonal, computed for a block of resamples by
one matrix product. Over few pairs, such as those within categories, `pair_sums` is faster.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ensemble_rsa.jax_settings import fixed_settings
from ensemble_rsa.numerics import blocks, pair_indices

_PADDED_TO = 64  # resamples, so that blocks of similar length share a compiled program
_LEAST_VARIANCE = 1e-5  # of an RDM's mean square: less is indistinguishable from 0 in float32


@fixed_settings()
def squares_and_ones(
    rows: Float[np.ndarray, "instance stimulus_pair"], n_stimuli: int
) -> Float[Array, "form n n"]:
    """Condensed matrices as square ones, and last a matrix of ones off the diagonal.

    RDMs are centred first, which does not change r and avoids cancellation in `shared_variance`.

    >>> squares_and_ones(np.float32([[5]]), 2).tolist()
    [[[0.0, 5.0], [5.0, 0.0]], [[0.0, 1.0], [1.0, 0.0]]]
    """
    squares = np.zeros((len(rows) + 1, n_stimuli, n_stimuli), np.float32)
    squares[:-1, *pair_indices(n_stimuli)] = rows
    squares[-1, *pair_indices(n_stimuli)] = 1
    squares += squares.swapaxes(1, 2)
    return jnp.asarray(squares)


def moment_pairs(n_instances: int) -> tuple[Int[np.ndarray, " form"], Int[np.ndarray, " form"]]:
    """The two rows of each product that `shared_variance` needs: RDMs by RDMs and by ones.

    >>> [side.tolist() for side in moment_pairs(2)]
    [[0, 0, 0, 1, 1], [0, 1, 2, 1, 2]]
    """
    first, second = np.triu_indices(n_instances + 1)
    return first[:-1], second[:-1]  # ones by ones is the number of pairs


def pair_count(
    counts: Float[np.ndarray, "resample stimulus"],
) -> Float[np.ndarray, " resample"]:
    """Number of pairs of different stimuli in a resample: ((Σw)² − Σw²) / 2.

    >>> pair_count(np.array([[2.0, 1.0, 0.0]]))
    array([2.])
    """
    return (counts.sum(-1) ** 2 - (counts**2).sum(-1)) / 2


def shared_variance(
    sums: Float[np.ndarray, "form resample"],
    n_pairs: Float[np.ndarray, " resample"],
    n_instances: int,
) -> Float[np.ndarray, "resample instance_pair"]:
    """r² of every instance pair in every resample; NaN where an RDM is constant.

    With N pairs, S_i = Σ w_a w_b D_i and P_ij = Σ w_a w_b D_i D_j: cov_ij = P_ij / N − S_i S_j / N²
    and r² = cov_ij² / (cov_ii cov_jj). The sums are in the order of `moment_pairs`.
    """
    first, second = moment_pairs(n_instances)
    with np.errstate(invalid="ignore", divide="ignore"):
        moments = sums / n_pairs
        of_ones = second == n_instances
        means = moments[of_ones]
        first, second, products = first[~of_ones], second[~of_ones], moments[~of_ones]
        covariance = products - means[first] * means[second]
        own = first == second
        variance = least_variance(covariance[own], products[own])
    between = ~own
    return (covariance[between] ** 2 / (variance[first[between]] * variance[second[between]])).T


@fixed_settings()
def least_variance(
    variance: Float[np.ndarray, "rdm resample"], mean_square: Float[np.ndarray, "rdm resample"]
) -> Float[np.ndarray, "rdm resample"]:
    """The variance, or NaN where it is no more than the rounding of float32 sums."""
    return np.where(variance > _LEAST_VARIANCE * mean_square, variance, np.nan)


@fixed_settings()
def quadratic_forms(
    squares: Float[Array, "form n n"],
    counts: Float[np.ndarray, "resample n"],
    first: Int[np.ndarray, " pair"],
    second: Int[np.ndarray, " pair"],
) -> Float[np.ndarray, "pair resample"]:
    """wᵀ(M_first ∘ M_second)w / 2 for all pairs of matrices and all rows w of `counts`.

    >>> matrix = jnp.array([[[0.0, 3.0], [3.0, 0.0]]])
    >>> quadratic_forms(matrix, np.array([[1.0, 2.0]]), np.array([0]), np.array([0]))
    array([[18.]])
    """
    padded = np.pad(counts, ((0, -len(counts) % _PADDED_TO), (0, 0)))
    forms = halved_forms(squares, jnp.asarray(padded, jnp.float32), first, second)
    return np.asarray(forms, np.float64)[:, : len(counts)]


@jax.jit
def halved_forms(
    squares: Float[Array, "form n n"],
    counts: Float[Array, "resample n"],
    first: Int[Array | np.ndarray, " pair"],
    second: Int[Array | np.ndarray, " pair"],
) -> Float[Array, "pair resample"]:
    """wᵀMw / 2 = w₁ᵀM₁₁w₁ / 2 + w₁ᵀM₁₂w₂ + w₂ᵀM₂₂w₂ / 2 for symmetric M: a quarter less work."""
    half = counts.shape[1] // 2
    upper, lower = counts[:, :half], counts[:, half:]
    upper_weights = jnp.concatenate([upper / 2, lower], axis=1)

    def reduce(products):
        return jnp.sum(products[0] * upper_weights, -1) + jnp.sum(products[1] * lower, -1) / 2

    def step(previous, pair):
        matrix = squares[pair[0]] * squares[pair[1]]
        upper_product = jnp.matmul(upper, matrix[:half], precision="highest")
        lower_product = jnp.matmul(lower, matrix[half:, half:], precision="highest")
        return (upper_product, lower_product), reduce(previous)

    # Products are reduced one step later: XLA's CPU compiler would fuse a product with its
    # reduction, which is 3 times slower.
    nothing = (jnp.zeros_like(counts), jnp.zeros_like(lower))
    last, forms = jax.lax.scan(step, nothing, (first, second))
    return jnp.concatenate([forms[1:], reduce(last)[None]])


def pair_sums(
    rows: Float[np.ndarray, "row stimulus_pair"],
    pairs: Int[np.ndarray, " stimulus_pair"],
    counts: Float[np.ndarray, "resample stimulus"],
    first: Int[np.ndarray, " form"],
    second: Int[np.ndarray, " form"],
) -> Float[np.ndarray, "form resample"]:
    """Σ w_a w_b x_first x_second over some stimulus pairs (a, b), for all rows w of `counts`.

    `pairs` are positions in a condensed RDM; `first` and `second` are numbers of rows, and one row
    more stands for a row of ones.

    >>> pair_sums(np.float32([[5]]), np.array([1]), np.array([[2.0, 0, 3]]), *np.array([[0], [1]]))
    array([[30.]])
    """
    one, other = (side[pairs] for side in pair_indices(counts.shape[-1]))
    return sums_of_pairs(rows, one, other, counts, first, second)


@fixed_settings()
def sums_of_pairs(
    rows: Float[np.ndarray, "row pair"],
    one: Int[np.ndarray, " pair"],
    other: Int[np.ndarray, " pair"],
    counts: Float[np.ndarray, "resample stimulus"],
    first: Int[np.ndarray, " form"],
    second: Int[np.ndarray, " form"],
) -> Float[np.ndarray, "form resample"]:
    """`pair_sums` over pairs of the stimuli `one` and `other`."""
    rows = np.concatenate([rows, np.ones((1, rows.shape[-1]), np.float32)])
    width = blocks(rows.shape[-1], len(counts))[0].stop
    if width == rows.shape[-1]:
        width = 1 << (width - 1).bit_length()  # the next power of two
    padding = -rows.shape[-1] % width  # zeros, so that few shapes are compiled
    rows = np.pad(rows, ((0, 0), (0, padding)))
    one, other = (np.pad(side, (0, padding)) for side in (one, other))
    times_drawn = jnp.asarray(counts.T, jnp.float32)
    sums = np.zeros((len(first), len(counts)))
    for start in range(0, rows.shape[-1], width):
        block = slice(start, start + width)
        values = rows[:, block]
        # No jit around the product: XLA's CPU compiler would fuse it, which is slower.
        weights = _pair_weights(times_drawn, one[block], other[block])
        sums += np.asarray(jnp.matmul(values[first] * values[second], weights, precision="highest"))
    return sums


@jax.jit
def _pair_weights(
    times_drawn: Float[Array, "stimulus resample"],
    one: Int[Array | np.ndarray, " pair"],
    other: Int[Array | np.ndarray, " pair"],
) -> Float[Array, "pair resample"]:
    return times_drawn[one] * times_drawn[other]
