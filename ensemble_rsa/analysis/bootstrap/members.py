"""Bootstraps of a mean over members, which are instances or instance pairs.

What is drawn again decides what the interval speaks of: `"pairs"` draws the members' values as if
they were independent, `"instances"` draws instances, `"stimuli"` gives every member a new value
under resampled stimuli, `"both"` does the latter two. Draws come from streams named after what is
drawn, so all statistics of one seed see the same instances and the same stimuli.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from ensemble_rsa.analysis.bootstrap.draws import (
    MEMBER_WEIGHTS,
    delete_one,
    draw_counts,
    weighted_means,
)
from ensemble_rsa.analysis.bootstrap.intervals import (
    INTERVALS,
    Bootstrap,
    Resampled,
    bootstrap_result,
)
from ensemble_rsa.arrays import check_confidence, check_count
from ensemble_rsa.errors import unknown_name
from ensemble_rsa.numerics import blocks
from ensemble_rsa.rng import host_stream

OVER_PAIRS = ("pairs", "instances", "stimuli", "both")
OVER_INSTANCES = ("instances", "stimuli", "both")

# Values of all members under each row of stimulus multiplicities; NaN where they are undefined.
ValuesUnder = Callable[
    [Float[np.ndarray, "resample stimulus"]], Float[np.ndarray, "resample member"]
]


@dataclass(frozen=True)
class Settings:
    """How to resample, once checked.

    Attributes:
        over: what is drawn again.
        n_resamples: number of resamples.
        confidence: the share of the resampled means inside a percentile interval.
        seed: of the draws.
        interval: `"percentile"` or `"bca"`.
    """

    over: str
    n_resamples: int
    confidence: float
    seed: int
    interval: str


@dataclass(frozen=True)
class Members:
    """Whose mean is bootstrapped.

    Attributes:
        kind: `"instance"` or `"instance_pair"`.
        n_instances: number of instances.
        n_stimuli: number of stimuli.
        entries: numbers that one resample of stimuli needs at a time, which sets the blocks' size.
    """

    kind: str
    n_instances: int
    n_stimuli: int
    entries: int


def check_settings(
    over: str, choices: tuple[str, ...], n_resamples: Any, confidence: Any, seed: int, interval: str
) -> Settings:
    """Check the arguments that all bootstraps share.

    Raises:
        InputError: an unknown `over` or `interval`, fewer than one resample, or a confidence
            outside (0, 1).

    >>> check_settings("instances", OVER_PAIRS, 100, 0.9, 0, "bca").interval
    'bca'
    """
    if over not in choices:
        raise unknown_name("over", over, choices)
    if interval not in INTERVALS:
        raise unknown_name("interval", interval, INTERVALS)
    n_resamples = check_count("n_resamples", n_resamples, 1)
    return Settings(over, n_resamples, check_confidence("confidence", confidence), seed, interval)


def bootstrap_members(
    name: str,
    observed: Float[np.ndarray, "... member"],
    members: Members,
    values_at: Callable[[tuple[int, ...]], ValuesUnder],
    settings: Settings,
    degenerate: str,
) -> Bootstrap:
    """Bootstrap the mean over members, in the way that `settings.over` says.

    Args:
        name: what the argument with the data is called, for messages.
        observed: values of the members in the data.
        members: what they are.
        values_at: for a leading position, how members' values follow from resampled stimuli; asked
            for only where stimuli are resampled, one position at a time.
        settings: from `check_settings`.
        degenerate: what a degenerate resample lacks, for the message.

    Raises:
        InputError: all resamples are degenerate, or BCa is undefined.
    """
    if settings.over == "pairs":
        resampled = resample_values(observed, settings)
    elif settings.over == "instances":
        resampled = resample_instances(observed, members.kind, members.n_instances, settings)
    else:
        parts = [
            _resample_stimuli(values_at(position), members, settings)
            for position in np.ndindex(*observed.shape[:-1])
        ]
        resampled = _stack(parts, observed.shape[:-1])
    mean = np.asarray(observed.mean(-1))
    return bootstrap_result(
        name, mean, resampled, settings.confidence, settings.interval, degenerate
    )


def resample_values(values: Float[np.ndarray, "... value"], settings: Settings) -> Resampled:
    """Draw the values themselves, as if they were independent."""
    n = values.shape[-1]
    generator = host_stream(settings.seed, "bootstrap value")
    samples = [
        weighted_means(values, draw_counts(generator, block, n))
        for block in blocks(settings.n_resamples, n)
    ]
    jackknives = ()
    if settings.interval == "bca":
        jackknives = (_jackknife(lambda counts: weighted_means(values, counts), n, n),)
    return Resampled(np.concatenate(samples, -1), np.asarray(values.mean(-1)), jackknives)


def resample_instances(
    values: Float[np.ndarray, "... member"], kind: str, n_instances: int, settings: Settings
) -> Resampled:
    """Draw instances; a member counts as often as its instances, and never one with itself."""
    weigh = MEMBER_WEIGHTS[kind]
    entries = max(values.shape[-1], n_instances)
    generator = host_stream(settings.seed, "bootstrap instance")
    samples = [
        weighted_means(values, weigh(draw_counts(generator, block, n_instances)))
        for block in blocks(settings.n_resamples, entries)
    ]
    jackknives = ()
    if settings.interval == "bca":
        without = lambda counts: weighted_means(values, weigh(counts))
        jackknives = (_jackknife(without, n_instances, entries),)
    return Resampled(np.concatenate(samples, -1), np.asarray(values.mean(-1)), jackknives)


def _resample_stimuli(values_under: ValuesUnder, members: Members, settings: Settings) -> Resampled:
    """Draw stimuli, and for `"both"` instances too, at one leading position."""
    weigh = MEMBER_WEIGHTS[members.kind]
    n_instances, n_stimuli = members.n_instances, members.n_stimuli
    # Born anew at every position, so that all positions share their resamples.
    of_stimuli = host_stream(settings.seed, "bootstrap stimulus")
    of_instances = host_stream(settings.seed, "bootstrap instance")
    samples = []
    for block in blocks(settings.n_resamples, members.entries):
        values = values_under(draw_counts(of_stimuli, block, n_stimuli))
        weights = np.ones_like(values)
        if settings.over == "both":
            weights = weigh(draw_counts(of_instances, block, n_instances))
        with np.errstate(invalid="ignore"):  # 0 / 0: no two distinct instances
            samples.append(np.sum(values * weights, -1) / np.sum(weights, -1))
    if settings.interval != "bca":
        return Resampled(np.concatenate(samples), np.asarray(np.nan), ())
    undisturbed = values_under(np.ones((1, n_stimuli)))[0]
    without_stimulus = lambda counts: values_under(counts).mean(-1)
    jackknives = (_jackknife(without_stimulus, n_stimuli, members.entries),)
    if settings.over == "both":
        without_instance = lambda counts: weighted_means(undisturbed, weigh(counts))
        jackknives += (_jackknife(without_instance, n_instances, n_instances),)
    return Resampled(np.concatenate(samples), np.asarray(undisturbed.mean(-1)), jackknives)


def _jackknife(
    means_under: Callable[[Float[np.ndarray, "deletion drawn"]], Float[np.ndarray, "... deletion"]],
    n: int,
    entries: int,
) -> Float[np.ndarray, "... deletion"]:
    """The mean without each one of `n` things; NaN where that leaves nothing to take it of."""
    return np.concatenate(
        [means_under(delete_one(n, deletions)) for deletions in blocks(n, entries)], -1
    )


def _stack(parts: list[Resampled], leading: tuple[int, ...]) -> Resampled:
    """The resampled means of all leading positions, together."""
    by_kind = zip(*(part.jackknives for part in parts), strict=True)
    return Resampled(
        np.reshape([part.samples for part in parts], (*leading, -1)),
        np.reshape([part.centre for part in parts], leading),
        tuple(np.reshape(jackknife, (*leading, -1)) for jackknife in by_kind),
    )
