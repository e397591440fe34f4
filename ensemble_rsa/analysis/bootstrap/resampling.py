"""The bootstrap of a mean over instances or over instance pairs.

`over` says what is drawn with replacement: `"pairs"` draws the values as if they were independent,
`"instances"` draws instances, `"stimuli"` recomputes every value for resampled stimuli, `"both"`
does the last two. Each uses a random stream of its own, so all statistics of one seed share the
same instances and the same stimuli.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from jaxtyping import Float

from ensemble_rsa.analysis.bootstrap.draws import (
    delete_one,
    draw_counts,
    pair_weights,
    weighted_means,
)
from ensemble_rsa.analysis.bootstrap.intervals import (
    Bootstrap,
    BootstrapDistribution,
    bootstrap_result,
)
from ensemble_rsa.arrays import check_confidence, check_count
from ensemble_rsa.errors import unknown_name
from ensemble_rsa.numerics import blocks
from ensemble_rsa.rng import host_stream

if TYPE_CHECKING:  # at run time a wrong name is refused by us, with the choices
    Over = Literal["pairs", "instances", "stimuli", "both"]
    OverPairValues = Literal["pairs", "instances"]
    OverInstances = Literal["instances", "stimuli", "both"]
    Interval = Literal["percentile", "bca"]
else:
    Over = OverPairValues = OverInstances = Interval = str
OVER = ("pairs", "instances", "stimuli", "both")
INTERVALS = ("percentile", "bca")

Counts = Float[np.ndarray, "resample drawn"]
# Values of a statistic for each row of stimulus multiplicities; NaN where they are undefined.
ResampledValues = Callable[
    [Float[np.ndarray, "resample stimulus"]], Float[np.ndarray, "resample value"]
]
# A value counts as often as its instance, or its two different instances, were drawn.
_WEIGHTS: Mapping[str, Callable[[Counts], Float[np.ndarray, "resample value"]]] = MappingProxyType(
    {"instance": lambda counts: counts, "instance_pair": pair_weights}
)


@dataclass(frozen=True)
class ResamplingOptions:
    """The arguments that all bootstraps share, from `resampling_options`."""

    over: str
    n_resamples: int
    confidence: float
    seed: int
    interval: str


def resampling_options(
    over: str, choices: tuple[str, ...], n_resamples: Any, confidence: Any, seed: int, interval: str
) -> ResamplingOptions:
    """Check the arguments that all bootstraps share.

    Raises:
        InputError: an unknown `over` or `interval`, fewer than one resample, or a confidence
            outside (0, 1).

    >>> resampling_options("instances", OVER, 100, 0.9, 0, "bca").interval
    'bca'
    """
    if over not in choices:
        raise unknown_name("over", over, choices)
    if interval not in INTERVALS:
        raise unknown_name("interval", interval, INTERVALS)
    n_resamples = check_count("n_resamples", n_resamples, 1)
    confidence = check_confidence("confidence", confidence)
    return ResamplingOptions(over, n_resamples, confidence, seed, interval)


@dataclass(frozen=True)
class Statistic:
    """The values whose mean is bootstrapped.

    Attributes:
        name: of the argument with the data, for messages.
        values: of the data, `(..., value)`.
        per: what has a value, `"instance"` or `"instance_pair"`.
        n_instances: number of instances.
        degenerate: what a degenerate resample lacks, for messages.
        n_stimuli: number of stimuli.
        resampled: for a leading position, the values as a function of stimulus multiplicities;
            called only where stimuli are resampled, one position at a time.
        work: entries that one resample of stimuli needs at a time, which sets the block size.
    """

    name: str
    values: Float[np.ndarray, "... value"]
    per: str
    n_instances: int
    degenerate: str
    n_stimuli: int = 0
    resampled: Callable[[tuple[int, ...]], ResampledValues] | None = None
    work: int = 1


def bootstrap(statistic: Statistic, options: ResamplingOptions) -> Bootstrap:
    """Bootstrap the mean of a statistic.

    Raises:
        InputError: all resamples are degenerate, or BCa is undefined.
    """
    values = statistic.values
    if options.over == "pairs":
        distribution = _resample_values(values, "value", values.shape[-1], "instance", options)
    elif options.over == "instances":
        distribution = _resample_values(
            values, "instance", statistic.n_instances, statistic.per, options
        )
    else:
        distribution = _resample_stimuli(statistic, options)
    return bootstrap_result(
        statistic.name,
        np.asarray(values.mean(-1)),
        distribution,
        options.confidence,
        options.interval,
        statistic.degenerate,
    )


def _resample_values(
    values: Float[np.ndarray, "... value"],
    drawn: str,
    n_drawn: int,
    per: str,
    options: ResamplingOptions,
) -> BootstrapDistribution:
    """Draw values, or instances: a pair of an instance with itself is left out."""
    work = max(values.shape[-1], n_drawn)
    generator = host_stream(options.seed, f"bootstrap {drawn}")
    means = lambda counts: weighted_means(values, _WEIGHTS[per](counts))
    samples = [
        means(draw_counts(generator, block, n_drawn)) for block in blocks(options.n_resamples, work)
    ]
    jackknives = (_jackknife(means, n_drawn, work),) if options.interval == "bca" else ()
    return BootstrapDistribution(
        np.concatenate(samples, -1), np.asarray(values.mean(-1)), jackknives
    )


def _resample_stimuli(statistic: Statistic, options: ResamplingOptions) -> BootstrapDistribution:
    """Draw stimuli, and for `"both"` instances too."""
    assert statistic.resampled is not None
    leading = statistic.values.shape[:-1]
    parts = [
        _resample_stimuli_of(statistic.resampled(position), statistic, options)
        for position in np.ndindex(*leading)
    ]
    by_kind = zip(*(part.jackknives for part in parts), strict=True)
    return BootstrapDistribution(
        np.reshape([part.samples for part in parts], (*leading, -1)),
        np.reshape([part.original for part in parts], leading),
        tuple(np.reshape(jackknife, (*leading, -1)) for jackknife in by_kind),
    )


def _resample_stimuli_of(
    resampled: ResampledValues, statistic: Statistic, options: ResamplingOptions
) -> BootstrapDistribution:
    weigh = _WEIGHTS[statistic.per]
    n_instances, n_stimuli = statistic.n_instances, statistic.n_stimuli
    # Created anew at every leading position, so that all positions share their resamples.
    stimulus_generator = host_stream(options.seed, "bootstrap stimulus")
    instance_generator = host_stream(options.seed, "bootstrap instance")
    samples = []
    for block in blocks(options.n_resamples, statistic.work):
        values = resampled(draw_counts(stimulus_generator, block, n_stimuli))
        weights = np.ones_like(values)
        if options.over == "both":
            weights = weigh(draw_counts(instance_generator, block, n_instances))
        with np.errstate(invalid="ignore"):  # 0 / 0: no two distinct instances
            samples.append(np.sum(values * weights, -1) / np.sum(weights, -1))
    if options.interval != "bca":
        return BootstrapDistribution(np.concatenate(samples), np.asarray(np.nan))
    original = resampled(np.ones((1, n_stimuli)))[0]
    without_stimulus = lambda counts: resampled(counts).mean(-1)
    jackknives = (_jackknife(without_stimulus, n_stimuli, statistic.work),)
    if options.over == "both":
        without_instance = lambda counts: weighted_means(original, weigh(counts))
        jackknives += (_jackknife(without_instance, n_instances, n_instances),)
    return BootstrapDistribution(np.concatenate(samples), np.asarray(original.mean(-1)), jackknives)


def _jackknife(
    means: Callable[[Counts], Float[np.ndarray, "... deletion"]], n: int, work: int
) -> Float[np.ndarray, "... deletion"]:
    """The mean without each one of `n` things; NaN where nothing is left to average."""
    return np.concatenate([means(delete_one(n, block)) for block in blocks(n, work)], -1)
