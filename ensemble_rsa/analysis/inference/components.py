"""Variance of a mean over crossed random factors, from its variances under resampling.

With V_B the variance of the mean when the factors in B are drawn again together, and
r_k = n_k / (n_k − 1) for a factor of n_k levels, inclusion and exclusion give

    X_C = Π_{k∈C} r_k · Σ_{∅≠B⊆C} (−1)^{|C|−|B|} V_B,
    V = Σ_{∅≠C} (−1)^{|C|−1} X_C,
    σ²_S = Π_{k∈S} n_k · Σ_{C⊇S} (−1)^{|C|−|S|} X_C.

For a mean of numbers, X_C is the mean square of C over the number of all observations, so σ²_S is
the estimate of the analysis of variance; for two factors V is the dual bootstrap of Schütt et al.
2023 (doi:10.7554/eLife.82566). See Owen and Eckles 2012 (doi:10.1214/12-AOAS547) and Brennan 2007
(doi:10.1177/0013164407301534).
"""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

Factors = tuple[str, ...]
Variances = Mapping[Factors, Float[np.ndarray, "..."]]


@dataclass(frozen=True)
class VarianceComponents:
    """What the variance of a mean consists of; arrays are `(component, ...)`.

    Attributes:
        names: factors, and combinations of them such as `"instances × stimuli"`. The variance of
            all factors together contains what is left over.
        value: σ² of single levels; negative estimates are set to 0.
        share: of the variance of the mean, σ² divided by the numbers of levels; they add up to 1
            unless all are 0.
        clipped: where the estimate was negative.
    """

    names: tuple[str, ...]
    value: Float[np.ndarray, "component ..."]
    share: Float[np.ndarray, "component ..."]
    clipped: Bool[np.ndarray, "component ..."]


def combinations_of(factors: Factors) -> list[Factors]:
    """All combinations of one factor or more, in order of their number.

    >>> combinations_of(("a", "b"))
    [('a',), ('b',), ('a', 'b')]
    """
    sizes = range(1, len(factors) + 1)
    return [each for size in sizes for each in itertools.combinations(factors, size)]


def mean_squares(variances: Variances, levels: Mapping[str, int]) -> dict[Factors, np.ndarray]:
    """X_C of all combinations of factors, from V_B; it is linear, so covariances work too."""
    found = {}
    for combination in variances:
        correction = math.prod(levels[k] / (levels[k] - 1) for k in combination)
        within = (each for each in variances if {*each} <= {*combination})
        total = sum((-1) ** (len(combination) - len(each)) * variances[each] for each in within)
        found[combination] = np.asarray(correction * total)
    return found


def total_variance(squares: Variances, variances: Variances) -> Float[np.ndarray, "..."]:
    """V of a mean: from X_C, at most V of all factors, and at least the largest of single ones.

    >>> squares = {("a",): np.array(2.0), ("b",): np.array(3.0), ("a", "b"): np.array(1.0)}
    >>> float(total_variance(squares, {("a", "b"): np.array(9.0)}))
    4.0
    """
    total = sum((-1) ** (len(each) - 1) * square for each, square in squares.items())
    everything = max(variances, key=len)
    if len(everything) > 1:
        total = np.minimum(total, variances[everything])
    singles = [squares[each] for each in squares if len(each) == 1]
    return np.asarray(np.maximum(np.max(singles, axis=0), total))


def degrees_of_freedom(
    squares: Variances,
    total: Float[np.ndarray, "..."],
    levels: Mapping[str, int | float | np.ndarray],
) -> Float[np.ndarray, "..."]:
    """Satterthwaite's degrees of freedom of V; at least those of the factor with fewest levels."""
    counts = [np.asarray(levels[k]) for k in max(squares, key=len)]
    least = np.stack(np.broadcast_arrays(*counts)).min(0) - 1
    spread = sum(
        square**2 / math.prod(levels[k] - 1 for k in each) for each, square in squares.items()
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.where(spread > 0, total**2 / spread, np.inf)
    return np.asarray(np.maximum(found, least))


def variance_components(squares: Variances, levels: Mapping[str, int]) -> VarianceComponents:
    """σ²_S of all combinations of factors, from X_C.

    >>> squares = {("a",): np.array(2.0), ("b",): np.array(3.0), ("a", "b"): np.array(1.0)}
    >>> found = variance_components(squares, {"a": 4, "b": 5})
    >>> found.names, found.value.tolist(), found.share.tolist()
    (('a', 'b', 'a × b'), [4.0, 10.0, 20.0], [0.25, 0.5, 0.25])
    """
    estimates, of_mean = [], []
    for component in squares:
        containing = (each for each in squares if {*component} <= {*each})
        part = sum((-1) ** (len(each) - len(component)) * squares[each] for each in containing)
        estimates.append(np.asarray(math.prod(levels[k] for k in component) * part))
        of_mean.append(np.maximum(part, 0))
    value = np.stack(estimates)
    total = np.sum(of_mean, axis=0)
    share = np.stack(of_mean) / np.where(total > 0, total, 1)
    names = tuple(" × ".join(each) for each in squares)
    return VarianceComponents(names, np.maximum(value, 0), share, np.asarray(value < 0))
