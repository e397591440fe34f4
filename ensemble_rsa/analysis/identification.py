"""Whether each layer is most similar to its counterpart in another instance."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from ensemble_rsa.analysis.bootstrap.jackknife import FEWEST, jackknife_pairs
from ensemble_rsa.analysis.measures import Similarity, open_representations
from ensemble_rsa.arrays import check_confidence
from ensemble_rsa.numerics import pair_indices

_TIED = 1e-9  # similarities that differ less are equal


@dataclass(frozen=True)
class LayerIdentification:
    """How often a layer is found among those of another instance.

    Attributes:
        layers: their names.
        accuracy: of each layer, `(layer,)`: how often its most similar layer is the same one.
        low: lower end of the interval over instances, `(layer,)`; NaN for two instances.
        high: upper end.
        mean: mean accuracy over layers.
        mean_low: lower end of its interval.
        mean_high: upper end.
        confusion: `(layer, layer found)`, shares of all ordered pairs of instances; rows sum to 1.
        chance: accuracy of guessing, one over the number of layers.
    """

    layers: tuple[Hashable, ...]
    accuracy: Float[np.ndarray, " layer"]
    low: Float[np.ndarray, " layer"]
    high: Float[np.ndarray, " layer"]
    mean: float
    mean_low: float
    mean_high: float
    confusion: Float[np.ndarray, "layer found_layer"]
    chance: float


def layer_identification(
    representations: Any, measure: str | Similarity = "pearson", confidence: float = 0.95
) -> LayerIdentification:
    """Return how often the most similar layer of another instance is the same layer.

    A measure that recognises what networks of one architecture have in common should find each
    layer's counterpart (Kornblith et al. 2019, arXiv:1905.00414, Table 2). Every layer of every
    instance is compared with all layers of every other instance.

    Args:
        representations: a mapping of layer names to RDMs `(instance, stimulus_pair)` or to
            activations: `(instance, stimulus, unit)`, or a list of `(stimulus, unit)`. Or one array
            with layers as its first axis, such as `exemplar` of what `extract` returns.
        measure: for RDMs a comparison as in `consistency`; for activations `"linear_cka"`
            (unbiased), `"svcca"` (99 % of the variance), `"cca"` (all of it), `"pwcca"`,
            `"procrustes"`, or a function of a list of activations `(stimulus, unit)` that returns
            the similarity of every two, such as `partial(svcca, variance=0.9)`.
        confidence: nominal coverage of the intervals.

    Returns:
        Accuracies with jackknife intervals over instances, and the confusion matrix. Layers that
        are equally similar share a match. Where all matches are right, or all wrong, the interval
        has no width: it says only that these instances agree.

    Raises:
        InputError: fewer than two layers or instances, layers with other instances or stimuli, an
            unknown measure, a confidence outside (0, 1), or what the measure itself refuses.

    >>> rng = np.random.default_rng(0)
    >>> shared, noise = rng.random((2, 1, 45)), rng.random((2, 4, 45))
    >>> found = layer_identification(shared + 0.1 * noise)
    >>> found.accuracy.tolist(), found.chance
    ([1.0, 1.0], 0.5)
    """
    check_confidence("confidence", confidence)
    given = open_representations(representations, measure)
    n_layers, n_instances = len(given.layers), given.n_instances
    n = n_layers * n_instances
    similarity = np.zeros((n, n))
    similarity[pair_indices(n)] = given.similarity([item for each in given.items for item in each])
    similarity += similarity.T
    # (layer, instance, other instance, other layer)
    similarity = similarity.reshape((n_layers, n_instances) * 2).swapaxes(2, 3)
    found = similarity >= similarity.max(-1, keepdims=True) - _TIED
    found = found / found.sum(-1, keepdims=True)
    others = ~np.eye(n_instances, dtype=bool)
    right = np.stack([found[k, :, :, k] for k in range(n_layers)])
    right = ((right + right.swapaxes(1, 2)) / 2)[:, *pair_indices(n_instances)]
    low, high = _interval(right, confidence)
    mean_low, mean_high = _interval(right.mean(0), confidence)
    return LayerIdentification(
        layers=given.layers,
        accuracy=right.mean(-1),
        low=low,
        high=high,
        mean=float(right.mean()),
        mean_low=float(mean_low),
        mean_high=float(mean_high),
        confusion=found[:, others].mean(1),
        chance=1 / n_layers,
    )


def _interval(
    right: Float[np.ndarray, "... instance_pair"], confidence: float
) -> tuple[Float[np.ndarray, "..."], Float[np.ndarray, "..."]]:
    if right.shape[-1] < FEWEST:  # two instances make one pair, three make three
        unknown = np.full(right.shape[:-1], np.nan)
        return unknown, unknown
    found = jackknife_pairs(right, confidence)
    return np.asarray(np.maximum(found.low, 0)), np.asarray(np.minimum(found.high, 1))
