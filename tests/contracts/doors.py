"""Public functions that take arrays, each with an independent reference in float64 NumPy."""

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import scipy.linalg
from scipy.spatial.distance import pdist, squareform

import ensemble_rsa as ersa
from ensemble_rsa.analysis import alignment, bootstrap, robust_correlation
from ensemble_rsa.analysis.random_categories import random_assignments
from ensemble_rsa.interop import label_rdms
from ensemble_rsa.similarity import cca, cka, procrustes

N_INSTANCES, N_STIMULI, N_UNITS = 3, 6, 8
PAIRS = list(itertools.combinations(range(N_INSTANCES), 2))
FEW = 20  # resamples


class Door(NamedTuple):
    """A public function.

    Attributes:
        call: of an array and labels, in any container.
        reference: the same numbers from float64 arrays and category numbers from 0.
        takes: "activations" `(instance, stimulus, unit)`, "rdms" `(instance, stimulus_pair)`,
            "rdm" `(stimulus_pair,)`, "points" `(stimulus, component)` or "series" `(point,)`.
        argument: its name in messages.
        has_labels: whether it takes labels.
    """

    call: Callable[[Any, Any], Any]
    reference: Callable[[np.ndarray, np.ndarray], Any]
    takes: str = "rdms"
    argument: str = "rdms"
    has_labels: bool = False


