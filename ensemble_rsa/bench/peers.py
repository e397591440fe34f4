"""The analyses by NumPy, SciPy, scikit-learn and rsatoolbox, as their users write them.

Functions take the arguments of ours. Those that resample in a Python loop do `FEW` resamples, that
of the Procrustes distance the first pair of instances; their time is scaled to the whole.
"""

from contextlib import redirect_stderr
from io import StringIO
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import procrustes
from scipy.spatial.distance import cdist, pdist, squareform
from scipy.stats import bootstrap, permutation_test

from ensemble_rsa.bench.inputs import N_CATEGORIES

Patterns = Float[np.ndarray, "stimulus unit"]
Stack = Float[np.ndarray, "instance stimulus unit"]
Distances = Float[np.ndarray, " stimulus_pair"]
Rdms = Float[np.ndarray, "instance stimulus_pair"]
Labels = Int[np.ndarray, " stimulus"]

FEW = 3


def numpy_rdm(patterns: Patterns, distance: str) -> Distances:
    """The usual formulas in float32, which lose the accuracy that `compute_rdm` keeps."""
    upper = np.triu_indices(len(patterns), 1)
    if distance == "correlation":
        patterns = patterns - patterns.mean(1, keepdims=True)
    if distance != "euclidean":
        patterns = patterns / np.linalg.norm(patterns, axis=1, keepdims=True)
    products = patterns @ patterns.T
    if distance != "euclidean":
        return 1 - products[upper]
    squares = np.diag(products)
    return np.sqrt(np.maximum(squares[:, None] + squares - 2 * products, 0)[upper])


def scipy_rdm(patterns: Patterns, distance: str) -> Distances:
    """Distances pair by pair, in float64."""
    return pdist(*_scipy_metric(patterns, distance))


def exact_distances(patterns: Patterns, distance: str) -> Float[np.ndarray, " first_pair"]:
    """Distances of the first stimulus to all others in float64: the first entries of an RDM."""
    double, metric = _scipy_metric(patterns.astype(np.float64), distance)
    return cdist(double[:1], double[1:], metric)[0]


def _scipy_metric(patterns: Patterns, distance: str) -> tuple[np.ndarray, Any]:
    norms = np.linalg.norm(patterns, axis=1, keepdims=True)
    if distance == "norm_difference":
        return norms, "euclidean"
    if distance == "unit_euclidean":
        return patterns / norms, "euclidean"
    return patterns, distance


def rsatoolbox_rdm(patterns: Patterns, distance: str) -> Distances:
    """The correlation or Euclidean distance; the latter is squared and divided by the units."""
    from rsatoolbox.data.dataset import Dataset
    from rsatoolbox.rdm.calc import calc_rdm

    rdms: Any = calc_rdm(Dataset(patterns), method=distance)
    distances = rdms.dissimilarities[0]
    return distances if distance == "correlation" else np.sqrt(distances * patterns.shape[1])


def numpy_consistency(rdms: Rdms) -> Float[np.ndarray, " instance_pair"]:
    """Squared correlations of all pairs, in float64."""
    return np.corrcoef(rdms)[np.triu_indices(len(rdms), 1)] ** 2


def rsatoolbox_consistency(rdms: Rdms) -> Float[np.ndarray, " instance_pair"]:
    """Squared correlations of all pairs."""
    compare, stack = _rsatoolbox_stack(rdms)
    return compare(stack, stack, "corr")[np.triu_indices(len(rdms), 1)] ** 2


def rsatoolbox_bootstrap(rdms: Rdms, over: str) -> list[np.ndarray]:
    """Correlations of all pairs in each of a few resamples."""
    compare, stack = _rsatoolbox_stack(rdms)
    rng, found = np.random.default_rng(0), []
    for _ in range(FEW):
        drawn = stack
        if over != "stimuli":
            drawn = drawn.subsample("index", rng.integers(len(rdms), size=len(rdms)))
        if over != "instances":
            stimuli = rng.integers(stack.n_cond, size=stack.n_cond)
            drawn = drawn.subsample_pattern("index", stimuli)
        found.append(compare(drawn, drawn, "corr"))
    return found


def _rsatoolbox_stack(rdms: Rdms) -> tuple[Any, Any]:
    from rsatoolbox.rdm.compare import compare
    from rsatoolbox.rdm.rdms import RDMs

    return compare, RDMs(rdms)


def rsatoolbox_evaluation(
    networks: Rdms, people: Float[np.ndarray, "subject stimulus_pair"], comparison: str
) -> Float[np.ndarray, "resample network 1 1 kind"]:
    """Similarities of all networks with a few resamples of people and stimuli, and their ceiling.

    Every resample is of people, of stimuli and of both.
    """
    from rsatoolbox.inference.evaluate import eval_dual_bootstrap
    from rsatoolbox.model.model import ModelFixed
    from rsatoolbox.rdm.rdms import RDMs

    models = [ModelFixed(f"network {i}", rdm) for i, rdm in enumerate(networks)]
    with redirect_stderr(StringIO()):  # a progress bar
        return eval_dual_bootstrap(models, RDMs(people), comparison, N=FEW).evaluations


