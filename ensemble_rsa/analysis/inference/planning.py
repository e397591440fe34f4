"""How sure an evaluation will be with other numbers of instances, subjects and stimuli.

The variance of the mean similarity of n_k levels of each factor k is, with the components σ²_S of a
pilot (`ensemble_rsa.analysis.inference.components`),

    V = Σ_S σ²_S / Π_{k∈S} n_k.

The degrees of freedom are Satterthwaite's, from X_C = Σ_{S⊇C} σ²_S / Π_{k∈S} n_k.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Float
from scipy.special import nctdtr, stdtrit

from ensemble_rsa.analysis.inference.components import (
    Factors,
    combinations_of,
    degrees_of_freedom,
)
from ensemble_rsa.analysis.inference.covariances import FACTORS
from ensemble_rsa.analysis.inference.evaluate import LEAST_LEVELS, evaluate
from ensemble_rsa.arrays import ArrayLike, check_count, is_number
from ensemble_rsa.errors import InputError
from ensemble_rsa.rdm.compare import ComparisonName

COMPONENT = "component_variance"
_LARGEST_SHIFT = 30.0  # standard errors, where the power is 1 to rounding


def plan_evaluation(
    rdms: ArrayLike,
    reference: ArrayLike,
    n_stimuli: int,
    numbers: Mapping[str, Sequence[int] | None],
    axes: tuple[Sequence[str], Mapping[str, np.ndarray]],
    difference: float,
    confidence: float,
    comparison: ComparisonName,
) -> xr.Dataset:
    """Expected interval of the mean similarity with subjects, for `ensemble_rsa.plan`.

    Args:
        rdms: the pilot, `(..., instance, stimulus_pair)`.
        reference: `(subject, stimulus_pair)`.
        n_stimuli: of the pilot.
        numbers: factor → its planned numbers; None for half, once, twice and four times those of
            the pilot.
        axes: names and coordinates of the leading axes.
        difference: between the mean similarity and a fixed value, for the power.
        confidence: of the intervals, and 1 − the level of the test.
        comparison: of RDMs.

    Returns:
        `similarity (...)`; `component_variance (component, ...)`; and, with the dimensions
        `n_instances, n_subjects, n_stimuli` after those of the RDMs, `standard_error`, `width` and
        `power`.
    """
    given = {
        name: numbers_of(name, counts, LEAST_LEVELS[name])
        for name, counts in numbers.items()
        if counts is not None
    }
    found = evaluate(rdms, reference, comparison, confidence=confidence)
    dims, coords = axes
    n_instances, n_subjects = found.similarity.shape[-2:]
    pilot = dict(zip(FACTORS, (n_instances, n_subjects, n_stimuli), strict=True))
    chosen = {
        each: given[each] if each in given else around(pilot[each], LEAST_LEVELS[each])
        for each in FACTORS
    }
    grid = np.meshgrid(*chosen.values(), indexing="ij")
    components = found.components.value[..., None, None, None]
    levels: dict[str, np.ndarray] = dict(zip(FACTORS, grid, strict=True))
    error, dof = expected_spread(components, levels)
    return xr.Dataset(
        {
            "similarity": (dims, found.mean),
            COMPONENT: (("component", *dims), found.components.value),
        },
        {
            **coords,
            "component": list(found.components.names),
            **{f"n_{each}": list(counts) for each, counts in chosen.items()},
        },
        {
            **{f"pilot_{each}": n for each, n in pilot.items()},
            "difference": float(difference),
            "confidence": float(confidence),
            "comparison": comparison,
        },
    ).assign(
        {
            name: ((*dims, *(f"n_{each}" for each in FACTORS)), values)
            for name, values in (
                ("standard_error", error),
                ("width", evaluation_width(components, levels, confidence)),
                ("power", power_of_t(difference, error, dof, confidence)),
            )
        }
    )


def numbers_of(name: str, values: Any, least: int) -> list[int]:
    """The numbers of levels of a factor, checked, ascending and each once."""
    listed = [values] if is_number(values) else list(values)
    if not listed:
        raise InputError(f"{name}: expected one number or more, got none")
    return sorted({check_count(name, value, least) for value in listed})


def around(n: int, least: int) -> list[int]:
    """Half of a number, itself, twice and four times it; none below the least.

    >>> around(15, 5), around(4, 3)
    ([7, 15, 30, 60], [3, 4, 8, 16])
    """
    return sorted({max(least, n * factor // 2) for factor in (1, 2, 4, 8)})


def expected_spread(
    components: Float[np.ndarray, "component ..."],
    levels: Mapping[str, int | float | np.ndarray],
) -> tuple[Float[np.ndarray, "..."], Float[np.ndarray, "..."]]:
    """Standard error of the mean, and its degrees of freedom, at numbers of levels.

    Components are in the order of `combinations_of(FACTORS)`; all arrays broadcast.
    """
    every = combinations_of(FACTORS)
    of_mean = {
        each: value / np.prod([np.asarray(levels[k], float) for k in each], axis=0)
        for each, value in zip(every, components, strict=True)
    }
    squares: dict[Factors, np.ndarray] = {
        each: np.asarray(sum(of_mean[other] for other in every if {*each} <= {*other}))
        for each in every
    }
    variance = np.asarray(sum(of_mean.values()))
    return np.asarray(np.sqrt(variance)), degrees_of_freedom(squares, variance, levels)


def evaluation_width(
    components: Float[np.ndarray, "component ..."],
    levels: Mapping[str, int | float | np.ndarray],
    confidence: float,
) -> Float[np.ndarray, "..."]:
    """The width of the interval of the mean at numbers of levels."""
    error, dof = expected_spread(components, levels)
    return np.asarray(2 * stdtrit(dof, (1 + confidence) / 2) * error)


def power_of_t(
    difference: float,
    error: Float[np.ndarray, "..."],
    dof: Float[np.ndarray, "..."],
    confidence: float,
) -> Float[np.ndarray, "..."]:
    """Power of a two-sided t test to find a difference that has this standard error."""
    limit = stdtrit(dof, (1 + confidence) / 2)
    with np.errstate(divide="ignore"):
        shift = np.minimum(difference / error, _LARGEST_SHIFT)
    return np.asarray(1 - nctdtr(dof, shift, limit) + nctdtr(dof, shift, -limit))
