"""The analyses side by side with the tools people use now, in one process.

    python benchmarks/analysis.py                  sizes of the paper: 10 instances, 1000 stimuli
    python benchmarks/analysis.py --stimuli 200    a quick look

Every figure is the median of several runs after one that is not counted (compilation, caches).
"""

import argparse
import os
import statistics
import time
import warnings
from collections.abc import Callable

import jax
import numpy as np
from rsatoolbox.rdm import RDMs, compare
from scipy.spatial.distance import pdist, squareform
from sklearn.manifold import smacof

from ensemble_rsa.analysis.bootstrap import bootstrap_consistency
from ensemble_rsa.analysis.consistency import consistency
from ensemble_rsa.analysis.mds import mds
from ensemble_rsa.analysis.random_categories import (
    random_assignments,
    random_category_consistency,
)

N_INSTANCES = 10
N_CATEGORIES = 10
N_UNITS = 2000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stimuli", type=int, default=1000, help="a multiple of 10")
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")  # of the other tools
    load = os.getloadavg()[0]
    print(
        f"{jax.devices()[0].device_kind}, {os.cpu_count()} cores, {load:.1f} jobs running at the "
        f"start; {N_INSTANCES} instances, {arguments.stimuli} stimuli, medians of "
        f"{arguments.repeats}"
    )
    activations = related_activations(arguments.stimuli)
    rdms = np.array([pdist(patterns, "correlation") for patterns in activations], np.float32)
    compare_consistency(rdms, arguments.repeats)
    compare_bootstrap(rdms, arguments.resamples, arguments.repeats)
    compare_random_categories(activations, arguments.repeats)
    compare_mds(rdms[0], arguments.repeats)


def related_activations(n_stimuli: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    categories = np.repeat(
        rng.normal(size=(N_CATEGORIES, N_UNITS)), n_stimuli // N_CATEGORIES, axis=0
    )
    shared = categories + 2 * rng.normal(size=(n_stimuli, N_UNITS))
    own = rng.normal(size=(N_INSTANCES, n_stimuli, N_UNITS))
    return np.maximum(shared + own, 0).astype(np.float32)


def compare_consistency(rdms: np.ndarray, repeats: int) -> None:
    theirs = RDMs(rdms)
    ours = seconds(lambda: consistency(rdms), repeats)
    report("consistency", "all pairs", "ours", ours)
    for tool, run in {
        "rsatoolbox": lambda: compare(theirs, theirs, "corr"),
        "NumPy corrcoef": lambda: np.corrcoef(rdms),
        "NumPy float32": lambda: corrcoef_in_float32(rdms),
    }.items():
        report("consistency", "all pairs", tool, seconds(run, repeats), ours)


def corrcoef_in_float32(rdms: np.ndarray) -> np.ndarray:
    centred = rdms - rdms.mean(-1, keepdims=True)
    centred /= np.sqrt(np.einsum("ij,ij->i", centred, centred))[:, None]
    return centred @ centred.T


def compare_bootstrap(rdms: np.ndarray, n_resamples: int, repeats: int) -> None:
    rng = np.random.default_rng(0)
    theirs = RDMs(rdms)

    def one_resample() -> None:
        drawn = theirs.subsample_pattern("index", rng.integers(theirs.n_cond, size=theirs.n_cond))
        compare(drawn, drawn, "corr")

    for over in ("pairs", "instances", "stimuli", "both"):
        run = lambda over=over: bootstrap_consistency(rdms, over=over, n_resamples=n_resamples)
        ours = seconds(run, repeats) / n_resamples
        report("bootstrap", f"{over}, per resample", "ours", ours)
        if over == "stimuli":
            theirs_each = seconds(one_resample, repeats)
            report("bootstrap", f"{over}, per resample", "rsatoolbox", theirs_each, ours)


def compare_random_categories(activations: np.ndarray, repeats: int, n_draws: int = 200) -> None:
    labels = np.arange(activations.shape[1]) % N_CATEGORIES

    def by_averaging() -> None:
        (assignment,) = random_assignments(labels, 1)
        rdms = [
            pdist([patterns[assignment == c].mean(0) for c in range(N_CATEGORIES)], "correlation")
            for patterns in activations
        ]
        np.corrcoef(rdms)

    run = lambda: random_category_consistency(activations, labels, n_draws)
    ours = seconds(run, repeats) / n_draws
    report("random categories", f"per draw of {n_draws}", "ours", ours)
    report("random categories", "per draw", "NumPy, SciPy", seconds(by_averaging, repeats), ours)


def compare_mds(rdm: np.ndarray, repeats: int, n_init: int = 4, max_iter: int = 300) -> None:
    square = squareform(rdm.astype(np.float64))
    stress = {}

    def by_us() -> None:
        result = mds(rdm, n_init=n_init, max_iter=max_iter, tolerance=0.0)
        stress["ours"] = float(result.stress)

    def by_scikit_learn() -> None:
        options = {"eps": 0, "random_state": 0, "init": None, "normalized_stress": False}
        points, _ = smacof(square, n_init=n_init, max_iter=max_iter, **options)
        stress["scikit-learn"] = float(np.sqrt(((rdm - pdist(points)) ** 2).sum() / (rdm**2).sum()))

    what = f"{n_init} starts, at most {max_iter} iterations"
    ours = seconds(by_us, repeats)
    report("MDS", what, "ours", ours, note=f"stress {stress['ours']:.5f}")
    theirs = seconds(by_scikit_learn, min(repeats, 2))
    report("MDS", what, "scikit-learn", theirs, ours, f"stress {stress['scikit-learn']:.5f}")


def seconds(run: Callable[[], object], repeats: int) -> float:
    """Median time of `run`; what it returns lies on the host, so nothing is left running."""
    run()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def report(
    analysis: str,
    what: str,
    tool: str,
    time_taken: float,
    ours: float | None = None,
    note: str = "",
) -> None:
    ratio = "" if ours is None else f"{time_taken / ours:8.1f} times ours"
    print(f"{analysis:18} {what:34} {tool:15} {time_taken * 1e3:12.3f} ms {ratio:20} {note}")


if __name__ == "__main__":
    main()