def scipy_bootstrap(rdms: Rdms, n_resamples: int) -> tuple[float, float]:
    """The percentile interval of mean consistency, with pairs resampled."""
    pairs = (numpy_consistency(rdms),)
    result = bootstrap(pairs, np.mean, n_resamples=n_resamples, method="percentile", rng=0)
    return result.confidence_interval.low, result.confidence_interval.high


def numpy_clustering(rdms: Rdms, labels: Labels) -> Float[np.ndarray, " instance"]:
    """The category clustering index."""
    rows, columns = np.triu_indices(len(labels), 1)
    return _clustering(rdms, labels[rows] == labels[columns])


def numpy_clustering_bootstrap(rdms: Rdms, labels: Labels) -> list[np.ndarray]:
    """The index in each of a few resamples of stimuli, without pairs of a stimulus with itself."""
    squares = np.stack([squareform(rdm, checks=False) for rdm in rdms])
    first, second = np.triu_indices(len(labels), 1)
    rng, found = np.random.default_rng(0), []
    for _ in range(FEW):
        drawn = rng.integers(len(labels), size=len(labels))
        rows, columns = drawn[first], drawn[second]
        rows, columns = rows[rows != columns], columns[rows != columns]
        found.append(_clustering(squares[:, rows, columns], labels[rows] == labels[columns]))
    return found


def _clustering(rdms: Rdms, same: np.ndarray) -> np.ndarray:
    within, across = rdms[:, same].mean(1), rdms[:, ~same].mean(1)
    return (across - within) / (across + within)


def scipy_centroid_bootstrap(activations: Stack, labels: Labels) -> list[np.ndarray]:
    """Consistency of centroids in each of a few resamples of stimuli."""
    rng, found = np.random.default_rng(0), []
    for _ in range(FEW):
        drawn = rng.integers(len(labels), size=len(labels))
        members = [drawn[labels[drawn] == category] for category in range(N_CATEGORIES)]
        centroids = [[x[chosen].mean(0) for chosen in members] for x in activations]
        found.append(numpy_consistency(np.array([pdist(x, "correlation") for x in centroids])))
    return found


def scipy_groups(rdms: Rdms, n_permutations: int) -> float:
    """The p value of a permutation test of two halves; ours has effect sizes and intervals too."""
    consistency, (first, second) = numpy_consistency(rdms), np.triu_indices(len(rdms), 1)

    def within_minus_between(group: np.ndarray) -> float:
        within = group[first] == group[second]
        return consistency[within].mean() - consistency[~within].mean()

    halves = (np.arange(len(rdms)) < len(rdms) // 2,)
    options: dict[str, Any] = {"permutation_type": "pairings", "alternative": "greater", "rng": 0}
    test = permutation_test(halves, within_minus_between, n_resamples=n_permutations, **options)
    return float(test.pvalue)


def numpy_cka(activations: Stack) -> Float[np.ndarray, " instance_pair"]:
    """Unbiased linear CKA in float64 (Song et al., 2012, doi:10.5555/2503308.2343691)."""
    centred = activations.astype(np.float64) - activations.mean(1, keepdims=True, dtype=np.float64)
    kernels = centred @ centred.transpose(0, 2, 1)
    n = kernels.shape[1]
    kernels[:, range(n), range(n)] = 0
    flat, columns, sums = kernels.reshape(len(kernels), -1), kernels.sum(1), kernels.sum((1, 2))
    products = flat @ flat.T - 2 / (n - 2) * columns @ columns.T
    products += np.outer(sums, sums) / ((n - 1) * (n - 2))
    norms = np.sqrt(np.diag(products))
    return (products / np.outer(norms, norms))[np.triu_indices(len(kernels), 1)]


def scipy_procrustes(activations: Stack) -> list[float]:
    """The angular Procrustes distance of the first pair of instances, in float64."""
    *_, disparity = procrustes(*activations[:2].astype(np.float64))
    return [float(np.arccos(np.sqrt(1 - disparity)))]


def sklearn_mds(rdm: Distances, **options: Any) -> Float[np.ndarray, "stimulus axis"]:
    """The best of some starts of SMACOF, which all run to the last iteration."""
    from sklearn.manifold import smacof

    options |= {"eps": 0, "random_state": 0, "init": None, "normalized_stress": False}
    embedding: Any = smacof(squareform(rdm.astype(np.float64)), **options)[0]
    return embedding
