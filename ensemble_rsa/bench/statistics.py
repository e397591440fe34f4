"""Statistics of ten instances: consistency, clustering, random categories, groups, MDS."""

from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.spatial.distance import pdist, squareform

from ensemble_rsa.analysis.categories import category_clustering_index
from ensemble_rsa.analysis.consistency import consistency
from ensemble_rsa.analysis.groups import compare_groups
from ensemble_rsa.analysis.mds import Mds, mds
from ensemble_rsa.analysis.random_categories import (
    random_assignments,
    random_category_consistency,
)
from ensemble_rsa.bench.case import Job, Way, optional, ours
from ensemble_rsa.bench.inputs import (
    N_INSTANCES,
    Routine,
    labels_of,
    numpy_consistency,
    related_activations,
    related_rdms,
    relative_error,
)

Rdms = Float[np.ndarray, "instance stimulus_pair"]

N_DRAWS = 200
N_PERMUTATIONS = 1000
N_STARTS, N_ITERATIONS = 4, 300
_FEW_DRAWS = 5  # in one call of the slow way


def _consistency(n_stimuli: int, n_units: int) -> Job:
    rdms = related_rdms(n_stimuli)
    expected = numpy_consistency(rdms)
    ways = {
        **ours(lambda: consistency(rdms)),
        "NumPy": Way(lambda: numpy_consistency(rdms)),
        "SciPy": Way(lambda: (1 - pdist(rdms, "correlation")) ** 2),
        "rsatoolbox": optional(_rsatoolbox_consistency, rdms),
    }
    return Job(ways, error=lambda result: relative_error(result, expected))


def _rsatoolbox_consistency(rdms: Rdms) -> Way:
    from rsatoolbox.rdm.compare import compare
    from rsatoolbox.rdm.rdms import RDMs

    theirs, upper = RDMs(rdms), np.triu_indices(len(rdms), 1)
    return Way(lambda: compare(theirs, theirs, "corr")[upper] ** 2)


def _clustering(n_stimuli: int, n_units: int) -> Job:
    rdms, labels = related_rdms(n_stimuli), labels_of(n_stimuli)
    rows, columns = np.triu_indices(n_stimuli, 1)

    def numpy(rdms: Rdms) -> Float[np.ndarray, " instance"]:
        same = labels[rows] == labels[columns]
        within, across = rdms[:, same].mean(1), rdms[:, ~same].mean(1)
        return (across - within) / (across + within)

    expected = numpy(rdms.astype(np.float64))
    ways = {
        **ours(lambda: category_clustering_index(rdms, labels)),
        "NumPy": Way(lambda: numpy(rdms)),
    }
    return Job(ways, error=lambda result: relative_error(result, expected))


def _random_categories(n_stimuli: int, n_units: int) -> Job:
    activations = related_activations(N_INSTANCES, n_stimuli, n_units)
    labels = labels_of(n_stimuli)

    def scipy() -> list[Any]:
        found = []
        for assignment in random_assignments(labels, _FEW_DRAWS):
            members = [assignment == category for category in np.unique(labels)]
            rdms = [
                pdist([patterns[chosen].mean(0) for chosen in members], "correlation")
                for patterns in activations
            ]
            found.append(numpy_consistency(np.array(rdms)))
        return found

    return Job(
        {
            **ours(lambda: random_category_consistency(activations, labels, N_DRAWS)),
            "SciPy": Way(scipy, _FEW_DRAWS / N_DRAWS),
        }
    )


def _groups(n_stimuli: int, n_units: int) -> Job:
    """NumPy's way is the p value alone, ours has effect sizes and intervals, too."""
    rdms = related_rdms(n_stimuli, 2 * N_INSTANCES)

    def numpy() -> float:
        shared = np.corrcoef(rdms) ** 2
        first, second = np.triu_indices(len(rdms), 1)
        group = np.arange(len(rdms)) < N_INSTANCES
        rng = np.random.default_rng(0)

        def difference(group):
            within = group[first] == group[second]
            values = shared[first, second]
            return values[within].mean() - values[~within].mean()

        relabelled = [difference(rng.permutation(group)) for _ in range(N_PERMUTATIONS)]
        return (1 + np.sum(np.array(relabelled) >= difference(group))) / (1 + N_PERMUTATIONS)

    a, b = rdms[:N_INSTANCES], rdms[N_INSTANCES:]
    return Job(
        {**ours(lambda: compare_groups(a, b, n_permutations=N_PERMUTATIONS)), "NumPy": Way(numpy)}
    )


def _mds(n_stimuli: int, n_units: int) -> Job:
    """The same number of iterations in every tool."""
    rdm = related_rdms(n_stimuli, n_instances=1)[0]

    def stress(result: Mds | np.ndarray) -> float:
        points = result.embedding if isinstance(result, Mds) else result
        return float(np.sqrt(((rdm - pdist(points)) ** 2).sum() / (rdm**2).sum()))

    ways = {
        **ours(lambda: mds(rdm, n_init=N_STARTS, max_iter=N_ITERATIONS, tolerance=0.0)),
        "scikit-learn": optional(_scikit_learn_mds, rdm),
    }
    return Job(ways, error=stress)


def _scikit_learn_mds(rdm: Float[np.ndarray, " stimulus_pair"]) -> Way:
    from sklearn.manifold import smacof

    square = squareform(rdm.astype(np.float64))
    options = {"eps": 0, "random_state": 0, "init": None, "normalized_stress": False}
    return Way(lambda: smacof(square, n_init=N_STARTS, max_iter=N_ITERATIONS, **options)[0])


CONSISTENCY = Routine(f"consistency, {N_INSTANCES} instances", _consistency)
CLUSTERING = Routine(f"category clustering index, {N_INSTANCES} instances", _clustering)
RANDOM_CATEGORIES = Routine(
    f"random categories, {N_DRAWS} draws", _random_categories, needs_units=True
)
GROUPS = Routine(
    f"two groups of {N_INSTANCES}, {N_PERMUTATIONS} permutations", _groups, 2 * N_INSTANCES
)
MDS = Routine(f"MDS, {N_STARTS} starts of {N_ITERATIONS} iterations", _mds, 1)
