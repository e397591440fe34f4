"""From resampled means to an interval: percentiles, or bias-corrected and accelerated (BCa).

Both take quantiles of the resampled means. The percentile interval takes them at (1 ± confidence) /
2; BCa moves these levels by how far the resamples lie to one side of the observed mean (bias z₀)
and by how the spread changes with the mean (acceleration a), which the jackknife tells (Efron 1987;
the form for several samples is that of `scipy.stats.bootstrap`).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import ndtr, ndtri

from ensemble_rsa.errors import InputError

INTERVALS = ("percentile", "bca")
_ROUNDING = 1e-6  # relative: sums under resampling are float32; closer than this is the same number


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


@dataclass(frozen=True)
class Resampled:
    """Means under resampling, and what BCa needs beside them.

    Attributes:
        samples: the mean in every resample, NaN where that is degenerate.
        centre: the mean with every thing drawn once, worked out as the samples were, so that
            rounding does not pass for bias.
        jackknives: for each kind of thing that is resampled, the mean without one of them; empty
            for percentile intervals.
    """

    samples: Float[np.ndarray, "... resample"]
    centre: Float[np.ndarray, "..."]
    jackknives: tuple[Float[np.ndarray, "... _"], ...]


def bootstrap_result(
    name: str,
    mean: Float[np.ndarray, "..."],
    resampled: Resampled,
    confidence: float,
    interval: str,
    degenerate: str,
) -> Bootstrap:
    """Drop the degenerate resamples, which are NaN, and find the interval from the others.

    A resample that is degenerate at one leading position is dropped at all, since they share it.

    Args:
        name: what the argument with the data is called, for the message.
        mean: of the data.
        resampled: means under resampling.
        confidence: the share of the resampled means inside a percentile interval.
        interval: one of `INTERVALS`.
        degenerate: what a degenerate resample lacks, for the message.

    Raises:
        InputError: all resamples are degenerate, or BCa is undefined.
    """
    n_resamples = resampled.samples.shape[-1]
    kept = np.isfinite(resampled.samples).reshape(-1, n_resamples).all(0)
    if not kept.any():
        raise InputError(
            f"{name}: expected enough instances and stimuli to resample, got {n_resamples} "
            f"resamples that all lack {degenerate}"
        )
    samples = resampled.samples[..., kept]
    levels = np.array([(1 - confidence) / 2, (1 + confidence) / 2])
    if interval == "percentile":
        low, high = np.quantile(samples, levels, axis=-1)
    else:
        low, high = _bca_ends(samples, resampled, levels)
    mean, low, high = (np.asarray(part) for part in (mean, low, high))
    return Bootstrap(mean, low, high, samples, n_resamples - samples.shape[-1])


def _bca_ends(
    samples: Float[np.ndarray, "... resample"], resampled: Resampled, levels: np.ndarray
) -> Float[np.ndarray, "end ..."]:
    ends = np.empty((2, *samples.shape[:-1]))
    for position in np.ndindex(*samples.shape[:-1]):
        here, centre = samples[position], float(resampled.centre[position])
        # Nothing varies: any quantile is the value, and an interval without width is the answer.
        if np.abs(here - centre).max() > _ROUNDING * np.abs(centre):
            jackknives = [jackknife[position] for jackknife in resampled.jackknives]
            where = f" at {list(position)}" if position else ""
            moved = bca_levels(here, centre, jackknives, levels, where)
        else:
            moved = levels
        ends[:, *position] = np.quantile(here, moved)
    return ends


def bca_levels(
    samples: Float[np.ndarray, " resample"],
    centre: float,
    jackknives: list[Float[np.ndarray, " _"]],
    levels: Float[np.ndarray, " end"],
    where: str = "",
) -> Float[np.ndarray, " end"]:
    """Where BCa takes its quantiles: Φ(z₀ + (z₀ + z) / (1 − a (z₀ + z))) for z = Φ⁻¹(levels).

    z₀ = Φ⁻¹(share of samples below the centre, ties by half); a = Σᵢ uᵢ³ / (6 (Σᵢ uᵢ²)^1.5) with uᵢ
    = (n − 1) (mean of the jackknife − jackknifeᵢ) / n, summed over all kinds of things resampled.

    Args:
        samples: resampled means.
        centre: the mean without resampling.
        jackknives: for each kind of thing resampled, the mean without one of them.
        levels: of the percentile interval.
        where: the leading position, for the message.

    Raises:
        InputError: bias or acceleration is undefined; says which.

    >>> levels = np.array([0.025, 0.975])
    >>> bca_levels(np.arange(100.0), 49.5, [np.array([1.0, 2.0, 3.0])], levels)
    array([0.025, 0.975])
    """
    tie = _ROUNDING * np.ptp(samples)
    bias = ndtri(((samples < centre - tie).mean() + (samples <= centre + tie).mean()) / 2)
    if not np.isfinite(bias):
        raise _undefined(where, "all resampled means lie to one side of the observed one")
    influences = [(1 - 1 / len(values)) * (values.mean() - values) for values in jackknives]
    squares = sum(float(np.sum(influence**2)) for influence in influences)
    if not np.isfinite(squares):
        raise _undefined(where, "the mean is undefined without some one instance or stimulus")
    if np.sqrt(squares) <= tie:
        raise _undefined(
            where, "the mean stays the same whichever one instance or stimulus is left out"
        )
    acceleration = sum(float(np.sum(influence**3)) for influence in influences) / squares**1.5 / 6
    reach = bias + ndtri(levels)
    if (acceleration * reach >= 1).any():
        raise _undefined(where, "the mean depends too much on one instance or stimulus")
    return ndtr(bias + reach / (1 - acceleration * reach))


def _undefined(where: str, reason: str) -> InputError:
    return InputError(
        f"interval: 'bca' is undefined here{where}, since {reason}; use interval='percentile'"
    )
