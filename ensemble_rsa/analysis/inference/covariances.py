"""Variances of a mean over instances and subjects, under resampling of any factors.

For instances and subjects the variance of resampled means follows exactly from the similarities:
with s_ij = m + a_i + b_j + e_ij (a, b, and e add up to zero), drawing I instances gives Σa² / I²,
drawing J subjects Σb² / J², and drawing both the sum of these and of Σe² / (IJ)². Only stimuli are
drawn: the variance of a mean when stimuli and other factors are drawn is the variance of m over
the draws of stimuli plus the mean of the exact variance within each.
"""

import numpy as np
from jaxtyping import Bool, Float

from ensemble_rsa.analysis.inference.components import Factors, combinations_of

INSTANCES, SUBJECTS, STIMULI = FACTORS = ("instances", "subjects", "stimuli")
Tables = Float[np.ndarray, "resample position instance subject"]


def within_covariances(
    tables: Tables, factors: Factors, apart: Bool[np.ndarray, "position position"]
) -> dict[Factors, Float[np.ndarray, "position position"]]:
    """Covariances of the means of positions, averaged over resamples, for factors but stimuli.

    `apart` says which positions have other instances, so that instances are drawn independently.
    """
    of_instance, of_subject = tables.mean(3), tables.mean(2)
    mean = of_instance.mean(2)
    n_instances, n_subjects = tables.shape[2:]
    a = (of_instance - mean[..., None]) / n_instances
    b = (of_subject - mean[..., None]) / n_subjects
    by_instance = np.where(apart, 0, _products(a))
    by_subject = _products(b)
    found: dict[Factors, np.ndarray] = {(INSTANCES,): by_instance, (SUBJECTS,): by_subject}
    if {INSTANCES, SUBJECTS} <= {*factors}:
        rest = tables - of_instance[..., None] - of_subject[:, :, None] + mean[..., None, None]
        rest = rest.reshape(*mean.shape, -1) / (n_instances * n_subjects)
        both = by_instance + by_subject + np.where(apart, 0, _products(rest))
        found[INSTANCES, SUBJECTS] = both
    return {each: found[each] for each in combinations_of(factors) if each in found}


def all_covariances(
    observed: dict[Factors, Float[np.ndarray, "position position"]],
    resampled: dict[Factors, Float[np.ndarray, "position position"]],
    means: Float[np.ndarray, "resample position"] | None,
    factors: Factors,
) -> dict[Factors, Float[np.ndarray, "position position"]]:
    """Covariances V_B of the means of positions for all combinations of factors.

    Args:
        observed: `within_covariances` of the similarities of the sample.
        resampled: the same, averaged over draws of stimuli.
        means: of each draw of stimuli; None if they are not drawn.
        factors: those that are random.
    """
    found = {}
    of_stimuli = None if means is None else np.atleast_2d(np.cov(means.T))
    for each in combinations_of(factors):
        if STIMULI not in each:
            found[each] = observed[each]
        else:
            rest = tuple(factor for factor in each if factor != STIMULI)
            found[each] = of_stimuli + resampled[rest] if rest else of_stimuli
    return found


def _products(deviations: Float[np.ndarray, "resample position level"]) -> np.ndarray:
    """Mean over resamples of the inner products of every two positions."""
    n, n_positions = deviations.shape[:2]
    rows = np.moveaxis(deviations, 1, 0).reshape(n_positions, -1)
    return rows @ rows.T / n
