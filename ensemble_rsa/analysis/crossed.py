"""How much of the variance of RDMs comes from each of two crossed seeds.

Where networks of all initial weights are trained with all data orders (or all dropout seeds), a
standardised RDM is the sum of a part that all networks share, of one that those of the same
initial weights share, of one that those of the same data order share, and of the rest. Expected
mean squares of the two-way layout with random effects and one observation in each cell estimate the
variances (Searle, Casella and McCulloch 1992, doi:10.1002/9780470316856). They depend on mean
similarities alone: with r_w of networks of equal initial weights and other order, r_o of equal
order and other weights, and r of those that share neither,

    σ²_w = r_w − r,   σ²_o = r_o − r,   σ²_wo = 1 − r_w − r_o + r,   and together 1 − r.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from ensemble_rsa.analysis.stacked import similarities
from ensemble_rsa.arrays import (
    ArrayLike,
    LabelsLike,
    check_agreement,
    check_instance_rdms,
    check_labels,
    check_varied,
)
from ensemble_rsa.arrays.stacks import RdmStack, check_instance_stack
from ensemble_rsa.errors import InputError, check_name
from ensemble_rsa.rdm.compare import ComparisonName, compare_rows

# Of an RDM with itself they are 1, also where distances are tied.
CORRELATIONS = ("pearson", "spearman", "corr_cov")


@dataclass(frozen=True)
class CrossedComponents:
    """Components of variance of standardised RDMs; arrays are `(component, ...)`.

    Attributes:
        names: both factors, and their interaction, which contains all that is left over.
        value: σ², in units in which the variance of an RDM over stimulus pairs is 1; negative
            estimates are set to 0.
        share: of the variance between networks, the sum of the components; NaN if all are 0.
        clipped: where the estimate was negative.
        similarity: mean similarity of networks with the same level of each factor, and last with
            another level of both.
    """

    names: tuple[str, str, str]
    value: Float[np.ndarray, "component ..."]
    share: Float[np.ndarray, "component ..."]
    clipped: Bool[np.ndarray, "component ..."]
    similarity: Float[np.ndarray, "component ..."]


def crossed_variance_components(
    rdms: ArrayLike, factors: Mapping[str, LabelsLike], comparison: ComparisonName = "pearson"
) -> CrossedComponents:
    """Return how much of the variance of RDMs is due to two crossed factors and their interaction.

    Args:
        rdms: RDMs `(..., instance, stimulus_pair)`.
        factors: two factors by name, such as initial weights and data order, with the level (the
            seed) of each instance. Each combination of levels occurs once.
        comparison: a correlation, as in `consistency`: `"pearson"` decomposes the variance of
            standardised distances, `"spearman"` of their ranks, `"corr_cov"` of whitened distances.

    Raises:
        InputError: not two factors, a factor with one level, combinations that are missing or
            repeated, a comparison that is no correlation, or what `consistency` refuses.

    >>> rng = np.random.default_rng(0)
    >>> rdms = 3 * rng.random(45) + 2 * rng.random((4, 1, 45)) + rng.random((4, 3, 45))
    >>> seeds = {"initial weights": np.repeat(range(4), 3), "data order": np.tile(range(3), 4)}
    >>> found = crossed_variance_components(rdms.reshape(12, 45), seeds)
    >>> found.names[2], found.share.round(2).tolist()
    ('initial weights × data order', [0.82, 0.01, 0.17])
    """
    is_stack = isinstance(rdms, RdmStack)
    if isinstance(factors, Mapping):
        named = {f"factors[{name!r}]": levels for name, levels in factors.items()}
        check_agreement({"rdms": rdms, **named}, matched=True)
    array = check_instance_stack("rdms", rdms) if is_stack else check_instance_rdms("rdms", rdms)[0]
    check_name("comparison", comparison, CORRELATIONS)
    names, levels = _checked_factors(factors, array.shape[-2])
    if isinstance(array, RdmStack):
        similarity = similarities("rdms", array, comparison)
    else:
        similarity = compare_rows(np.asarray(array), None, comparison)
        check_varied("rdms", similarity)
    same = levels[:, :, None] == levels[:, None, :]
    kinds = (same[0] & ~same[1], same[1] & ~same[0], ~same[0] & ~same[1])
    means = np.stack([similarity[..., kind].mean(-1) for kind in kinds])
    first, second, neither = means
    estimates = np.stack([first - neither, second - neither, 1 - first - second + neither])
    value = np.maximum(estimates, 0)
    total = value.sum(0)
    return CrossedComponents(
        names=(*names, " × ".join(names)),
        value=value,
        share=value / np.where(total > 0, total, np.nan),
        clipped=np.asarray(estimates < 0),
        similarity=means,
    )


def is_crossed(factors: Mapping[str, LabelsLike]) -> bool:
    """Whether two factors have two levels or more, and each combination of them once."""
    try:
        _checked_factors(factors, len(next(iter(factors.values()))))
    except InputError:
        return False
    return True


def _checked_factors(
    factors: Any, n_instances: int
) -> tuple[tuple[str, str], Int[np.ndarray, "factor instance"]]:
    if not isinstance(factors, Mapping) or len(factors) != 2:
        got = list(factors) if isinstance(factors, Mapping) else type(factors).__name__
        raise InputError(f"factors: expected two factors by name, with their levels, got {got}")
    (first, second), levels = map(str, factors), []
    for name, given in factors.items():
        codes, found = check_labels(f"factors[{name!r}]", given, n_instances, "instances")
        if len(found) < 2:
            raise InputError(
                f"factors[{name!r}]: expected two levels or more, got {found.tolist()[0]!r} alone"
            )
        levels.append(codes)
    counts = np.zeros(np.max(levels, axis=1) + 1, np.int64)
    np.add.at(counts, tuple(levels), 1)
    if (counts != 1).any():
        raise InputError(
            f"factors: expected each of {counts.size} combinations of {first} and {second} once, "
            f"got {np.sum(counts == 0)} that are missing and {np.sum(counts > 1)} repeated"
        )
    return (first, second), np.stack(levels)
