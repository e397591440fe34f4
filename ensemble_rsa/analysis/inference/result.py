"""What `evaluate` returns."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from ensemble_rsa.analysis.inference.ceiling import Ceiling
from ensemble_rsa.analysis.inference.components import VarianceComponents


@dataclass(frozen=True)
class Differences:
    """Differences of means between every two leading positions; arrays are `(pair,)`.

    Attributes:
        first: the positions, counted in row-major order, whose means are the minuends.
        second: those whose means are subtracted.
        value: the differences.
        sd: standard deviation of the difference, with the same factors as random.
        low: lower end of its interval.
        high: upper end of its interval.
        p: two-sided, that the difference is zero, by Student's t.
        p_adjusted: `p` adjusted over all pairs for the false discovery rate (Benjamini, Hochberg).
    """

    first: Int[np.ndarray, " pair"]
    second: Int[np.ndarray, " pair"]
    value: Float[np.ndarray, " pair"]
    sd: Float[np.ndarray, " pair"]
    low: Float[np.ndarray, " pair"]
    high: Float[np.ndarray, " pair"]
    p: Float[np.ndarray, " pair"]
    p_adjusted: Float[np.ndarray, " pair"]


@dataclass(frozen=True)
class Evaluation:
    """How similar the RDMs of networks are to reference RDMs; arrays are `(...)`, float64.

    Attributes:
        mean: mean similarity over instances and subjects.
        sd: standard deviation of the mean, with the chosen factors as random.
        low: lower end of its interval.
        high: upper end of its interval.
        dof: degrees of freedom of the interval and of the tests (Satterthwaite).
        p: one-sided, that the mean is zero or less, by Student's t; NaN for comparisons whose
            value is positive for unrelated RDMs (squared ones and the cosines).
        p_adjusted: `p` adjusted over all leading positions for the false discovery rate.
        p_ceiling: one-sided, that the mean reaches the lower bound of the subjects' ceiling; NaN
            where there is no ceiling.
        p_ceiling_adjusted: `p_ceiling`, adjusted likewise.
        components: what the variance of the mean consists of, `(component, ...)`.
        subject_ceiling: how well subjects predict each other; bounds are scalars, NaN for one
            subject.
        instance_ceiling: how well instances predict each other; NaN for one instance.
        share_of_ceiling: the mean over the lower bound of the subjects' ceiling; NaN where that is
            not above 0.
        differences: between every two leading positions.
        similarity: of every instance with every subject, `(..., instance, subject)`.
        dropped: number of resamples with a constant RDM, or without distances, which are left out.
    """

    mean: Float[np.ndarray, "..."]
    sd: Float[np.ndarray, "..."]
    low: Float[np.ndarray, "..."]
    high: Float[np.ndarray, "..."]
    dof: Float[np.ndarray, "..."]
    p: Float[np.ndarray, "..."]
    p_adjusted: Float[np.ndarray, "..."]
    p_ceiling: Float[np.ndarray, "..."]
    p_ceiling_adjusted: Float[np.ndarray, "..."]
    components: VarianceComponents
    subject_ceiling: Ceiling
    instance_ceiling: Ceiling
    share_of_ceiling: Float[np.ndarray, "..."]
    differences: Differences
    similarity: Float[np.ndarray, "... instance subject"]
    dropped: int
