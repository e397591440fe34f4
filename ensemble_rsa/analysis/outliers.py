"""Instances that are unlike all others, for which no interval over instances holds.

An interval describes the networks that the sample stands for. A kind of network that is rare, such
as a dead one, is absent from most samples, and one of it in a sample moves the mean more than any
interval tells: such instances are to be reported apart.
"""

import numpy as np
from jaxtyping import Bool

from ensemble_rsa.arrays import ArrayLike, as_numpy, check_array, stimuli_of_pairs
from ensemble_rsa.numerics import pair_indices

LEAST_SHARE = 0.25  # of the median similarity (ours)
LEAST_MEDIAN = 0.05  # similarity; below it chance alone makes some pairs several times the others
FEWEST = 4  # instances: among three, no two can be the rule and one the exception


def outlying_instances(shared: ArrayLike) -> Bool[np.ndarray, "... instance"]:
    """Whether each instance is far less similar to the others than they are to each other.

    With cᵢ the median similarity of instance i to the others, that is if cᵢ is below a quarter of
    the median of all cᵢ, unless that median is below 0.05. Of ten networks whose noise is lognormal
    with a spread of 0.5, as in scripts/interval_coverage.py, one is found in 6 % of ensembles.
    Fewer than four instances have none, nor where a value is NaN.

    `shared` is `(..., instance_pair)`, such as a consistency, in the order of
    `itertools.combinations`.

    >>> outlying_instances(np.array([0.9, 0.8, 0.1, 0.8, 0.1, 0.1])).tolist()  # the last of four
    [False, False, False, True]
    """
    values = as_numpy(check_array("shared", shared, 1, "(..., instance_pair)")).astype(np.float64)
    n = stimuli_of_pairs("shared", values.shape[-1])
    if n < FEWEST:
        return np.zeros((*values.shape[:-1], n), bool)
    square = np.full((*values.shape[:-1], n, n), np.nan)
    first, second = pair_indices(n)
    square[..., first, second] = square[..., second, first] = values
    others = square[..., ~np.eye(n, dtype=bool)].reshape(*values.shape[:-1], n, n - 1)
    own = np.median(others, axis=-1)
    centre = np.median(own, axis=-1, keepdims=True)
    return (own < LEAST_SHARE * centre) & (centre >= LEAST_MEDIAN)
