"""Comparisons of the activations of ten instances: CKA, Procrustes distance, SVCCA, PWCCA.

NumPy's way is the definition in float64, from the kernels (stimulus by stimulus) of all instances.
"""

from collections.abc import Callable
from functools import cache, partial
from itertools import combinations
from typing import Any

import numpy as np
from jaxtyping import Float

from ensemble_rsa.bench.case import Job, Way, ours
from ensemble_rsa.bench.inputs import N_INSTANCES, Routine, related_activations, relative_error
from ensemble_rsa.similarity.cca import pwcca, svcca
from ensemble_rsa.similarity.cka import linear_cka
from ensemble_rsa.similarity.procrustes import procrustes_distance

Stack = Float[np.ndarray, "instance stimulus unit"]
Pairwise = Float[np.ndarray, " instance_pair"]

# Kept by the CCAs: with all of it, fewer stimuli than units leave nothing to compare.
VARIANCE = 0.9
_CHEAP = 300  # stimuli up to which NumPy's result is computed to compare with


def _prepare(
    measure: Callable[[Stack], Any],
    numpy: Callable[[Stack], Pairwise],
    n_stimuli: int,
    n_units: int,
) -> Job:
    activations = related_activations(N_INSTANCES, n_stimuli, n_units)
    expected = cache(partial(numpy, activations))
    error = lambda result: relative_error(result, expected())
    ways = {**ours(partial(measure, activations)), "NumPy": Way(partial(numpy, activations))}
    return Job(ways, error=error if n_stimuli <= _CHEAP else None)


def _kernels(activations: Stack) -> list[Float[np.ndarray, "stimulus stimulus"]]:
    centred = (patterns - patterns.mean(0) for patterns in activations.astype(np.float64))
    return [patterns @ patterns.T for patterns in centred]


def _cka(activations: Stack) -> Pairwise:
    """Unbiased (Song et al., 2012, doi:10.5555/2503308.2343691)."""

    def product(first, second):
        n = len(first)
        sums = first.sum() * second.sum() / ((n - 1) * (n - 2))
        return np.vdot(first, second) + sums - 2 / (n - 2) * (first.sum(0) @ second.sum(0))

    kernels = _kernels(activations)
    for kernel in kernels:
        np.fill_diagonal(kernel, 0)
    own = [np.sqrt(product(kernel, kernel)) for kernel in kernels]
    pairs = combinations(range(len(kernels)), 2)
    return np.array([product(kernels[i], kernels[j]) / (own[i] * own[j]) for i, j in pairs])


def _procrustes(activations: Stack) -> Pairwise:
    """The angle between shapes, from the nuclear norm of the product of two kernels' roots."""
    roots = []
    for kernel in _kernels(activations):
        values, axes = np.linalg.eigh(kernel / np.trace(kernel))
        roots.append(axes * np.sqrt(np.maximum(values, 0)))
    common = [np.linalg.norm(a.T @ b, "nuc") for a, b in combinations(roots, 2)]
    return np.arccos(np.clip(common, -1, 1))


def _cca(weighted: bool, activations: Stack) -> Pairwise:
    """SVCCA; PWCCA if correlations are weighted by how much of the activations they explain."""
    kept = []
    for kernel in _kernels(activations):
        values, axes = np.linalg.eigh(kernel)
        explained = np.cumsum(values[::-1]) / values.sum()
        kept.append(axes[:, ::-1][:, : int(np.searchsorted(explained, VARIANCE)) + 1])
    means = []
    for i, j in combinations(range(len(kept)), 2):
        left, correlations, right = np.linalg.svd(kept[i].T @ kept[j], full_matrices=False)
        if not weighted:
            means.append(correlations.mean())
            continue
        weights = [
            np.abs((kept[k] @ turn).T @ (activations[k] - activations[k].mean(0))).sum(1)
            for k, turn in ((i, left), (j, right.T))
        ]
        means.append(np.mean([np.average(correlations, weights=each) for each in weights]))
    return np.array(means)


# ours, and NumPy's way
_MEASURES: dict[str, tuple[Callable[[Stack], Any], Callable[[Stack], Pairwise]]] = {
    "linear CKA": (linear_cka, _cka),
    "Procrustes distance": (procrustes_distance, _procrustes),
    "SVCCA": (partial(svcca, variance=VARIANCE), partial(_cca, False)),
    "PWCCA": (partial(pwcca, variance=VARIANCE), partial(_cca, True)),
}
LAYERS = {
    name: Routine(f"{name}, {N_INSTANCES} instances", partial(_prepare, *pair), needs_units=True)
    for name, pair in _MEASURES.items()
}
