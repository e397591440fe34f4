"""Similarity of instances above what permuted stimuli give."""

import warnings
from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from ensemble_rsa.analysis.measures import (
    Representations,
    Similarity,
    compact,
    open_representations,
)
from ensemble_rsa.arrays import check_confidence, check_count
from ensemble_rsa.errors import FewStimuliWarning
from ensemble_rsa.rng import host_stream

_TIE = 1e-7  # similarities that differ by less are equal to rounding; Procrustes takes a root
_BY_KERNELS = ("linear_cka", "cca", "svcca", "procrustes")  # depend on inner products alone


@dataclass(frozen=True)
class CalibratedSimilarity:
    """Mean similarity of instances beside that under permuted stimuli; arrays are `(layer,)`.

    Attributes:
        layers: their names.
        similarity: mean over all pairs of instances.
        null_mean: mean of the same under permutations.
        null_quantile: its quantile at `confidence`; what lies below is explained by chance.
        excess: `similarity` minus `null_mean`.
        p: share of permutations with at least this similarity.
        p_adjusted: the same for the most deviating of all layers, so that the chance of any
            false positive among them is at most p.
        null: mean similarities under permutations, `(permutation, layer)`.
    """

    layers: tuple[Hashable, ...]
    similarity: Float[np.ndarray, " layer"]
    null_mean: Float[np.ndarray, " layer"]
    null_quantile: Float[np.ndarray, " layer"]
    excess: Float[np.ndarray, " layer"]
    p: Float[np.ndarray, " layer"]
    p_adjusted: Float[np.ndarray, " layer"]
    null: Float[np.ndarray, "permutation layer"]


def calibrated_similarity(
    representations: Any,
    measure: str | Similarity = "pearson",
    n_permutations: int = 200,
    confidence: float = 0.95,
    seed: int = 0,
) -> CalibratedSimilarity:
    """Return how far the mean similarity of instances exceeds that of permuted stimuli.

    Similarities of unrelated networks are above 0 for few stimuli, many units or squared measures.
    The null distribution of each layer's mean similarity comes from permutations of the stimuli,
    drawn for every instance and used in all of its layers, so that relations between layers remain
    and the maximum over layers is calibrated too (compare arXiv:2602.14486). Under the null
    hypothesis that instances share nothing of the stimuli, p is exact.

    Args:
        representations: as in `layer_identification`.
        measure: as in `layer_identification`.
        n_permutations: 200 is ours; the smallest possible p is 1 / (n_permutations + 1).
        confidence: which quantile of the null distribution is returned.
        seed: determines the permutations.

    Raises:
        InputError: as `layer_identification`; fewer than one permutation.

    >>> rng = np.random.default_rng(0)
    >>> related, unrelated = rng.random(45) + 0.5 * rng.random((4, 45)), rng.random((4, 45))
    >>> found = calibrated_similarity({"a": related, "b": unrelated}, "pearson_squared")
    >>> (found.excess > 0.3).tolist(), (found.p_adjusted < 0.05).tolist()
    ([True, False], [True, False])
    """
    n_permutations = check_count("n_permutations", n_permutations, 1)
    check_confidence("confidence", confidence)
    given = open_representations(representations, measure)
    observed = _means(given, given.items)
    if measure in _BY_KERNELS:
        given = replace(given, items=[[compact(item) for item in each] for each in given.items])
    generator = host_stream(seed, "permuted stimuli")
    null = np.empty((n_permutations, len(given.layers)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FewStimuliWarning)  # given for the similarities themselves
        for means in null:
            orders = [generator.permutation(given.n_stimuli) for _ in range(given.n_instances)]
            means[:] = _means(given, given.permuted(orders))
    centre, spread = null.mean(0), null.std(0)
    spread = np.where(spread > 0, spread, 1)
    largest = ((null - centre) / spread).max(1)
    return CalibratedSimilarity(
        layers=given.layers,
        similarity=observed,
        null_mean=centre,
        null_quantile=np.quantile(null, confidence, axis=0),
        excess=observed - centre,
        p=_p(null, observed - _TIE),
        p_adjusted=_p(largest[:, None], (observed - _TIE - centre) / spread),
        null=null,
    )


def _means(given: Representations, items: list[list[np.ndarray]]) -> Float[np.ndarray, " layer"]:
    return np.array([given.similarity(each).mean() for each in items])


def _p(null: np.ndarray, observed: Float[np.ndarray, " layer"]) -> Float[np.ndarray, " layer"]:
    return (1 + (null >= observed).sum(0)) / (1 + len(null))
