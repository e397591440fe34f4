"""How sure a mean consistency is: bootstraps over instance pairs, instances, stimuli or both.

45 pairs come from only 10 instances, so pairs are not independent and the bootstrap over pairs,
which the paper reports, is too narrow. To speak about other instances resample instances; about
other stimuli, stimuli.

Resamples are drawn on the host from a named stream: the same seed draws the same ones on every
backend, whatever the size of a block, and the first of many are those of few. Intervals are
percentile intervals.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Num

from ensemble_rsa.arrays import (
    ArrayLike,
    check_array,
    check_confidence,
    check_count,
    check_finite,
    check_rdms,
    check_varied,
    stimuli_of_pairs,
)
from ensemble_rsa.errors import InputError, unknown_name
from ensemble_rsa.numerics import (
    blocks,
    correlation_matrix,
    pair_indices,
    row_statistics,
    standardised,
    to_square,
)
from ensemble_rsa.rng import host_stream

_OVER_PAIRS_ALONE = ("pairs", "instances")  # these need r² alone, the others need the RDMs
_OVER = (*_OVER_PAIRS_ALONE, "stimuli", "both")
_LEAST_VARIANCE = (
    1e-5  # of an RDM's mean square in a resample; below it float32 cannot tell it from constant
)


@dataclass(frozen=True)
class Bootstrap:
    """A mean, its interval, and the resampled means behind it.

    Attributes:
        mean: the mean of the data themselves, not of the resamples, `(...)`.
        low: lower end of the interval, `(...)`.
        high: upper end of the interval, `(...)`.
        samples: the mean in every resample that was kept, `(..., resample)`.
        dropped: how many resamples were degenerate and left out.
    """

    mean: Float[np.ndarray, "..."]
    low: Float[np.ndarray, "..."]
    high: Float[np.ndarray, "..."]
    samples: Float[np.ndarray, "... resample"]
    dropped: int


def bootstrap_mean(
    values: ArrayLike, n_resamples: int = 10_000, confidence: float = 0.95, seed: int = 0
) -> Bootstrap:
    """Bootstrap the mean over the last axis: accuracies of instances, consistencies of pairs.

    Every leading position is resampled in the same way. A single value has an interval without
    width.

    Args:
        values: `(..., value)`.
        n_resamples: how often to draw as many values as there are, with replacement.
        confidence: the share of the resampled means inside the interval.
        seed: the same seed, the same resamples.

    Raises:
        InputError: NaN, no values, fewer than one resample, or a confidence outside (0, 1).

    >>> result = bootstrap_mean(np.array([0.0, 1.0]), n_resamples=1000)
    >>> float(result.mean), float(result.low), float(result.high)
    (0.5, 0.0, 1.0)
    """
    array = _finite_values("values", values, "(..., value)")
    n_resamples = check_count("n_resamples", n_resamples, 1)
    confidence = check_confidence("confidence", confidence)
    n = array.shape[-1]
    generator = host_stream(seed, "bootstrap value")
    samples = [array @ _draw(generator, block, n).T / n for block in blocks(n_resamples, n)]
    return _result(array, np.concatenate(samples, -1), confidence)


def bootstrap_pairs(
    shared: ArrayLike,
    over: str = "pairs",
    n_resamples: int = 10_000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Bootstrap:
    """Bootstrap the mean of values that belong to instance pairs, such as any kind of consistency.

    Args:
        shared: `(..., instance_pair)`, in the order of `itertools.combinations`.
        over: `"pairs"`, as in the paper, or `"instances"`; pairs of an instance with itself are
            left out, and a resample of fewer than two distinct instances is dropped.
        n_resamples: number of resamples.
        confidence: the share of the resampled means inside the interval.
        seed: the same seed, the same resamples; those of `bootstrap_consistency`.

    Raises:
        InputError: NaN, a number of pairs that fits no number of instances, an unknown `over`,
            fewer than one resample, or a confidence outside (0, 1).

    >>> result = bootstrap_pairs(np.array([0.2, 0.4, 0.9]), over="instances", n_resamples=500)
    >>> float(result.low), float(result.high)
    (0.2, 0.9)
    """
    if over not in _OVER_PAIRS_ALONE:
        raise unknown_name("over", over, _OVER_PAIRS_ALONE)
    values = _finite_values("shared", shared, "(..., instance_pair)")
    n_instances = stimuli_of_pairs("shared", values.shape[-1])
    if over == "pairs":
        return bootstrap_mean(values, n_resamples, confidence, seed)
    n_resamples = check_count("n_resamples", n_resamples, 1)
    confidence = check_confidence("confidence", confidence)
    first, second = pair_indices(n_instances)
    generator = host_stream(seed, "bootstrap instance")
    samples = []
    for block in blocks(n_resamples, max(values.shape[-1], n_instances)):
        counts = _draw(generator, block, n_instances)
        weights = counts[:, first] * counts[:, second]
        with np.errstate(invalid="ignore"):  # 0 / 0: no two distinct instances
            samples.append(values @ weights.T / weights.sum(-1))
    return _result(values, np.concatenate(samples, -1), confidence)


def bootstrap_consistency(
    rdms: ArrayLike,
    over: str = "pairs",
    n_resamples: int = 10_000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Bootstrap:
    """Bootstrap the mean consistency over all instance pairs (paper.md §5.10).

    What is drawn again, with replacement:

    - `"pairs"`: the r² of instance pairs, as in the paper.
    - `"instances"`: instances; pairs of an instance with itself are left out.
    - `"stimuli"`: stimuli, the same for all instances; pairs of a stimulus with itself are left
      out.
    - `"both"`: instances and stimuli, independently.

    With w_a the number of times stimulus a was drawn, every sum over the resampled stimulus pairs
    is a quadratic form wᵀMw / 2 with a matrix M of zero diagonal, so a resampled r² is exact and
    costs a matrix product, not a new RDM. A resample is dropped when it has fewer than two distinct
    instances, or an RDM that is constant in it; it is then dropped at every leading position, since
    all positions share the resamples.

    Args:
        rdms: condensed RDMs `(..., instance, stimulus_pair)`.
        over: `"pairs"`, `"instances"`, `"stimuli"` or `"both"`.
        n_resamples: number of resamples.
        confidence: the share of the resampled means inside the interval.
        seed: the same seed, the same resamples, on any backend.

    Raises:
        InputError: as `consistency`; an unknown `over`; fewer than one resample; a confidence
            outside (0, 1); no resample that is not degenerate.

    >>> rdms = np.random.default_rng(0).random((4, 45))
    >>> result = bootstrap_consistency(rdms, over="instances", n_resamples=100)
    >>> bool(result.low < result.mean < result.high), result.samples.shape, result.dropped
    (True, (99,), 1)
    """
    axes = "(..., instance, stimulus_pair) with at least two instances"
    array, n_stimuli = check_rdms("rdms", rdms, 2, axes)
    n_instances = array.shape[-2]
    if n_instances < 2:
        raise InputError(f"rdms: expected shape {axes}, got {tuple(array.shape)}")
    if over not in _OVER:
        raise unknown_name("over", over, _OVER)
    n_resamples = check_count("n_resamples", n_resamples, 1)
    confidence = check_confidence("confidence", confidence)
    correlations = correlation_matrix(array)
    check_varied("rdms", correlations)
    observed = correlations[..., *pair_indices(n_instances)] ** 2
    if over in _OVER_PAIRS_ALONE:
        return bootstrap_pairs(observed, over, n_resamples, confidence, seed)
    samples = [
        _means_over_stimuli(array[layer], n_stimuli, over == "both", n_resamples, seed)
        for layer in np.ndindex(*array.shape[:-2])
    ]
    return _result(observed, np.reshape(samples, (*array.shape[:-2], n_resamples)), confidence)


def _finite_values(name: str, values: ArrayLike, axes: str) -> Float[np.ndarray, "... value"]:
    """The values in float64, once they are known to be numbers on at least one axis."""
    array = check_array(name, values, 1, axes)
    check_finite(name, array)
    return np.asarray(array, np.float64)


def _result(
    values: Float[np.ndarray, "... value"],
    samples: Float[np.ndarray, "... resample"],
    confidence: float,
) -> Bootstrap:
    """Drop the degenerate resamples, which are NaN, and take the percentiles of the others."""
    n_resamples = samples.shape[-1]
    kept = np.isfinite(samples).reshape(-1, n_resamples).all(0)
    if not kept.any():
        raise InputError(
            f"rdms: expected enough instances and stimuli to resample, got {n_resamples} resamples "
            "that all lack two distinct instances or distances that differ"
        )
    samples = samples[..., kept]
    ends = np.quantile(samples, [(1 - confidence) / 2, (1 + confidence) / 2], axis=-1)
    mean, low, high = (np.asarray(part) for part in (values.mean(-1), *ends))
    return Bootstrap(mean, low, high, samples, n_resamples - samples.shape[-1])


def _means_over_stimuli(
    rdms: Num[Array | np.ndarray, "instance stimulus_pair"],
    n_stimuli: int,
    over_both: bool,
    n_resamples: int,
    seed: int,
) -> Float[np.ndarray, " resample"]:
    """Mean r² over the instance pairs of each resample; NaN where it is degenerate."""
    n_instances = len(rdms)
    first, second = pair_indices(n_instances)
    squares = _squares(rdms, n_stimuli)
    # Born anew for every layer, so that all layers share their resamples.
    of_stimuli = host_stream(seed, "bootstrap stimulus")
    of_instances = host_stream(seed, "bootstrap instance")
    means = []
    for block in blocks(n_resamples, max(len(first), n_stimuli)):
        shared = _resampled_shared_variance(squares, _draw(of_stimuli, block, n_stimuli))
        weights = np.ones_like(shared)
        if over_both:
            counts = _draw(of_instances, block, n_instances)
            weights = counts[:, first] * counts[:, second]
        with np.errstate(invalid="ignore"):  # 0 / 0: no two distinct instances
            means.append(np.sum(shared * weights, -1) / np.sum(weights, -1))
    return np.concatenate(means)


def _draw(
    generator: np.random.Generator, resamples: slice, n: int
) -> Float[np.ndarray, "resample drawn"]:
    """How often each of `n` things is drawn in each of the next resamples."""
    n_resamples = resamples.stop - resamples.start
    drawn = generator.integers(n, size=(n_resamples, n)) + n * np.arange(n_resamples)[:, None]
    counts = np.bincount(drawn.ravel(), minlength=n_resamples * n)
    return counts.reshape(n_resamples, n).astype(np.float64)


def _squares(
    rdms: Num[Array | np.ndarray, "instance stimulus_pair"], n_stimuli: int
) -> Float[Array, "form n n"]:
    """Centred RDMs as squares, and last the ones off the diagonal, which give plain sums.

    Centring leaves r as it is and spares the difference in `_resampled_shared_variance` from
    cancelling.
    """
    rows = standardised(rdms, row_statistics(rdms))
    ones = jnp.ones((1, rows.shape[-1]), rows.dtype)
    return to_square(jnp.concatenate([rows, ones]), n_stimuli)


def _resampled_shared_variance(
    squares: Float[Array, "form n n"], counts: Float[np.ndarray, "resample n"]
) -> Float[np.ndarray, "resample instance_pair"]:
    """r² of every instance pair under multiplicities w = `counts`; NaN where an RDM is constant.

    N = ((Σw)² − Σw²) / 2, S_i = wᵀD_i w / 2, P_ij = wᵀ(D_i ∘ D_j)w / 2, cov_ij = P_ij / N − S_i S_j
    / N²
    """
    n_instances = len(squares) - 1
    first, second = np.triu_indices(n_instances + 1)
    first, second = (
        first[:-1],
        second[:-1],
    )  # the form of ones with ones is N, known without a product
    forms = np.asarray(
        _quadratic_forms(squares, jnp.asarray(counts, jnp.float32), first, second), np.float64
    )
    n_pairs = (counts.sum(-1) ** 2 - (counts**2).sum(-1)) / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        moments = forms / n_pairs
        of_ones = second == n_instances
        means = moments[of_ones]
        first, second, products = first[~of_ones], second[~of_ones], moments[~of_ones]
        covariance = products - means[first] * means[second]
        own = first == second
        variance = np.where(
            covariance[own] > _LEAST_VARIANCE * products[own], covariance[own], np.nan
        )
    between = ~own
    return (covariance[between] ** 2 / (variance[first[between]] * variance[second[between]])).T


@jax.jit
def _quadratic_forms(
    squares: Float[Array, "form n n"],
    counts: Float[Array, "resample n"],
    first: Int[Array | np.ndarray, " pair"],
    second: Int[Array | np.ndarray, " pair"],
) -> Float[Array, "pair resample"]:
    """wᵀ(M_first ∘ M_second)w / 2 for all pairs of matrices and all rows w of `counts`.

    The matrices are symmetric, so with stimuli in two halves the lower left block is not needed:
    wᵀMw / 2 = w₁ᵀM₁₁w₁ / 2 + w₁ᵀM₁₂w₂ + w₂ᵀM₂₂w₂ / 2, which is a quarter less work.
    """
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

    # Products are reduced one step late: in one step with their reduction, XLA's CPU compiler fuses
    # the two and is 3 times slower.
    nothing = (jnp.zeros_like(counts), jnp.zeros_like(lower))
    last, forms = jax.lax.scan(step, nothing, (first, second))
    return jnp.concatenate([forms[1:], reduce(last)[None]])
