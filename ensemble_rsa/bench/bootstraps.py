"""Bootstraps beside resampling as others do it: RDMs, or what they come from, made anew each time.

The slow ways do a few resamples in one call.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.spatial.distance import pdist, squareform
from scipy.stats import bootstrap as scipy_bootstrap

from ensemble_rsa.analysis.bootstrap.categories import (
    bootstrap_category_clustering_index,
    bootstrap_within_category_consistency,
)
from ensemble_rsa.analysis.bootstrap.centroids import bootstrap_centroid_consistency
from ensemble_rsa.analysis.bootstrap.consistency import bootstrap_consistency
from ensemble_rsa.bench.jobs import (
    N_CATEGORIES,
    N_INSTANCES,
    OURS,
    Job,
    Routine,
    Size,
    Way,
    labels_of,
    memory_of_rdms,
    numpy_consistency,
    optional,
    related_activations,
    related_rdms,
)

Rdms = Float[np.ndarray, "instance stimulus_pair"]

N_RESAMPLES = 1000
ENDS = (0.025, 0.975)
_FEW = 3  # resamples that a slow way does in one call
_SHARE = _FEW / N_RESAMPLES


def bootstrap_routine(kind: str) -> Routine:
    """The routine of one kind of bootstrap.

    >>> bootstrap_routine("clustering index over stimuli").name
    'bootstrap of clustering index over stimuli'
    """
    return Routine(
        name=f"bootstrap of {kind}",
        prepare=KINDS[kind],
        work=lambda size: size.stimuli**2,
        memory=lambda size: memory_of_rdms(size) + 12 * N_INSTANCES * size.stimuli * size.units,
    )


def _over_pairs(size: Size) -> Job:
    rdms = related_rdms(size.stimuli)
    rng = np.random.default_rng(0)

    def numpy():
        shared = numpy_consistency(rdms)
        drawn = rng.integers(len(shared), size=(N_RESAMPLES, len(shared)))
        return np.quantile(shared[drawn].mean(1), ENDS)

    def scipy():
        shared = (numpy_consistency(rdms),)
        return scipy_bootstrap(shared, np.mean, n_resamples=N_RESAMPLES, method="percentile", rng=0)

    ours = lambda: bootstrap_consistency(rdms, over="pairs", n_resamples=N_RESAMPLES)
    return Job({OURS: Way(ours), "NumPy": Way(numpy), "SciPy": Way(scipy)})


def _over_instances(size: Size) -> Job:
    rdms = related_rdms(size.stimuli)
    rng = np.random.default_rng(0)

    def numpy():
        shared = np.corrcoef(rdms) ** 2
        drawn = rng.integers(len(rdms), size=(N_RESAMPLES, len(rdms)))
        first, second = drawn[:, :, None], drawn[:, None, :]
        means = np.mean(shared[first, second], axis=(1, 2), where=first != second)
        return np.quantile(means, ENDS)

    ours = lambda: bootstrap_consistency(rdms, over="instances", n_resamples=N_RESAMPLES)
    rsatoolbox = optional(_rsatoolbox, rdms, True, False)
    return Job({OURS: Way(ours), "NumPy": Way(numpy), "rsatoolbox": rsatoolbox})


def _over_stimuli(size: Size, instances: bool = False) -> Job:
    rdms = related_rdms(size.stimuli)
    over = "both" if instances else "stimuli"
    ours = lambda: bootstrap_consistency(rdms, over=over, n_resamples=N_RESAMPLES)
    return Job(
        {
            OURS: Way(ours),
            "NumPy": _numpy(rdms, lambda drawn, rows, columns: np.corrcoef(drawn), instances),
            "rsatoolbox": optional(_rsatoolbox, rdms, instances, True),
        }
    )


def _within_category(size: Size) -> Job:
    rdms, labels = related_rdms(size.stimuli), labels_of(size.stimuli)
    ours = lambda: bootstrap_within_category_consistency(
        rdms, labels, over="stimuli", n_resamples=N_RESAMPLES
    )

    def statistic(drawn, rows, columns):
        return np.corrcoef(drawn[:, labels[rows] == labels[columns]])

    return Job({OURS: Way(ours), "NumPy": _numpy(rdms, statistic)})


def _clustering(size: Size) -> Job:
    rdms, labels = related_rdms(size.stimuli), labels_of(size.stimuli)
    ours = lambda: bootstrap_category_clustering_index(
        rdms, labels, over="stimuli", n_resamples=N_RESAMPLES
    )

    def statistic(drawn, rows, columns):
        same = labels[rows] == labels[columns]
        within, across = drawn[:, same].mean(1), drawn[:, ~same].mean(1)
        return (across - within) / (across + within)

    return Job({OURS: Way(ours), "NumPy": _numpy(rdms, statistic)})


def _centroids(size: Size) -> Job:
    activations = related_activations(N_INSTANCES, size.stimuli, size.units)
    labels = labels_of(size.stimuli)
    rng = np.random.default_rng(0)

    def scipy():
        found = []
        for _ in range(_FEW):
            drawn = rng.integers(size.stimuli, size=size.stimuli)
            members = [drawn[labels[drawn] == category] for category in range(N_CATEGORIES)]
            rdms = [
                pdist([patterns[chosen].mean(0) for chosen in members], "correlation")
                for patterns in activations
            ]
            found.append(np.corrcoef(rdms))
        return found

    ours = lambda: bootstrap_centroid_consistency(
        activations, labels, over="stimuli", n_resamples=N_RESAMPLES
    )
    return Job({OURS: Way(ours), "SciPy": Way(scipy, _SHARE)})


KINDS: Mapping[str, Callable[[Size], Job]] = {
    "consistency over pairs": _over_pairs,
    "consistency over instances": _over_instances,
    "consistency over stimuli": _over_stimuli,
    "consistency over both": partial(_over_stimuli, instances=True),
    "within-category consistency over stimuli": _within_category,
    "clustering index over stimuli": _clustering,
    "centroid consistency over stimuli": _centroids,
}
NEEDS_UNITS = ("centroid consistency over stimuli",)


def _numpy(rdms: Rdms, statistic: Callable[..., Any], instances: bool = False) -> Way:
    """Resample RDMs, without pairs of a stimulus with itself, and take the statistic again."""
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
            other = rows != columns
            rows, columns = rows[other], columns[other]
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
