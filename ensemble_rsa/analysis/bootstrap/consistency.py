"""How sure a mean consistency is: bootstraps over instance pairs, instances, stimuli or both.

45 pairs come from only 10 instances, so pairs are not independent and the bootstrap over pairs,
which the paper reports, is too narrow. To speak about other instances resample instances; about
other stimuli, stimuli (docs/statistics.md).

Resamples are drawn on the host from a named stream: the same seed draws the same ones on every
backend, whatever the size of a block, and the first of many are those of few.
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
from ensemble_rsa.analysis.bootstrap.intervals import Bootstrap, bootstrap_result
from ensemble_rsa.analysis.bootstrap.members import (
    OVER_PAIRS,
    Members,
    ValuesUnder,
    bootstrap_members,
    check_settings,
    resample_instances,
    resample_values,
)
from ensemble_rsa.arrays import (
    ArrayLike,
    check_array,
    check_finite,
    check_instance_rdms,
    stimuli_of_pairs,
)
from ensemble_rsa.rdm.compare import compare_pairs

_OVER_PAIRS_ALONE = ("pairs", "instances")  # these need r² alone, the others need the RDMs
_DEGENERATE = "two distinct instances or distances that differ"


def bootstrap_mean(
    values: ArrayLike,
    n_resamples: int = 10_000,
    confidence: float = 0.95,
    seed: int = 0,
    interval: str = "percentile",
) -> Bootstrap:
    """Bootstrap the mean over the last axis: accuracies of instances, consistencies of pairs.

    Every leading position is resampled in the same way. A single value has an interval without
    width.

    Args:
        values: `(..., value)`.
        n_resamples: how often to draw as many values as there are, with replacement.
        confidence: the share of the resampled means inside the interval.
        seed: the same seed, the same resamples.
        interval: `"percentile"`, or `"bca"`: bias-corrected and accelerated, by the jackknife over
            values. Where nothing varies both are the value itself.

    Raises:
        InputError: NaN, no values, fewer than one resample, a confidence outside (0, 1), an unknown
            interval, or BCa undefined, as with all resampled means on one side of the mean.

    >>> result = bootstrap_mean(np.array([0.0, 1.0]), n_resamples=1000)
    >>> float(result.mean), float(result.low), float(result.high)
    (0.5, 0.0, 1.0)
    """
    array = _finite_values("values", values, "(..., value)")
    settings = check_settings("pairs", OVER_PAIRS, n_resamples, confidence, seed, interval)
    resampled = resample_values(array, settings)
    return bootstrap_result(
        "values", resampled.centre, resampled, settings.confidence, interval, "values"
    )


def bootstrap_pairs(
    shared: ArrayLike,
    over: str = "pairs",
    n_resamples: int = 10_000,
    confidence: float = 0.95,
    seed: int = 0,
    interval: str = "percentile",
) -> Bootstrap:
    """Bootstrap the mean of values that belong to instance pairs, such as any kind of consistency.

    Args:
        shared: `(..., instance_pair)`, in the order of `itertools.combinations`.
        over: `"pairs"`, as in the paper, or `"instances"`; pairs of an instance with itself are
            left out, and a resample of fewer than two distinct instances is dropped.
        n_resamples: number of resamples.
        confidence: the share of the resampled means inside the interval.
        seed: the same seed, the same resamples; those of `bootstrap_consistency`.
        interval: `"percentile"`, or `"bca"` by the jackknife over what is drawn again.

    Raises:
        InputError: NaN, a number of pairs that fits no number of instances, an unknown `over` or
            `interval`, fewer than one resample, a confidence outside (0, 1), no resample that is
            not degenerate, or BCa undefined.

    >>> result = bootstrap_pairs(np.array([0.2, 0.4, 0.9]), over="instances", n_resamples=500)
    >>> float(result.low), float(result.high)
    (0.2, 0.9)
    """
    settings = check_settings(over, _OVER_PAIRS_ALONE, n_resamples, confidence, seed, interval)
    values = _finite_values("shared", shared, "(..., instance_pair)")
    n_instances = stimuli_of_pairs("shared", values.shape[-1])
    if over == "pairs":
        resampled = resample_values(values, settings)
    else:
        resampled = resample_instances(values, "instance_pair", n_instances, settings)
    return bootstrap_result(
        "shared", resampled.centre, resampled, settings.confidence, interval, _DEGENERATE
    )


def bootstrap_consistency(
    rdms: ArrayLike,
    over: str = "pairs",
    n_resamples: int = 10_000,
    confidence: float = 0.95,
    seed: int = 0,
    interval: str = "percentile",
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
        interval: `"percentile"`, or `"bca"`: bias-corrected and accelerated, by the jackknife over
            what is drawn again. For stimuli that adds as many forms as there are stimuli.

    Raises:
        InputError: as `consistency`; an unknown `over` or `interval`; fewer than one resample; a
            confidence outside (0, 1); no resample that is not degenerate; BCa undefined.

    >>> rdms = np.random.default_rng(0).random((4, 45))
    >>> result = bootstrap_consistency(rdms, over="instances", n_resamples=100)
    >>> bool(result.low < result.mean < result.high), result.samples.shape, result.dropped
    (True, (99,), 1)
    """
    array, n_stimuli = check_instance_rdms("rdms", rdms)
    n_instances = array.shape[-2]
    settings = check_settings(over, OVER_PAIRS, n_resamples, confidence, seed, interval)
    observed = compare_pairs("rdms", array)
    members = Members("instance_pair", n_instances, n_stimuli, max(observed.shape[-1], n_stimuli))

    def values_at(position: tuple[int, ...]) -> ValuesUnder:
        squares = centred_squares(array[position], n_stimuli)
        first, second = moment_pairs(n_instances)

        def values_under(counts):
            sums = quadratic_forms(squares, counts, first, second)
            return shared_variance(sums, pair_count(counts), n_instances)

        return values_under

    return bootstrap_members("rdms", observed, members, values_at, settings, _DEGENERATE)


def _finite_values(name: str, values: ArrayLike, axes: str) -> Float[np.ndarray, "... value"]:
    """The values in float64, once they are known to be numbers on at least one axis."""
    array = check_array(name, values, 1, axes)
    check_finite(name, array)
    return np.asarray(array, np.float64)