def correlations(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    together = np.corrcoef(np.concatenate([rows, others]))
    return together[: len(rows), len(rows) :]


def of_pairs(matrix: np.ndarray) -> np.ndarray:
    return np.array([matrix[i, j] for i, j in PAIRS])


def consistency(rdms: np.ndarray, _codes: Any = None) -> np.ndarray:
    return of_pairs(correlations(rdms, rdms) ** 2)


def of_stimuli(rdms: np.ndarray, _codes: Any = None) -> np.ndarray:
    squares = np.array([squareform(rdm) for rdm in rdms])
    rows = [np.delete(squares[:, i], i, axis=1) for i in range(squares.shape[1])]
    return np.array([consistency(each).mean() for each in rows])


def standard_scores(rdms: np.ndarray) -> np.ndarray:
    return (rdms - rdms.mean(-1, keepdims=True)) / rdms.std(-1, keepdims=True)


def is_same(codes: np.ndarray) -> np.ndarray:
    return np.array([a == b for a, b in itertools.combinations(codes, 2)])


def clustering(rdms: np.ndarray, codes: np.ndarray) -> np.ndarray:
    same = is_same(codes)
    within, across = rdms[..., same].mean(-1), rdms[..., ~same].mean(-1)
    return (across - within) / (across + within)


def mean_patterns(activations: np.ndarray, codes: np.ndarray) -> np.ndarray:
    return np.stack([activations[:, codes == k].mean(1) for k in range(codes.max() + 1)], 1)


def rdms_of(activations: np.ndarray, distance: str = "correlation") -> np.ndarray:
    return np.array([pdist(patterns, distance) for patterns in activations])


def random_categories(activations: np.ndarray, codes: np.ndarray) -> np.ndarray:
    draws = random_assignments(codes, n_draws=2)
    return np.array([consistency(rdms_of(mean_patterns(activations, draw))) for draw in draws])


def embedded_stress(rdm: np.ndarray, given: Any) -> np.ndarray:
    placed = pdist(given)
    return np.sqrt(((rdm - placed) ** 2).sum() / (rdm**2).sum())


def centred(activations: np.ndarray) -> np.ndarray:
    return activations - activations.mean(-2, keepdims=True)


def unbiased_cka(activations: np.ndarray, _codes: Any = None) -> np.ndarray:
    """The estimate of Song et al. (2012), written out."""
    kernels = [patterns @ patterns.T for patterns in centred(activations)]
    kernels = [kernel - np.diag(np.diag(kernel)) for kernel in kernels]
    n = len(kernels[0])

    def hsic(k, l):
        corrected = k.sum() * l.sum() / ((n - 1) * (n - 2)) - 2 * (k @ l).sum() / (n - 2)
        return (np.trace(k @ l) + corrected) / (n * (n - 3))

    return np.array(
        [
            hsic(kernels[i], kernels[j])
            / np.sqrt(hsic(kernels[i], kernels[i]) * hsic(kernels[j], kernels[j]))
            for i, j in PAIRS
        ]
    )


def procrustes_angles(activations: np.ndarray, _codes: Any = None) -> np.ndarray:
    scaled = [x / np.linalg.norm(x) for x in centred(activations)]
    products = [scaled[i].T @ scaled[j] for i, j in PAIRS]
    return np.arccos([np.linalg.svd(product, compute_uv=False).sum() for product in products])


def canonical_means(activations: np.ndarray, _codes: Any = None) -> np.ndarray:
    """Mean canonical correlation of the first principal axes that explain 40%."""
    axes = []
    for x in centred(activations):
        left, values, _ = np.linalg.svd(x, full_matrices=False)
        explained = np.cumsum(values**2) / (values**2).sum()
        axes.append(left[:, : 1 + int(np.argmax(explained >= 0.4))])
    return np.array(
        [np.cos(scipy.linalg.subspace_angles(axes[i], axes[j])).mean() for i, j in PAIRS]
    )


def pooled(rdms: np.ndarray, codes: np.ndarray) -> np.ndarray:
    return consistency(rdms[:, is_same(codes)])


def means_of(result: Any) -> np.ndarray:
    return result.mean


def rigid(points: np.ndarray, _codes: Any = None) -> np.ndarray:
    """Distances within the aligned points, which alignment must not change."""
    return pdist(points)


def group_means(rdms: np.ndarray, _codes: Any = None) -> list[np.ndarray]:
    """Of the RDMs against their squares."""
    between = correlations(rdms, rdms**2) ** 2
    return [consistency(rdms).mean(), consistency(rdms**2).mean(), between.mean()]


def analysed(rdms: np.ndarray, labels: Any) -> list[np.ndarray]:
    names = {"layer": ["V1"] * N_INSTANCES, "instance": range(N_INSTANCES)}
    settings = ersa.AnalysisConfig.of(n_resamples=FEW)
    results = ersa.analyze(label_rdms(rdms, "cosine", names, {"category": labels}), settings)
    return [
        results.consistency.sel(kind="exemplar").values[0],
        results.category_clustering_index[0],
    ]


def extracted(activations: Any, labels: Any) -> list[np.ndarray]:
    rdms = ersa.extract({"V1": activations}, labels)
    return [rdms.exemplar.values[0], rdms.centroid.values[0]]


BOOT = {"n_resamples": FEW}
boot_within = partial(bootstrap.bootstrap_within_category_consistency, **BOOT)
boot_clustering = partial(bootstrap.bootstrap_category_clustering_index, **BOOT)
WITH_ACTIVATIONS = {"takes": "activations", "argument": "activations"}
DOORS = {
    "compute_rdm": Door(
        lambda a, _: ersa.compute_rdm(a), lambda a, _: rdms_of(a), **WITH_ACTIVATIONS
    ),
    "layer_identification": Door(
        lambda r, _: ersa.layer_identification([r, r], "pearson").accuracy,
        lambda r, _: 0.5, "rdms", r"representations\[0\]",
    ),
    "calibrated_similarity": Door(
        lambda r, _: ersa.calibrated_similarity([r, r], "pearson", 9).similarity,
        lambda r, _: of_pairs(correlations(r, r)).mean(), "rdms", r"representations\[0\]",
    ),
    "noise_covariance": Door(
        lambda a, _: ersa.noise_covariance(a, method="diag"),
        lambda a, _: np.array([np.diag(x.var(0, ddof=1)) for x in a]),
        "activations", "measurements",
    ),
    "cocktail_blank": Door(
        lambda a, _: ersa.cocktail_blank(a), lambda a, _: centred(a), **WITH_ACTIVATIONS
    ),
    "centroids": Door(ersa.centroids, mean_patterns, **WITH_ACTIVATIONS, has_labels=True),
    "random_category_consistency": Door(
        lambda a, labels: ersa.random_category_consistency(a, labels, n_draws=2),
        random_categories, **WITH_ACTIVATIONS, has_labels=True,
    ),
    "extract": Door(
        extracted, lambda a, codes: [rdms_of(a), rdms_of(mean_patterns(a, codes))],
        "activations", r"source\['V1'\]", has_labels=True,
    ),
    "linear_cka": Door(lambda a, _: cka.linear_cka(a), unbiased_cka, **WITH_ACTIVATIONS),
    "svcca": Door(
        lambda a, _: cca.svcca(a, variance=0.4), canonical_means, **WITH_ACTIVATIONS
    ),
    "procrustes_distance": Door(
        lambda a, _: procrustes.procrustes_distance(a), procrustes_angles, **WITH_ACTIVATIONS
    ),
    "bootstrap_centroid_consistency": Door(
        lambda a, labels: means_of(bootstrap.bootstrap_centroid_consistency(a, labels, **BOOT)),
        lambda a, codes: consistency(rdms_of(mean_patterns(a, codes))).mean(),
        **WITH_ACTIVATIONS, has_labels=True,
    ),
    "consistency": Door(lambda r, _: ersa.consistency(r), consistency),
    "consistency_between": Door(
        lambda r, _: ersa.consistency_between(r, r), lambda r, _: correlations(r, r) ** 2
    ),
    "within_category_consistency": Door(
        ersa.within_category_consistency, pooled, has_labels=True
    ),
    "category_clustering_index": Door(
        ersa.category_clustering_index, clustering, has_labels=True
    ),
    "stimulus_consistency": Door(lambda r, _: ersa.stimulus_consistency(r), of_stimuli),
    "second_level_distances": Door(
        lambda r, _: ersa.second_level_distances(r), lambda r, _: 1 - correlations(r, r)
    ),
    "bootstrap_consistency": Door(
        lambda r, _: means_of(ersa.bootstrap_consistency(r, **BOOT)),
        lambda r, _: consistency(r).mean(),
    ),
    "bootstrap_within_category_consistency": Door(
        lambda r, labels: means_of(boot_within(r, labels)),
        lambda r, codes: pooled(r, codes).mean(), has_labels=True,
    ),
    "bootstrap_category_clustering_index": Door(
        lambda r, labels: means_of(boot_clustering(r, labels)),
        lambda r, codes: clustering(r, codes).mean(), has_labels=True,
    ),
    "bootstrap_mean": Door(
        lambda x, _: means_of(bootstrap.bootstrap_mean(x, **BOOT)),
        lambda x, _: x.mean(), "series", "values",
    ),
    "bootstrap_pairs": Door(
        lambda x, _: means_of(bootstrap.bootstrap_pairs(x, **BOOT)),
        lambda x, _: x.mean(), "series", "shared",
    ),
    "jackknife_pairs": Door(
        lambda x, _: means_of(bootstrap.jackknife_pairs(x)),
        lambda x, _: x.mean(), "series", "values",
    ),
    "robust_correlation": Door(
        lambda x, _: robust_correlation.robust_correlation(x, np.arange(15.0) ** 2, "pearson").r,
        lambda x, _: np.corrcoef(x, np.arange(15.0) ** 2)[0, 1], "series", "x",
    ),
    "align": Door(
        lambda x, _: pdist(alignment.align(x, np.eye(6, 2))), rigid, "points", "embedding"
    ),
    "mds": Door(
        lambda r, _: ersa.mds(r, n_init=1, max_iter=20), lambda r, _: r, "rdm", "rdm"
    ),
    "compare_groups": Door(
        lambda r, _: ersa.compare_groups(r, r, n_permutations=9).within_a,
        lambda r, _: consistency(r).mean(),
    ),
    "evaluate": Door(
        lambda r, _: ersa.evaluate(r, r, "pearson", over="instances").similarity,
        lambda r, _: correlations(r, r),
    ),
    "noise_ceiling": Door(
        lambda r, _: ersa.noise_ceiling(r, "pearson").upper,
        lambda r, _: correlations(r, standard_scores(r).mean(0)[None]).mean(),
    ),
    "plan": Door(
        lambda r, _: ersa.plan(r, instances=[3], stimuli=[6]).consistency,
        lambda r, _: consistency(r).mean(),
    ),
    "label_rdms": Door(lambda r, _: label_rdms(r).exemplar.values, lambda r, _: r),
    "analyze": Door(
        analysed, lambda r, codes: [consistency(r), clustering(r, codes)], has_labels=True
    ),
}  # fmt: skip
# They take runs, files, networks, settings, what `extract` returns, or four instances at least.
WITHOUT_ARRAYS = {
    "train", "load_run", "analyze_run", "compare_runs", "plan_run", "load_rdms", "save_rdms",
    "to_rsatoolbox", "from_rsatoolbox", "stack_rdms", "reorder_stimuli", "select_stimuli", "sweep",
    "jackknife_statistic", "from_files", "from_networks", "import_run", "export",
    "evaluate_run", "load_reference", "load_patterns", "from_run",
    "extend_run", "check_networks", "crossed_variance_components", "preset", "vary",
    "data_from_arrays",  # of images, which are bytes
}  # fmt: skip
