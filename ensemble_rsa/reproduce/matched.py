"""Intervals over instances for what experiments compare: networks of one seed, and of two seeds.

All of them draw the same instances for the same seed, `bootstrap_pairs` too, so that differences
are resampled as wholes.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ensemble_rsa.analysis.bootstrap.draws import draw_counts, weighted_means
from ensemble_rsa.analysis.bootstrap.intervals import Bootstrap, Resampled, bootstrap_result
from ensemble_rsa.config.settings import StatisticsConfig
from ensemble_rsa.rng import host_stream


@dataclass(frozen=True)
class Matched:
    """Means over networks of one seed and over networks of two seeds, and what lies between them.

    Attributes:
        same: mean over instances.
        different: mean over ordered pairs of different instances.
        difference: `same` − `different`.
    """

    same: Bootstrap
    different: Bootstrap
    difference: Bootstrap


def bootstrap_matched(
    same: Float[np.ndarray, "... instance"],
    different: Float[np.ndarray, "... instance other_instance"],
    settings: StatisticsConfig,
) -> Matched:
    """Bootstrap the means of values of one seed and of values of two seeds, with shared draws.

    Instance i has the same seed on both sides, so drawing it draws it on both: with c_i the number
    of times it was drawn, its own value counts c_i times and that of two instances i ≠ j counts
    c_i·c_j times. The diagonal of `different` never counts. A resample of one instance alone has no
    pairs and is dropped.

    Args:
        same: such as the similarity of the two networks of each seed, `(..., instance)`.
        different: such as that of networks of two seeds, `(..., instance, other_instance)`; it need
            not be symmetric.
        settings: resamples, confidence and seed.

    Returns:
        Means of the data, with percentile intervals.

    >>> values = np.array([[0.9, 0.4], [0.2, 0.7]])
    >>> found = bootstrap_matched(np.diag(values), values, StatisticsConfig(n_resamples=100))
    >>> [round(float(part.mean), 2) for part in (found.same, found.different, found.difference)]
    [0.8, 0.3, 0.5]
    """
    n = same.shape[-1]
    first, second = np.nonzero(~np.eye(n, dtype=bool))
    drawn = draw_counts(
        host_stream(settings.seed, "bootstrap instance"), slice(0, settings.n_resamples), n
    )
    parts = []
    for counts in (np.ones((1, n)), drawn):
        of_one = weighted_means(same, counts)
        of_two = weighted_means(different[..., first, second], counts[:, first] * counts[:, second])
        lone = np.isnan(of_two)
        parts.append(np.stack([np.where(lone, np.nan, of_one), of_two, of_one - of_two]))
    observed, resampled = parts[0][..., 0], parts[1]
    whole = bootstrap_result(
        "different",
        observed,
        Resampled(resampled, observed, ()),
        settings.confidence,
        "percentile",
        "two distinct instances",
    )
    same_part, different_part, difference = (
        Bootstrap(
            np.asarray(whole.mean[part]),
            np.asarray(whole.low[part]),
            np.asarray(whole.high[part]),
            whole.samples[part],
            whole.dropped,
        )
        for part in range(len(observed))
    )
    return Matched(same_part, different_part, difference)
