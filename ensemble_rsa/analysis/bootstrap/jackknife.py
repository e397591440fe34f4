"""Intervals and tests of statistics of an ensemble by deleting one instance at a time.

`jackknife_statistic` takes any statistic of instances, `jackknife_pairs` the mean of values of
instance pairs. Bootstraps over few instances are too narrow: docs/explanation/pairs.md has their
coverage.

With U the statistic of all n instances, U₋ᵢ that without instance i, and z a transformation, the
standard error is SE² = (n − 1) / n · Σᵢ (z(U₋ᵢ) − mean z(U₋))², and the interval z(U) ± t · SE with
Student's t of n − 1 degrees of freedom, transformed back (Tukey 1958; Miller 1974,
doi:10.1093/biomet/61.1.1). This is the t interval of the pseudo-values n z(U) − (n − 1) z(U₋ᵢ),
centred at z(U). The transformation of a mean r² is Fisher's z of its root.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.special import stdtr, stdtrit

from ensemble_rsa.analysis.bootstrap.draws import delete_one, pair_weights, weighted_means
from ensemble_rsa.arrays import (
    ArrayLike,
    as_numpy,
    check_array,
    check_confidence,
    check_finite,
    stimuli_of_pairs,
)
from ensemble_rsa.errors import InputError, check_name

if TYPE_CHECKING:  # at run time a wrong name is refused by us, with the choices
    Scale = Literal["raw", "shared_variance", "correlation"]
else:
    Scale = str

FEWEST = 3  # instances: two leave no pair when one is deleted
LARGEST = 1 - 1e-12  # r² and |r| are clipped here, where Fisher's z is finite

Values = Float[np.ndarray, "..."]


class Transformation(NamedTuple):
    """A monotone function on which a statistic is roughly normal, and its inverse."""

    forward: Callable[[Values], Values]
    back: Callable[[Values], Values]


TRANSFORMATIONS: Mapping[Scale, Transformation] = MappingProxyType(
    {
        "raw": Transformation(np.asarray, np.asarray),
        "shared_variance": Transformation(
            lambda u: np.arctanh(np.sqrt(np.clip(u, 0, LARGEST))),
            lambda z: np.tanh(np.maximum(z, 0)) ** 2,
        ),
        "correlation": Transformation(lambda u: np.arctanh(np.clip(u, -LARGEST, LARGEST)), np.tanh),
    }
)


@dataclass(frozen=True)
class Jackknife:
    """A statistic of instances with its interval.

    Attributes:
        mean: the statistic of all instances, `(...)`.
        low: lower end of the interval, `(...)`.
        high: upper end of the interval, `(...)`.
        standard_error: on the raw scale, `(...)`.
        p: two-sided, that the statistic is zero, by Student's t on the chosen scale, `(...)`.
        without: the statistic without each instance, `(..., instance)`.
    """

    mean: Float[np.ndarray, "..."]
    low: Float[np.ndarray, "..."]
    high: Float[np.ndarray, "..."]
    standard_error: Float[np.ndarray, "..."]
    p: Float[np.ndarray, "..."]
    without: Float[np.ndarray, "... instance"]


def jackknife_statistic(
    statistic: Callable[[Int[np.ndarray, " instance"]], ArrayLike],
    n_instances: int,
    confidence: float = 0.95,
    scale: Scale = "raw",
) -> Jackknife:
    """Interval of any statistic of instances, such as a difference or a correlation over layers.

    Args:
        statistic: a function of the indices of the instances to use, which returns `(...)`; it
            should change smoothly when an instance is left out (a median, for example, does not).
        n_instances: how many instances there are; three or more.
        confidence: nominal coverage of the interval.
        scale: `"raw"`, for differences; `"shared_variance"` for means of r²; `"correlation"` for
            signed correlations.

    Raises:
        InputError: fewer than three instances, a confidence outside (0, 1), or an unknown scale.

    >>> values = np.array([1.0, 2.0, 4.0])
    >>> found = jackknife_statistic(lambda kept: values[kept].mean(), 3)  # the t interval of a mean
    >>> round(float(found.mean), 3), round(float(found.low), 3), round(float(found.high), 3)
    (2.333, -1.461, 6.128)
    """
    check_enough("n_instances", n_instances)
    everyone = np.arange(n_instances)
    mean = np.asarray(statistic(everyone), np.float64)
    without = np.stack([np.asarray(statistic(np.delete(everyone, i))) for i in everyone], axis=-1)
    return jackknife_interval(mean, without, confidence, scale)


def jackknife_pairs(values: ArrayLike, confidence: float = 0.95, scale: Scale = "raw") -> Jackknife:
    """Interval of the mean of values of instance pairs: consistencies, or differences of them.

    `values` are `(..., instance_pair)` in the order of `itertools.combinations`; `confidence`,
    `scale` and the errors are those of `jackknife_statistic`.

    >>> found = jackknife_pairs(np.array([0.6, 0.5, 0.4]), scale="shared_variance")
    >>> round(float(found.low), 3), round(float(found.high), 3)
    (0.028, 0.847)
    """
    array = as_numpy(check_array("values", values, 1, "(..., instance_pair)"))
    check_finite("values", array)
    n_instances = stimuli_of_pairs("values", array.shape[-1])
    check_enough("values", n_instances)
    array = array.astype(np.float64)
    without = weighted_means(array, pair_weights(delete_one(n_instances, slice(None))))
    return jackknife_interval(np.asarray(array.mean(-1)), without, confidence, scale)


def jackknife_interval(
    mean: Float[np.ndarray, "..."],
    without: Float[np.ndarray, "... instance"],
    confidence: float = 0.95,
    scale: Scale = "raw",
) -> Jackknife:
    """Interval of a statistic that is known for all instances and without each of them.

    Where no deletion changes the statistic, the interval has no width, and p is 0, or 1 at zero.
    """
    check_confidence("confidence", confidence)
    check_name("scale", scale, TRANSFORMATIONS)
    check_enough("without", without.shape[-1])
    every = np.concatenate([np.ravel(mean), np.ravel(without)])
    if scale == "shared_variance" and (outside := (every < -1e-9) | (every > 1 + 1e-6)).any():
        raise InputError(
            f"scale: 'shared_variance' is for means of r², expected values from 0 to 1, got "
            f"{float(every[outside][0]):g}; use 'raw' for differences"
        )
    forward, back = TRANSFORMATIONS[scale]
    dof = without.shape[-1] - 1
    centre, error = forward(mean), standard_error(forward(without))
    reach = stdtrit(dof, (1 + confidence) / 2) * error
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(centre == 0, np.where(error == 0, 0.0, centre / error), centre / error)
    low, high = (np.asarray(back(np.asarray(end))) for end in (centre - reach, centre + reach))
    p = np.asarray(2 * stdtr(dof, -np.abs(t)))
    return Jackknife(np.asarray(mean), low, high, standard_error(without), p, without)


def two_factor_ends(
    mean: Float[np.ndarray, "..."],
    of_instances: Float[np.ndarray, "... instance"],
    of_stimuli: Float[np.ndarray, "... stimulus"],
    of_both: Float[np.ndarray, "... stimulus instance"],
    confidence: float,
    scale: Scale,
) -> tuple[Float[np.ndarray, "..."], Float[np.ndarray, "..."]]:
    """Ends of the interval of a statistic in which instances and stimuli are both random.

    The statistic is known for all, without each instance, without each stimulus, and without each
    of both. Its variance is V_instances + V_stimuli − V_interaction, since both jackknives contain
    the interaction, but no less than either (Owen and Eckles 2012, arXiv:1106.2125); the
    degrees of freedom are those of Satterthwaite.
    """
    forward, back = TRANSFORMATIONS[scale]
    n, m = of_instances.shape[-1], of_stimuli.shape[-1]
    z, z_i, z_s, z_is = map(forward, (mean, of_instances, of_stimuli, of_both))
    of_i, of_s = standard_error(np.asarray(z_i)) ** 2, standard_error(np.asarray(z_s)) ** 2
    crossed = z_is - z_is.mean(-1, keepdims=True) - z_is.mean(-2, keepdims=True)
    crossed += z_is.mean((-2, -1), keepdims=True)
    interaction = (n - 1) * (m - 1) / (n * m) * (crossed**2).sum((-2, -1))
    variance = np.maximum(of_i + of_s - interaction, np.maximum(of_i, of_s))
    below = of_i**2 / (n - 1) + (variance - of_i) ** 2 / (m - 1)
    dof = np.divide(variance**2, below, out=np.full_like(variance, n - 1.0), where=below > 0)
    reach = stdtrit(dof, (1 + confidence) / 2) * np.sqrt(variance)
    return np.asarray(back(np.asarray(z - reach))), np.asarray(back(np.asarray(z + reach)))


def standard_error(
    without: Float[np.ndarray, "... instance"],
) -> Float[np.ndarray, "..."]:
    """The jackknife's standard error of a statistic, from its values without each instance.

    >>> float(standard_error(np.array([3.0, 2.0, 1.0])).round(6))  # √(2 / 3 · 2)
    1.154701
    """
    n = without.shape[-1]
    deviations = without - without.mean(-1, keepdims=True)
    return np.asarray(np.sqrt((n - 1) / n * np.sum(deviations**2, axis=-1)))


def check_enough(name: str, n_instances: int) -> None:
    """Raise if there are too few instances for a jackknife."""
    if n_instances < FEWEST:
        raise InputError(
            f"{name}: expected {FEWEST} instances or more for a jackknife, got {n_instances}"
        )
