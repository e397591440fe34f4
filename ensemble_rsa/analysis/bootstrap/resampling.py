"""The bootstrap of a mean over instances or over instance pairs.

`over` says what is drawn with replacement: `"pairs"` draws the values as if they were independent,
`"instances"` draws instances, `"stimuli"` recomputes every value for resampled stimuli, `"both"`
does the last two. Each uses a random stream of its own, so all statistics of one seed share the
same instances and the same stimuli. The jackknife deletes instances, or instances and stimuli,
instead.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
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
from ensemble_rsa.analysis.bootstrap.jackknife import (
    Scale,
    check_enough,
    jackknife_interval,
    two_factor_ends,
)
from ensemble_rsa.arrays import check_confidence, check_count
from ensemble_rsa.errors import FewStimuliWarning, InputError, check_name
from ensemble_rsa.numerics import blocks
from ensemble_rsa.rng import host_stream

if TYPE_CHECKING:  # at run time a wrong name is refused by us, with the choices
    Over = Literal["pairs", "instances", "stimuli", "both"]
    OverPairValues = Literal["pairs", "instances"]
    OverInstances = Literal["instances", "stimuli", "both"]
    Interval = Literal["percentile", "bca", "jackknife"]
else:
    Over = OverPairValues = OverInstances = Interval = str
OVER = ("pairs", "instances", "stimuli", "both")
INTERVALS = ("percentile", "bca", "jackknife")
_BY_CHANCE = 10  # r² of unrelated networks is about 2 / n² for n stimuli; five times that is ours
_DRAWN = {"pairs": "what is drawn", "instances": "instances", "both": "instances and stimuli"}

Counts = Float[np.ndarray, "resample drawn"]
# Values of a statistic for each row of stimulus multiplicities; NaN where they are undefined.
ResampledValues = Callable[
    [Float[np.ndarray, "resample stimulus"]], Float[np.ndarray, "resample value"]
]


@dataclass(frozen=True)
class ResamplingOptions:
    """The arguments that all bootstraps share, checked; `over` is one of `choices`."""

    over: str
    choices: tuple[str, ...]
    n_resamples: Any
    confidence: Any
    seed: int
    interval: str

    def __post_init__(self) -> None:
        """Raise `InputError` for a wrong argument."""
        check_name("over", self.over, self.choices)
        check_name("interval", self.interval, INTERVALS)
        if self.interval == "jackknife" and self.over not in ("instances", "both"):
            raise InputError(
                f"over: the interval 'jackknife' deletes instances, expected 'instances' or "
                f"'both', got {self.over!r}"
            )
        check_count("n_resamples", self.n_resamples, 1)
        check_confidence("confidence", self.confidence)


@dataclass(frozen=True)
class Statistic:
    """The values whose mean is bootstrapped.

    Attributes:
        name: of the argument with the data, for messages.
        values: of the data, `(..., value)`, one per instance pair or per instance.
        n_instances: number of instances.
        degenerate: what a degenerate resample lacks, for messages.
        n_stimuli: number of stimuli.
        resampled: for a leading position, the values as a function of stimulus multiplicities;
            called only where stimuli are resampled, one position at a time.
        of_pairs: False for values per instance.
        work: entries that one resample of stimuli needs besides values and stimuli.
        scale: on which the jackknife computes its interval.
        at_once: resamples of stimuli that are computed together; 0 for as many as fit in a cache.
    """

    name: str
    values: Float[np.ndarray, "... value"]
    n_instances: int
    degenerate: str
    n_stimuli: int = 0
    resampled: Callable[[tuple[int, ...]], ResampledValues] | None = None
    of_pairs: bool = True
    work: int = 1
    scale: Scale = "shared_variance"
    at_once: int = 0

    def stimulus_blocks(self, n_resamples: int) -> list[slice]:
        """Resamples of stimuli that are computed together."""
        if self.at_once:
            starts = range(0, n_resamples, self.at_once)
            return [slice(start, min(start + self.at_once, n_resamples)) for start in starts]
        return blocks(n_resamples, max(self.values.shape[-1], self.n_stimuli, self.work))

    def weights(self, counts: Counts) -> Float[np.ndarray, "resample value"]:
        """How often each value counts: as often as its instance, or both of its pair, is drawn."""
        return pair_weights(counts) if self.of_pairs else counts


def bootstrap(statistic: Statistic, options: ResamplingOptions) -> Bootstrap:
    """Bootstrap the mean of a statistic.

    Raises:
        InputError: as `bootstrap_result`, or a single value that would be drawn again and again.
    """
    values = statistic.values
    if options.interval == "jackknife":
        delete = _delete_both if options.over == "both" else _delete_instances
        return delete(statistic, options.confidence)
    _check_several(statistic, options.over)
    if options.over in ("pairs", "instances"):
        distribution = _resample_values(statistic, options)
    else:
        leading = values.shape[:-1]
        parts = [_resample_stimuli(p, statistic, options) for p in np.ndindex(*leading)]
        by_kind = zip(*(part.jackknives for part in parts), strict=True)
        distribution = BootstrapDistribution(
            np.reshape([part.samples for part in parts], (*leading, -1)),
            np.reshape([part.original for part in parts], leading),
            tuple(np.reshape(jackknife, (*leading, -1)) for jackknife in by_kind),
            least=0.0 if statistic.scale == "shared_variance" else -np.inf,
        )
    name, mean, degenerate = statistic.name, np.asarray(values.mean(-1)), statistic.degenerate
    return bootstrap_result(
        name, mean, distribution, options.confidence, options.interval, degenerate
    )


def _check_several(statistic: Statistic, over: str) -> None:
    """Raise where every resample has the same single value: its interval would have no width."""
    if over == "stimuli" or statistic.values.shape[-1] > 1:
        return
    if statistic.of_pairs:
        found, needed = "the single pair of two instances", "three instances or more"
    else:
        found, needed = "a single value", "two or more"
    raise InputError(
        f"{statistic.name}: {found} has no interval over {_DRAWN[over]}, expected {needed}"
    )


def _delete_instances(statistic: Statistic, confidence: float) -> Bootstrap:
    """The jackknife over instances; its samples are the means without each of them."""
    n, values = statistic.n_instances, statistic.values.astype(np.float64)
    check_enough(statistic.name, n)
    without = weighted_means(values, statistic.weights(delete_one(n, slice(None))))
    found = jackknife_interval(np.asarray(values.mean(-1)), without, confidence, statistic.scale)
    return Bootstrap(found.mean, found.low, found.high, without, 0)


def _delete_both(statistic: Statistic, confidence: float) -> Bootstrap:
    """The jackknife over instances and stimuli; its samples are the means without each of both."""
    assert statistic.resampled is not None
    n, m, values = statistic.n_instances, statistic.n_stimuli, statistic.values
    check_enough(statistic.name, n)
    work = max(values.shape[-1], m, statistic.work)
    kept = statistic.weights(delete_one(n, slice(None)))
    found = []
    for position in np.ndindex(*values.shape[:-1]):
        resampled = statistic.resampled(position)
        whole = resampled(np.ones((1, m)))[0].astype(np.float64)
        each = np.concatenate([resampled(delete_one(m, block)) for block in blocks(m, work)])
        found.append((weighted_means(whole, kept), each.mean(-1), weighted_means(each, kept)))
    leading = values.shape[:-1]
    of_instances, of_stimuli, of_both = (
        np.reshape(np.stack(parts), (*leading, *parts[0].shape))
        for parts in zip(*found, strict=True)
    )
    if not np.isfinite(of_both).all():
        raise InputError(
            f"{statistic.name}: the mean is undefined without some one stimulus, which then lacks "
            f"{statistic.degenerate}; use interval='percentile'"
        )
    mean = np.asarray(values.mean(-1, dtype=np.float64))
    if statistic.scale == "shared_variance" and mean.min() < _BY_CHANCE / m**2:
        warnings.warn(
            f"mean r² of {mean.min():.4f} with {m} stimuli is mostly chance correlation, which the "
            "interval 'jackknife' does not correct: it may lie above the value for many stimuli; "
            "use interval='percentile'",
            FewStimuliWarning,
            stacklevel=4,
        )
    low, high = two_factor_ends(
        mean, of_instances, of_stimuli, of_both, confidence, statistic.scale
    )
    return Bootstrap(mean, low, high, np.concatenate([of_instances, of_stimuli], -1), 0)


def _resample_values(statistic: Statistic, options: ResamplingOptions) -> BootstrapDistribution:
    """Draw values, or instances: a pair of an instance with itself is left out."""
    values = statistic.values
    if options.over == "pairs":
        drawn, n_drawn, weights = "value", values.shape[-1], np.asarray
    else:
        drawn, n_drawn, weights = "instance", statistic.n_instances, statistic.weights
    means = lambda counts: weighted_means(values, weights(counts))
    work = max(values.shape[-1], n_drawn)
    generator = host_stream(options.seed, f"bootstrap {drawn}")
    counts = (draw_counts(generator, b, n_drawn) for b in blocks(options.n_resamples, work))
    samples = np.concatenate([means(each) for each in counts], -1)
    jackknives = (_jackknife(means, n_drawn, work),) if options.interval == "bca" else ()
    return BootstrapDistribution(samples, np.asarray(values.mean(-1)), jackknives)


def _resample_stimuli(
    position: tuple[int, ...], statistic: Statistic, options: ResamplingOptions
) -> BootstrapDistribution:
    """Draw stimuli, and for `"both"` instances too, at one leading position."""
    assert statistic.resampled is not None
    resampled = statistic.resampled(position)
    n_instances, n_stimuli = statistic.n_instances, statistic.n_stimuli
    work = max(statistic.values.shape[-1], n_stimuli, statistic.work)
    # Created anew at every leading position, so that all positions share their resamples.
    stimulus_generator = host_stream(options.seed, "bootstrap stimulus")
    instance_generator = host_stream(options.seed, "bootstrap instance")
    samples = []
    for block in statistic.stimulus_blocks(options.n_resamples):
        values = resampled(draw_counts(stimulus_generator, block, n_stimuli))
        weights = np.ones_like(values)
        if options.over == "both":
            weights = statistic.weights(draw_counts(instance_generator, block, n_instances))
        with np.errstate(invalid="ignore"):  # 0 / 0: no two distinct instances
            samples.append(np.sum(values * weights, -1) / np.sum(weights, -1))
    if options.interval != "bca":
        return BootstrapDistribution(np.concatenate(samples), np.asarray(np.nan))
    original = resampled(np.ones((1, n_stimuli)))[0]
    jackknives = (_jackknife(lambda counts: resampled(counts).mean(-1), n_stimuli, work),)
    if options.over == "both":
        without_instance = lambda counts: weighted_means(original, statistic.weights(counts))
        jackknives += (_jackknife(without_instance, n_instances, n_instances),)
    return BootstrapDistribution(np.concatenate(samples), np.asarray(original.mean(-1)), jackknives)


def _jackknife(
    means: Callable[[Counts], Float[np.ndarray, "... deletion"]], n: int, work: int
) -> Float[np.ndarray, "... deletion"]:
    """The mean without each one of `n` things; NaN where nothing is left to average."""
    return np.concatenate([means(delete_one(n, block)) for block in blocks(n, work)], -1)
