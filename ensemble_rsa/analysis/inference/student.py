"""Intervals and tests by Student's t, from covariances of means under resampling."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import stdtr, stdtrit
from scipy.stats import false_discovery_control

from ensemble_rsa.analysis.inference.components import (
    Factors,
    degrees_of_freedom,
    mean_squares,
    total_variance,
)
from ensemble_rsa.analysis.inference.result import Differences
from ensemble_rsa.numerics import pair_indices

Covariances = Mapping[Factors, Float[np.ndarray, "position position"]]
Levels = Mapping[str, int]


class Spread(NamedTuple):
    """X_C of every combination of factors, the standard deviation and its degrees of freedom."""

    squares: dict[Factors, Float[np.ndarray, " value"]]
    sd: Float[np.ndarray, " value"]
    dof: Float[np.ndarray, " value"]

    def reach(self, confidence: float) -> Float[np.ndarray, " value"]:
        """Half the width of an interval."""
        return stdtrit(self.dof, (1 + confidence) / 2) * self.sd

    def above(self, value: Float[np.ndarray, " value"]) -> Float[np.ndarray, " value"]:
        """One-sided p of a value that is zero or less in truth."""
        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.where((value == 0) & (self.sd == 0), 0.0, value / self.sd)
        return stdtr(self.dof, -t)


def spread_of(variances: Mapping[Factors, Float[np.ndarray, " value"]], levels: Levels) -> Spread:
    """What variances V_B of some values say of them."""
    squares = mean_squares(variances, levels)
    variance = total_variance(squares, variances)
    dof = degrees_of_freedom(squares, variance, levels)
    return Spread(squares, np.sqrt(np.maximum(variance, 0)), dof)


def spread_of_differences(
    covariances: Covariances, first: np.ndarray, second: np.ndarray, levels: Levels
) -> Spread:
    """The same for the differences of two means each."""
    variances = {
        each: c[first, first] + c[second, second] - 2 * c[first, second]
        for each, c in covariances.items()
    }
    return spread_of(variances, levels)


def differences_of(
    means: Float[np.ndarray, " position"],
    covariances: Covariances,
    levels: Levels,
    confidence: float,
) -> Differences:
    """Differences of every two means."""
    first, second = pair_indices(len(means)) if len(means) > 1 else (np.empty(0, np.int32),) * 2
    value = means[first] - means[second]
    spread = spread_of_differences(covariances, first, second, levels)
    reach, p = spread.reach(confidence), 2 * spread.above(abs(value))
    low, high = value - reach, value + reach
    return Differences(first, second, value, spread.sd, low, high, p, adjusted(p))


def adjusted(p: Float[np.ndarray, " value"]) -> Float[np.ndarray, " value"]:
    """P adjusted for the false discovery rate (Benjamini and Hochberg); NaN if p are."""
    return false_discovery_control(p) if p.size and not np.isnan(p).any() else p
