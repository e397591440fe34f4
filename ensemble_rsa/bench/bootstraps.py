"""Bootstraps beside resampling of RDMs, or of what they come from, as it is done without formulas.

The slow ways do a few resamples in one call.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.spatial.distance import pdist, squareform
from scipy.stats import bootstrap as scipy_bootstrap

from ensemble_rsa.analysis.bootstrap.centroids import bootstrap_centroid_consistency
from ensemble_rsa.analysis.bootstrap.consistency import (
    bootstrap_category_clustering_index,
    bootstrap_consistency,
    bootstrap_within_category_consistency,
)
from ensemble_rsa.bench.case import Job, Way, optional, ours
from ensemble_rsa.bench.inputs import (
    N_CATEGORIES,
    N_INSTANCES,
    Routine,
    labels_of,
    numpy_consistency,
    related_activations,
    related_rdms,
)

Rdms = Float[np.ndarray, "instance stimulus_pair"]

N_RESAMPLES = 1000
ENDS = (0.025, 0.975)
_FEW = 3  # resamples in one call of a slow way
_SHARE = _FEW / N_RESAMPLES


def _consistency(over: Any, n_stimuli: int, n_units: int) -> Job:
    rdms = related_rdms(n_stimuli)
    rng = np.random.default_rng(0)
    ways = ours(lambda: bootstrap_consistency(rdms, over=over, n_resamples=N_RESAMPLES))

    def pairs_by_numpy():
        shared = numpy_consistency(rdms)
        drawn = rng.integers(len(shared), size=(N_RESAMPLES, len(shared)))
        return np.quantile(shared[drawn].mean(1), ENDS)

    def pairs_by_scipy():
        shared = (numpy_consistency(rdms),)
        return scipy_bootstrap(shared, np.mean, n_resamples=N_RESAMPLES, method="percentile", rng=0)

    def instances_by_numpy():
        shared = np.corrcoef(rdms) ** 2
        drawn = rng.integers(len(rdms), size=(N_RESAMPLES, len(rdms)))
        first, second = drawn[:, :, None], drawn[:, None, :]
        means = np.mean(shared[first, second], axis=(1, 2), where=first != second)
        return np.quantile(means, ENDS)

    if over == "pairs":
        return Job({**ways, "NumPy": Way(pairs_by_numpy), "SciPy": Way(pairs_by_scipy)})
    instances, stimuli = over != "stimuli", over != "instances"
    if over == "instances":
        ways["NumPy"] = Way(instances_by_numpy)
    else:
        statistic = lambda drawn, rows, columns: np.corrcoef(drawn)
        ways["NumPy"] = _resample_stimuli(rdms, statistic, instances)
    return Job({**ways, "rsatoolbox": optional(_rsatoolbox, rdms, instances, stimuli)})


def _within_category(n_stimuli: int, n_units: int) -> Job:
    rdms, labels = related_rdms(n_stimuli), labels_of(n_stimuli)
    statistic = lambda drawn, rows, columns: np.corrcoef(drawn[:, labels[rows] == labels[columns]])
    boot = partial(bootstrap_within_category_consistency, over="stimuli", n_resamples=N_RESAMPLES)
    return Job({**ours(lambda: boot(rdms, labels)), "NumPy": _resample_stimuli(rdms, statistic)})


def _clustering(n_stimuli: int, n_units: int) -> Job:
    rdms, labels = related_rdms(n_stimuli), labels_of(n_stimuli)

    def statistic(drawn, rows, columns):
        same = labels[rows] == labels[columns]
        within, across = drawn[:, same].mean(1), drawn[:, ~same].mean(1)
        return (across - within) / (across + within)

    boot = partial(bootstrap_category_clustering_index, over="stimuli", n_resamples=N_RESAMPLES)
    return Job({**ours(lambda: boot(rdms, labels)), "NumPy": _resample_stimuli(rdms, statistic)})


def _centroids(n_stimuli: int, n_units: int) -> Job:
    activations = related_activations(N_INSTANCES, n_stimuli, n_units)
    labels = labels_of(n_stimuli)
    rng = np.random.default_rng(0)

    def scipy():
        found = []
        for _ in range(_FEW):
            drawn = rng.integers(n_stimuli, size=n_stimuli)
            members = [drawn[labels[drawn] == category] for category in range(N_CATEGORIES)]
            rdms = [
                pdist([patterns[chosen].mean(0) for chosen in members], "correlation")
                for patterns in activations
            ]
            found.append(np.corrcoef(rdms))
        return found

    boot = partial(bootstrap_centroid_consistency, over="stimuli", n_resamples=N_RESAMPLES)
    return Job({**ours(lambda: boot(activations, labels)), "SciPy": Way(scipy, _SHARE)})


def _resample_stimuli(rdms: Rdms, statistic: Callable[..., Any], instances: bool = False) -> Way:
    """Resample RDMs, without pairs of a stimulus with itself, and compute the statistic again."""
    squares = np.stack([squareform(rdm, checks=False) for rdm in rdms])
    n_instances, n_stimuli = squares.shape[:2]
    first, second = np.triu_indices(n_stimuli, 1)
    rng = np.random.default_rng(0)

    def call():
        found = []
        for _ in range(_FEW):
            chosen = np.arange(n_instances)
            if instances:
                chosen = rng.integers(n_instances, size=n_instances)
            stimuli = rng.integers(n_stimuli, size=n_stimuli)
            rows, columns = stimuli[first], stimuli[second]
            rows, columns = rows[rows != columns], columns[rows != columns]
            found.append(statistic(squares[chosen[:, None], rows, columns], rows, columns))
        return found

    return Way(call, _SHARE)


def _rsatoolbox(rdms: Rdms, instances: bool, stimuli: bool) -> Way:
    from rsatoolbox.rdm.compare import compare
    from rsatoolbox.rdm.rdms import RDMs

    theirs = RDMs(rdms)
    rng = np.random.default_rng(0)

    def call():
        found = []
        for _ in range(_FEW):
            drawn = theirs
            if instances:
                drawn = drawn.subsample("index", rng.integers(len(rdms), size=len(rdms)))
            if stimuli:
                every = rng.integers(theirs.n_cond, size=theirs.n_cond)
                drawn = drawn.subsample_pattern("index", every)
            found.append(compare(drawn, drawn, "corr"))
        return found

    return Way(call, _SHARE)


BOOTSTRAPS = {
    **{
        f"consistency over {over}": Routine(
            f"bootstrap of consistency over {over}", partial(_consistency, over)
        )
        for over in ("pairs", "instances", "stimuli", "both")
    },
    "within": Routine("bootstrap of within-category consistency over stimuli", _within_category),
    "clustering": Routine("bootstrap of clustering index over stimuli", _clustering),
    "centroids": Routine(
        "bootstrap of centroid consistency over stimuli", _centroids, needs_units=True
    ),
}
