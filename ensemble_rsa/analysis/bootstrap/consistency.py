"""Bootstrap intervals of mean consistency, over instance pairs, instances, stimuli or both.

The 45 pairs of 10 instances are not independent, so the bootstrap over pairs, which the paper
reports (Mehrer et al. 2020, doi:10.1038/s41467-020-19632-w), is too narrow: see docs/statistics.md.

Resamples are drawn on the host from a named stream: a seed gives the same resamples on every
backend and for every block size, and the first of many are those of few.
"""

import numpy as np
from jaxtyping import Float

from ensemble_rsa.analysis.bootstrap.forms import (
    centred_squares,
    moment_pairs,
    pair_count,
    quadratic_forms,
    shared_variance,
)
from ensemble_rsa.analysis.bootstrap.intervals import Bootstrap
from ensemble_rsa.analysis.bootstrap.resampling import (
    OVER,
    Interval,
    Over,
    OverPairValues,
    ResampledValues,
    Statistic,
    bootstrap,
    resampling_options,
)
from ensemble_rsa.arrays import (
    ArrayLike,
    as_numpy,
    check_array,
    check_finite,
    check_instance_rdms,
    stimuli_of_pairs,
)
from ensemble_rsa.rdm.compare import compare_pairs

_DEGENERATE = "two distinct instances or distances that differ"


def bootstrap_mean(
    values: ArrayLike,
    n_resamples: int = 10_000,
    confidence: float = 0.95,
    seed: int = 0,
    interval: Interval = "percentile",
) -> Bootstrap:
    """Bootstrap the mean over the last axis: accuracies of instances, consistencies of pairs.

    All leading positions share their resamples. The interval of a single value has no width.

    Args:
        values: `(..., value)`.
        n_resamples: as in `bootstrap_consistency`.
        confidence: as in `bootstrap_consistency`.
        seed: as in `bootstrap_consistency`.
        interval: as in `bootstrap_consistency`.

    Raises:
        InputError: NaN, no values, or as `bootstrap_consistency`.

    >>> result = bootstrap_mean(np.array([0.0, 1.0]), n_resamples=1000)
    >>> float(result.mean), float(result.low), float(result.high)
    (0.5, 0.0, 1.0)
    """
    array = _finite_values("values", values, "(..., value)")
    options = resampling_options("pairs", OVER, n_resamples, confidence, seed, interval)
    return bootstrap(Statistic("values", array, "instance", array.shape[-1], "values"), options)


def bootstrap_pairs(
    shared: ArrayLike,
    over: OverPairValues = "pairs",
    n_resamples: int = 10_000,
    confidence: float = 0.95,
    seed: int = 0,
    interval: Interval = "percentile",
) -> Bootstrap:
    """Bootstrap the mean of values of instance pairs, such as any kind of consistency.

    Args:
        shared: `(..., instance_pair)`, in the order of `itertools.combinations`.
        over: `"pairs"` or `"instances"`.
        n_resamples: as in `bootstrap_consistency`.
        confidence: as in `bootstrap_consistency`.
        seed: as in `bootstrap_consistency`.
        interval: as in `bootstrap_consistency`.

    Raises:
        InputError: NaN, a number of pairs that fits no number of instances, or as
            `bootstrap_consistency`.

    >>> result = bootstrap_pairs(np.array([0.2, 0.4, 0.9]), over="instances", n_resamples=500)
    >>> float(result.low), float(result.high)
    (0.2, 0.9)
    """
    options = resampling_options(over, OVER[:2], n_resamples, confidence, seed, interval)
    values = _finite_values("shared", shared, "(..., instance_pair)")
    n_instances = stimuli_of_pairs("shared", values.shape[-1])
    return bootstrap(
        Statistic("shared", values, "instance_pair", n_instances, _DEGENERATE), options
    )


def bootstrap_consistency(
    rdms: ArrayLike,
    over: Over = "pairs",
    n_resamples: int = 10_000,
    confidence: float = 0.95,
    seed: int = 0,
    interval: Interval = "percentile",
) -> Bootstrap:
    """Bootstrap the mean consistency over all instance pairs.

    What is drawn with replacement:

    - `"pairs"`: the r² of instance pairs, as in the paper.
    - `"instances"`: instances; pairs of an instance with itself are left out.
    - `"stimuli"`: stimuli, the same for all instances; pairs of a stimulus with itself are left
      out.
    - `"both"`: instances and stimuli, independently.

    With w_a the number of times stimulus a was drawn, every sum over the resampled stimulus pairs
    is a quadratic form wᵀMw / 2 with a matrix M of zero diagonal, so a resampled r² is exact and
    costs a matrix product. A resample with fewer than two distinct instances, or with a constant
    RDM, is degenerate; it is dropped at all leading positions, which share their resamples.

    Args:
        rdms: RDMs `(..., instance, stimulus_pair)`.
        over: `"pairs"`, `"instances"`, `"stimuli"` or `"both"`.
        n_resamples: number of resamples (10,000 is ours).
        confidence: nominal coverage of the interval.
        seed: determines the resamples, on any backend.
        interval: `"percentile"`, or `"bca"` (bias-corrected and accelerated) by the jackknife over
            what is resampled, which for stimuli adds as many resamples as there are stimuli.

    Raises:
        InputError: as `consistency`; an unknown `over` or `interval`; fewer than one resample; a
            confidence outside (0, 1); only degenerate resamples; BCa undefined, for example if all
            resampled means lie on one side of the observed one.

    >>> rdms = np.random.default_rng(0).random((4, 45))
    >>> result = bootstrap_consistency(rdms, over="instances", n_resamples=100)
    >>> bool(result.low < result.mean < result.high), result.samples.shape, result.dropped
    (True, (99,), 1)
    """
    array, n_stimuli = check_instance_rdms("rdms", rdms)
    n_instances = array.shape[-2]
    options = resampling_options(over, OVER, n_resamples, confidence, seed, interval)

    def resampled(position: tuple[int, ...]) -> ResampledValues:
        squares = centred_squares(array[position], n_stimuli)
        first, second = moment_pairs(n_instances)

        def values(counts):
            sums = quadratic_forms(squares, counts, first, second)
            return shared_variance(sums, pair_count(counts), n_instances)

        return values

    observed = compare_pairs("rdms", array)
    work = max(observed.shape[-1], n_stimuli)
    statistic = Statistic(
        "rdms", observed, "instance_pair", n_instances, _DEGENERATE, n_stimuli, resampled, work
    )
    return bootstrap(statistic, options)


def _finite_values(name: str, values: ArrayLike, axes: str) -> Float[np.ndarray, "... value"]:
    array = as_numpy(check_array(name, values, 1, axes))
    check_finite(name, array)
    return array.astype(np.float64)
