"""Bootstrap intervals from resampled means: percentile, or bias-corrected and accelerated (BCa).

The percentile interval takes quantiles of the resampled means at (1 ± confidence) / 2. Where
stimuli are resampled, the bias of the resamples is subtracted from both: a repeated stimulus adds
no new distances, so resampled r² are higher, by about 6/n² for n stimuli and unrelated networks,
and the quantiles may all lie above the observed mean. BCa (Efron 1987) shifts the levels by a bias
z₀ and an acceleration a from the jackknife, with several samples as in `scipy.stats.bootstrap`; it
cannot correct a bias that leaves few resamples on one side of the mean, and is refused there.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import ndtr, ndtri

from ensemble_rsa.errors import InputError

_ROUNDING = 1e-6  # relative: sums under resampling are float32


@dataclass(frozen=True)
class Bootstrap:
    """A mean, its interval, and the resampled means behind it.

    Attributes:
        mean: the mean of the data, not of the resamples, `(...)`.
        low: lower end of the interval, `(...)`.
        high: upper end of the interval, `(...)`.
        samples: the mean in every resample that was kept, `(..., resample)`; where stimuli are
            resampled their mean differs from `mean` by a bias, which the percentile interval is
            corrected for.
        dropped: number of resamples that were degenerate and left out.
    """

    mean: Float[np.ndarray, "..."]
    low: Float[np.ndarray, "..."]
    high: Float[np.ndarray, "..."]
    samples: Float[np.ndarray, "... resample"]
    dropped: int


@dataclass(frozen=True)
class BootstrapDistribution:
    """Means under resampling, NaN where that is degenerate, and what BCa needs besides.

    `original` is the mean without resampling, computed as the samples are; `jackknives` has, for
    each kind of thing resampled, the mean without each one of them. `least` is the smallest value
    of the mean if the resamples are biased, None if they are not.
    """

    samples: Float[np.ndarray, "... resample"]
    original: Float[np.ndarray, "..."]
    jackknives: tuple[Float[np.ndarray, "... _"], ...] = ()
    least: float | None = None


def bootstrap_result(
    name: str,
    mean: Float[np.ndarray, "..."],
    distribution: BootstrapDistribution,
    confidence: float,
    interval: str,
    degenerate: str,
) -> Bootstrap:
    """Drop degenerate resamples, which are NaN, and compute the interval from the others.

    A resample that is degenerate at one leading position is dropped at all of them, as they share
    their resamples. `mean` is that of the data; `name` is that of the argument with the data and
    `degenerate` what a degenerate resample lacks, for messages.
    """
    n_resamples = distribution.samples.shape[-1]
    kept = np.isfinite(distribution.samples).reshape(-1, n_resamples).all(0)
    if not kept.any():
        raise InputError(
            f"{name}: expected enough instances and stimuli to resample, got {n_resamples} "
            f"resamples that all lack {degenerate}"
        )
    samples = distribution.samples[..., kept]
    least = distribution.least  # not None where stimuli are resampled
    if least is not None and kept.mean() < 0.5 and not np.ptp(samples, axis=-1).any():
        raise InputError(
            f"{name}: expected enough stimuli to resample, got so few that all but "
            f"{kept.sum()} of {n_resamples} resamples lack {degenerate}, and these equal the data"
        )
    levels = np.array([(1 - confidence) / 2, (1 + confidence) / 2])
    if interval == "percentile":
        low, high = np.quantile(samples, levels, axis=-1)
        if least is not None:
            bias = samples.mean(-1) - mean
            # All that is resampled, shared variances and indices, is at most 1.
            low, high = np.maximum(low - bias, least), np.minimum(high - bias, 1.0)
    else:
        low, high = _bca_ends(samples, distribution, levels)
    mean, low, high = (np.asarray(part) for part in (mean, low, high))
    return Bootstrap(mean, low, high, samples, n_resamples - samples.shape[-1])


def _bca_ends(
    samples: Float[np.ndarray, "... resample"],
    distribution: BootstrapDistribution,
    levels: Float[np.ndarray, " end"],
) -> Float[np.ndarray, "end ..."]:
    ends = np.empty((2, *samples.shape[:-1]))
    for position in np.ndindex(*samples.shape[:-1]):
        here, original = samples[position], float(distribution.original[position])
        adjusted_levels = levels
        # Where all resamples equal the mean, every quantile does, and BCa levels are undefined.
        if np.abs(here - original).max() > _ROUNDING * np.abs(original):
            jackknives = [jackknife[position] for jackknife in distribution.jackknives]
            where = f" at {list(position)}" if position else ""
            adjusted_levels = bca_levels(here, original, jackknives, levels, where)
        ends[:, *position] = np.quantile(here, adjusted_levels)
    return ends


def bca_levels(
    samples: Float[np.ndarray, " resample"],
    original: float,
    jackknives: list[Float[np.ndarray, " _"]],
    levels: Float[np.ndarray, " end"],
    where: str = "",
) -> Float[np.ndarray, " end"]:
    """The levels of BCa's quantiles: Φ(z₀ + (z₀ + z) / (1 − a (z₀ + z))) for z = Φ⁻¹(levels).

    z₀ = Φ⁻¹(share of samples below the original mean, ties by half); a = Σᵢ uᵢ³ / (6 (Σᵢ uᵢ²)^1.5)
    with uᵢ = (n − 1) (mean of the jackknife − jackknifeᵢ) / n, summed over all things resampled.

    `original` is the mean without resampling, and `where` the leading position, for the message if
    bias or acceleration is undefined.

    >>> levels = np.array([0.025, 0.975])
    >>> bca_levels(np.arange(100.0), 49.5, [np.array([1.0, 2.0, 3.0])], levels)
    array([0.025, 0.975])
    """
    tie = _ROUNDING * np.ptp(samples)
    bias = ndtri(((samples < original - tie).mean() + (samples <= original + tie).mean()) / 2)
    influences = np.concatenate(
        [(1 - 1 / len(values)) * (values.mean() - values) for values in jackknives]
    )
    squares = np.sum(influences**2)
    reason = None
    if not np.isfinite(bias):
        reason = "all resampled means lie to one side of the observed one"
    elif abs(bias) >= ndtri(levels[1]):
        reason = (
            "nearly all resampled means lie to one side of the observed one, which the interval "
            "would not hold"
        )
    elif not np.isfinite(squares):
        reason = "the mean is undefined without some one instance or stimulus"
    elif np.sqrt(squares) <= tie:
        reason = "the mean stays the same whichever one instance or stimulus is left out"
    else:
        acceleration = np.sum(influences**3) / squares**1.5 / 6
        reach = bias + ndtri(levels)
        if (acceleration * reach < 1).all():
            return ndtr(bias + reach / (1 - acceleration * reach))
        reason = "the mean depends too much on one instance or stimulus"
    raise InputError(
        f"interval: 'bca' is undefined here{where}, since {reason}; use interval='percentile'"
    )
