"""The benchmark of the analyses: a table of routines, their sizes, and other tools beside them."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from scipy.spatial.distance import pdist

import ensemble_rsa as ersa
from ensemble_rsa.analysis.bootstrap.centroids import bootstrap_centroid_consistency
from ensemble_rsa.analysis.bootstrap.consistency import bootstrap_category_clustering_index
from ensemble_rsa.bench import peers
from ensemble_rsa.bench.case import OURS, Case, Prepared, Size, Way
from ensemble_rsa.bench.inputs import labels_of, related_activations, related_rdms
from ensemble_rsa.bench.measure import Patience
from ensemble_rsa.bench.run import Bench, Progress, measure_all
from ensemble_rsa.rdm.compare import ComparisonName
from ensemble_rsa.similarity import cca, cka, procrustes

PATIENCE = {
    "quick": Patience(repeats=3, seconds=1.0, limit=3.0),
    "default": Patience(limit=40.0),
    "full": Patience(limit=120.0),
}
_OVER_STIMULI: dict[str, Any] = {"over": "stimuli", "n_resamples": 1000}
_FEW_RESAMPLES = peers.FEW / 1000


def _stimuli(*numbers: int) -> list[Size]:
    return [{"stimuli": n} for n in numbers]


def _patterns(*stimuli: int, units: tuple[int, ...] = ()) -> list[Size]:
    """Numbers of stimuli with 1,000 units, then of units with 1,000 stimuli."""
    sizes = [(n, 1000) for n in stimuli] + [(1000, n) for n in units]
    return [{"stimuli": n, "units": m} for n, m in sizes]


_DISTANCES = {
    "quick": _patterns(100, 1000, units=(36_864,)),
    "default": _patterns(100, 300, 1000, 3000, units=(10_000, 36_864, 100_000)),
    "full": _patterns(100, 300, 1000, 3000, 10_000, units=(10_000, 36_864, 100_000)),
}
_RDMS = {
    "quick": _stimuli(300),
    "default": _stimuli(100, 300, 1000),
    "full": _stimuli(100, 300, 1000, 3000),
}
_PATTERNS = {
    "quick": _patterns(100),
    "default": _patterns(100, 200, 400),
    "full": _patterns(100, 300, 1000),
}


def deviation(exact: Callable[..., Any]) -> Callable[..., float]:
    """The largest deviation from `exact`, which gives the first entries of a result in float64."""

    def error(result: Any, *arguments: np.ndarray) -> float:
        expected = np.asarray(exact(*arguments))
        return float(np.abs(np.asarray(result)[: len(expected)] - expected).max() / expected.max())

    return error


def stress(result: Any, rdm: np.ndarray) -> float:
    """Normalised stress of an embedding."""
    points = getattr(result, "embedding", result)
    return float(np.sqrt(((rdm - pdist(points)) ** 2).sum() / (rdm**2).sum()))


@dataclass(frozen=True)
class Routine:
    """One analysis, its sizes, and the same analysis by other tools.

    All functions take activations, where sizes have units, or RDMs; and labels if `labelled`.
    """

    name: str
    sizes: Mapping[str, list[Size]]  # at each scale
    ours: Callable[..., Any]
    others: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    error: Callable[..., float] | None = None  # of a result and the arguments
    share: float = 1.0  # of the analysis that one call of another tool does
    n_instances: int = 10  # the first axis of the data, which is dropped if it is 1
    labelled: bool = False

    def case(self, size: Size) -> Case:
        """This routine at one size."""
        work = size["stimuli"] ** 2 * size.get("units", 1)
        return Case(self.name, size, partial(self.prepare, **size), work=work)

    def prepare(self, **size: Any) -> Prepared:
        """What `Case.prepare` returns."""
        data = (related_activations if "units" in size else related_rdms)(self.n_instances, **size)
        arguments = [data[0] if self.n_instances == 1 else data]
        if self.labelled:
            arguments.append(labels_of(size["stimuli"]))
        ways = {OURS: Way(partial(self.ours, *arguments), compiles=True)}
        for tool, function in self.others.items():
            ways[tool] = Way(partial(function, *arguments), self.share)
        error = self.error
        return ways, error and (lambda result: error(result, *arguments))


def _rdm(distance: str, others: Mapping[str, Callable[..., Any]]) -> Routine:
    return Routine(
        f"RDM, {distance}",
        _DISTANCES,
        partial(ersa.compute_rdm, distance=distance),
        {tool: partial(function, distance=distance) for tool, function in others.items()},
        deviation(partial(peers.exact_distances, distance=distance)),
        n_instances=1,
    )


def _evaluation(name: ComparisonName, in_rsatoolbox: str, *stimuli: int) -> Routine:
    """10 instances of 9 layers with 15 people; rsatoolbox takes each as a model of its own."""

    def ours(rdms: np.ndarray) -> Any:
        networks = rdms[:-_PEOPLE].reshape(9, 10, -1)
        return ersa.evaluate(networks, rdms[-_PEOPLE:], name, n_resamples=1000)

    def others(rdms: np.ndarray) -> np.ndarray:
        return peers.rsatoolbox_evaluation(rdms[:-_PEOPLE], rdms[-_PEOPLE:], in_rsatoolbox)

    return Routine(
        f"evaluate by {name}, 90 networks, 15 people, 1000 resamples",
        dict.fromkeys(_RDMS, _stimuli(*stimuli)) | {"quick": _stimuli(stimuli[0])},
        ours,
        {"rsatoolbox": others},
        share=_FEW_RESAMPLES,
        n_instances=90 + _PEOPLE,
    )


_PEOPLE = 15
_SCIPY = {"SciPy": peers.scipy_rdm}
_NUMPY_AND_SCIPY = {"NumPy": peers.numpy_rdm, **_SCIPY}
_ALL_TOOLS = {**_NUMPY_AND_SCIPY, "rsatoolbox": peers.rsatoolbox_rdm}
ROUTINES = [
    _rdm("correlation", _ALL_TOOLS),
    _rdm("cosine", _NUMPY_AND_SCIPY),
    _rdm("euclidean", _ALL_TOOLS),
    _rdm("unit_euclidean", _SCIPY),
    _rdm("norm_difference", _SCIPY),
    Routine(
        "consistency",
        _RDMS | {"quick": _stimuli(100, 300, 1000)},
        ersa.consistency,
        {"NumPy": peers.numpy_consistency, "rsatoolbox": peers.rsatoolbox_consistency},
        deviation(peers.numpy_consistency),
    ),
    Routine(
        "category clustering index",
        _RDMS,
        ersa.category_clustering_index,
        {"NumPy": peers.numpy_clustering},
        deviation(lambda rdms, labels: peers.numpy_clustering(rdms.astype(np.float64), labels)),
        labelled=True,
    ),
    Routine(
        "bootstrap of consistency over pairs",
        _RDMS,
        partial(ersa.bootstrap_consistency, over="pairs", n_resamples=1000),
        {"SciPy": partial(peers.scipy_bootstrap, n_resamples=1000)},
    ),
    *(
        Routine(
            f"bootstrap of consistency over {over}",
            _RDMS,
            partial(ersa.bootstrap_consistency, over=over, n_resamples=1000),
            {"rsatoolbox": partial(peers.rsatoolbox_bootstrap, over=over)},
            share=_FEW_RESAMPLES,
        )
        for over in ("instances", "stimuli", "both")
    ),
    _evaluation("pearson", "corr", 100, 200, 500),
    _evaluation("rho_a", "rho-a", 100, 200, 500),
    Routine(
        "bootstrap of clustering index over stimuli",
        _RDMS,
        partial(bootstrap_category_clustering_index, **_OVER_STIMULI),
        {"NumPy": peers.numpy_clustering_bootstrap},
        share=_FEW_RESAMPLES,
        labelled=True,
    ),
    Routine(
        "bootstrap of centroid consistency over stimuli",
        _PATTERNS,
        partial(bootstrap_centroid_consistency, **_OVER_STIMULI),
        {"SciPy": peers.scipy_centroid_bootstrap},
        share=_FEW_RESAMPLES,
        labelled=True,
    ),
    Routine(
        "random categories, 200 draws",
        _PATTERNS,
        partial(ersa.random_category_consistency, n_draws=200),
        labelled=True,
    ),
    Routine(
        "two groups of 10, 1000 permutations",
        _RDMS,
        lambda rdms: ersa.compare_groups(rdms[:10], rdms[10:], n_permutations=1000),
        {"SciPy": partial(peers.scipy_groups, n_permutations=1000)},
        n_instances=20,
    ),
    Routine(
        "linear CKA",
        _PATTERNS,
        cka.linear_cka,
        {"NumPy": peers.numpy_cka},
        deviation(lambda activations: peers.numpy_cka(activations[:2])),
    ),
    Routine(
        "Procrustes distance",
        _PATTERNS,
        procrustes.procrustes_distance,
        {"SciPy": peers.scipy_procrustes},
        deviation(peers.scipy_procrustes),
        share=1 / 45,
    ),
    # With all of the variance, fewer stimuli than units leave no difference.
    Routine("SVCCA", _PATTERNS, partial(cca.svcca, variance=0.9)),
    Routine(
        "MDS, 4 starts of 300 iterations",
        _RDMS | {"quick": _stimuli(100, 200, 400)},
        partial(ersa.mds, n_init=4, max_iter=300, tolerance=0.0),
        {"scikit-learn": partial(peers.sklearn_mds, n_init=4, max_iter=300)},
        stress,
        n_instances=1,
    ),
]


def bench_analysis(scale: str = "default", progress: Progress = lambda *state: None) -> Bench:
    """Measure all analyses beside other tools; `scale` is `quick`, `default` or `full`."""
    with suppress(ImportError):
        import rsatoolbox  # noqa: F401 - so that no first call contains the import
    cases = [routine.case(size) for routine in ROUTINES for size in routine.sizes[scale]]
    return measure_all("analysis", scale, cases, PATIENCE[scale], progress)
