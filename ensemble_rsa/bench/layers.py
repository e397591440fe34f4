"""Ways to compare the activations of ten instances directly: CKA, Procrustes distance, CCA.

NumPy's way is the definition in float64, from the kernels (stimulus by stimulus) of all instances.
"""

from collections.abc import Callable, Mapping
from functools import cache, partial
from itertools import combinations
from typing import Any

import numpy as np
from jaxtyping import Float

from ensemble_rsa.bench.jobs import N_INSTANCES, OURS, Job, Routine, Size, Way, related_activations
from ensemble_rsa.similarity.cca import pwcca, svcca
from ensemble_rsa.similarity.cka import linear_cka
from ensemble_rsa.similarity.procrustes import procrustes_distance

Stack = Float[np.ndarray, "instance stimulus unit"]
Pairwise = Float[np.ndarray, " instance_pair"]
Axes = Float[np.ndarray, "stimulus axis"]

VARIANCE = (
    0.9  # kept by the CCAs: with all of it, fewer stimuli than units leave nothing to compare
)
_CHEAP = 300  # stimuli up to which NumPy's result is worked out to compare with


def layer_routine(measure: str) -> Routine:
    """The routine of one measure.

    >>> layer_routine("linear CKA").name
    'linear CKA, 10 instances'
    """
    return Routine(
        name=f"{measure}, {N_INSTANCES} instances",
        prepare=partial(_prepare, measure),
        work=lambda size: size.stimuli**2 * (size.units + size.stimuli),
        memory=lambda size: N_INSTANCES * (16 * size.stimuli * size.units + 40 * size.stimuli**2),
    )


def _prepare(measure: str, size: Size) -> Job:
    activations = related_activations(N_INSTANCES, size.stimuli, size.units)
    ours, numpy = MEASURES[measure]
    ways = {OURS: Way(partial(ours, activations)), "NumPy": Way(partial(numpy, activations))}
    expected = cache(partial(numpy, activations))
    error = lambda result: float(np.abs(result - expected()).max() / expected().max())
    return Job(ways, error=error if size.stimuli <= _CHEAP else None)


def _kernels(activations: Stack) -> list[Float[np.ndarray, "stimulus stimulus"]]:
    centred = (patterns - patterns.mean(0) for patterns in activations.astype(np.float64))
    return [patterns @ patterns.T for patterns in centred]


def _cka(activations: Stack) -> Pairwise:
    """Unbiased, as Song et al. (2012) write it."""

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


def _main_axes(activations: Stack) -> list[Axes]:
    """As many as explain the variance, of each instance."""
    kept = []
    for kernel in _kernels(activations):
        values, axes = np.linalg.eigh(kernel)
        explained = np.cumsum(values[::-1]) / values.sum()
        n_axes = int(np.searchsorted(explained, VARIANCE)) + 1
        kept.append(axes[:, ::-1][:, :n_axes])
    return kept


def _svcca(activations: Stack) -> Pairwise:
    axes = _main_axes(activations)
    correlations = (np.linalg.svd(a.T @ b, compute_uv=False) for a, b in combinations(axes, 2))
    return np.array([each.mean() for each in correlations])


def _pwcca(activations: Stack) -> Pairwise:
    axes = _main_axes(activations)
    means = []
    for i, j in combinations(range(len(axes)), 2):
        left, correlations, right = np.linalg.svd(axes[i].T @ axes[j], full_matrices=False)
        weights = [
            np.abs((own @ turn).T @ (patterns - patterns.mean(0))).sum(1)
            for own, turn, patterns in (
                (axes[i], left, activations[i]),
                (axes[j], right.T, activations[j]),
            )
        ]
        means.append(np.mean([np.average(correlations, weights=each) for each in weights]))
    return np.array(means)


# Ours, and NumPy's way.
MEASURES: Mapping[str, tuple[Callable[[Stack], Any], Callable[[Stack], Pairwise]]] = {
    "linear CKA": (linear_cka, _cka),
    "Procrustes distance": (procrustes_distance, _procrustes),
    "SVCCA": (partial(svcca, variance=VARIANCE), _svcca),
    "PWCCA": (partial(pwcca, variance=VARIANCE), _pwcca),
}
