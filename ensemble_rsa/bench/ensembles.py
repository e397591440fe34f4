"""Analyses of ten instances: consistency, clustering, random categories, two groups."""

import numpy as np
from jaxtyping import Float
from scipy.spatial.distance import pdist

from ensemble_rsa.analysis.categories import category_clustering_index
from ensemble_rsa.analysis.consistency import consistency
from ensemble_rsa.analysis.groups import compare_groups
from ensemble_rsa.analysis.random_categories import (
    random_assignments,
    random_category_consistency,
)
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

N_DRAWS = 200
N_PERMUTATIONS = 1000
_FEW_DRAWS = 5  # what the slow way does in one call


def _prepare_consistency(size: Size) -> Job:
    rdms = related_rdms(size.stimuli)
    expected = numpy_consistency(rdms)
    ways = {
        OURS: Way(lambda: consistency(rdms)),
        "NumPy": Way(lambda: numpy_consistency(rdms)),
        "SciPy": Way(lambda: (1 - pdist(rdms, "correlation")) ** 2),
        "rsatoolbox": optional(_rsatoolbox_consistency, rdms),
    }
    return Job(ways, error=lambda result: float(np.abs(result - expected).max() / expected.max()))


CONSISTENCY = Routine(
    name=f"consistency, {N_INSTANCES} instances",
    prepare=_prepare_consistency,
    work=lambda size: size.stimuli**2,
    memory=memory_of_rdms,
)


def _rsatoolbox_consistency(rdms: Rdms) -> Way:
    from rsatoolbox.rdm.compare import compare
    from rsatoolbox.rdm.rdms import RDMs

    theirs, upper = RDMs(rdms), np.triu_indices(len(rdms), 1)
    return Way(lambda: compare(theirs, theirs, "corr")[upper] ** 2)


def _prepare_clustering(size: Size) -> Job:
    rdms, labels = related_rdms(size.stimuli), labels_of(size.stimuli)
    expected = _numpy_clustering(rdms.astype(np.float64), labels)
    ways = {
        OURS: Way(lambda: category_clustering_index(rdms, labels)),
        "NumPy": Way(lambda: _numpy_clustering(rdms, labels)),
    }
    return Job(ways, error=lambda result: float(np.abs(result - expected).max() / expected.max()))


CLUSTERING = Routine(
    name=f"category clustering index, {N_INSTANCES} instances",
    prepare=_prepare_clustering,
    work=lambda size: size.stimuli**2,
    memory=memory_of_rdms,
)


def _numpy_clustering(rdms: Rdms, labels: np.ndarray) -> Float[np.ndarray, " instance"]:
    rows, columns = np.triu_indices(len(labels), 1)
    same = labels[rows] == labels[columns]
    within, across = rdms[:, same].mean(1), rdms[:, ~same].mean(1)
    return (across - within) / (across + within)


def _prepare_random_categories(size: Size) -> Job:
    activations = related_activations(N_INSTANCES, size.stimuli, size.units)
    labels = labels_of(size.stimuli)
    ways = {
        OURS: Way(lambda: random_category_consistency(activations, labels, N_DRAWS)),
        "SciPy": Way(lambda: _scipy_draws(activations, labels), _FEW_DRAWS / N_DRAWS),
    }
    return Job(ways)


RANDOM_CATEGORIES = Routine(
    name=f"random categories, {N_DRAWS} draws",
    prepare=_prepare_random_categories,
    work=lambda size: size.stimuli * size.units,
    memory=lambda size: 12 * N_INSTANCES * size.stimuli * size.units,
)


def _scipy_draws(activations: np.ndarray, labels: np.ndarray) -> list[np.ndarray]:
    """Centroids, their RDMs and consistency, draw by draw."""
    consistencies = []
    for assignment in random_assignments(labels, _FEW_DRAWS):
        members = [assignment == category for category in range(N_CATEGORIES)]
        rdms = [
            pdist([patterns[chosen].mean(0) for chosen in members], "correlation")
            for patterns in activations
        ]
        consistencies.append(numpy_consistency(np.array(rdms)))
    return consistencies


def _prepare_groups(size: Size) -> Job:
    rdms = related_rdms(size.stimuli, 2 * N_INSTANCES)
    groups = rdms[:N_INSTANCES], rdms[N_INSTANCES:]
    ours = Way(lambda: compare_groups(*groups, n_permutations=N_PERMUTATIONS))
    return Job({OURS: ours, "NumPy": Way(lambda: _numpy_groups(rdms))})


GROUPS = Routine(
    name=f"two groups of {N_INSTANCES}, {N_PERMUTATIONS} permutations",
    prepare=_prepare_groups,
    work=lambda size: size.stimuli**2,
    memory=lambda size: 2 * memory_of_rdms(size),
)


def _numpy_groups(rdms: Rdms) -> float:
    """The p of within minus between alone, where ours gives effect sizes and intervals, too."""
    shared = np.corrcoef(rdms) ** 2
    first, second = np.triu_indices(len(rdms), 1)
    group = np.arange(len(rdms)) < len(rdms) // 2
    rng = np.random.default_rng(0)

    def difference(group):
        within = group[first] == group[second]
        values = shared[first, second]
        return values[within].mean() - values[~within].mean()

    relabelled = [difference(rng.permutation(group)) for _ in range(N_PERMUTATIONS)]
    return (1 + np.sum(np.array(relabelled) >= difference(group))) / (1 + N_PERMUTATIONS)
