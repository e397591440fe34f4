"""Time and memory of `compute_rdm` beside rsatoolbox, NumPy and SciPy, in one process.

    python benchmarks/rdm.py --stimuli 1000 --units 36864 98304

The methods take turns, so that other work on the machine slows all of them alike; the median of
`--repeats` turns counts, after one that does not. NumPy's way is the short one (centre, normalise,
1 − Z Zᵀ, in float32), which does not keep the accuracy that `compute_rdm` promises. The error is
against float64 on the same input, in units of the largest distance. Extra memory is what a call
adds to the process at its peak; it is read from /proc, so elsewhere than on Linux it is missing.
"""

import argparse
import ctypes
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
from scipy.spatial.distance import pdist

from ensemble_rsa.rdm.build import compute_rdm
from ensemble_rsa.rdm.distances import DISTANCES

OURS = "ensemble_rsa"
MOST_FOR_SCIPY = 2e9  # pairs × units: some seconds
Method = Callable[[np.ndarray], np.ndarray]


def numpy_float32(distance: str) -> Method | None:
    """The short way in float32, for distances that are 1 − Z Zᵀ."""
    if distance not in ("correlation", "cosine"):
        return None

    def run(activations):
        centred = distance == "correlation"
        z = activations - activations.mean(1, keepdims=True) if centred else activations.copy()
        z /= np.linalg.norm(z, axis=1, keepdims=True)
        return (1 - z @ z.T)[np.triu_indices(len(z), 1)]

    return run


def rsatoolbox(distance: str) -> Method | None:
    """rsatoolbox's own method; its Euclidean distance is squared and divided by the units."""
    if distance not in ("correlation", "euclidean"):
        return None
    try:
        from rsatoolbox.data import Dataset
        from rsatoolbox.rdm import calc_rdm
    except ImportError:
        return None

    def run(activations):
        rdm = calc_rdm(Dataset(activations), method=distance).dissimilarities[0]
        return rdm if distance == "correlation" else np.sqrt(rdm * activations.shape[1])

    return run


def scipy(distance: str) -> Method | None:
    """SciPy, pair by pair, in float64."""
    if distance not in ("correlation", "cosine", "euclidean"):
        return None
    return lambda activations: pdist(activations, distance)


def exact(activations: np.ndarray, distance: str) -> np.ndarray:
    """All distances in float64, from products of patterns around their mean."""
    patterns = activations.astype(np.float64)
    if distance == "norm_difference":
        return pdist(np.linalg.norm(patterns, axis=1)[:, None])
    if distance == "correlation":
        patterns -= patterns.mean(1, keepdims=True)
    if distance != "euclidean":
        patterns /= np.linalg.norm(patterns, axis=1, keepdims=True)
    patterns -= patterns.mean(0)
    gram = patterns @ patterns.T
    lengths = np.diagonal(gram)
    squares = np.maximum(lengths[:, None] + lengths - 2 * gram, 0)[np.triu_indices(len(gram), 1)]
    return squares / 2 if distance in ("correlation", "cosine") else np.sqrt(squares)


def memory(line: str) -> float:
    """Memory of this process in MB: `VmRSS` now, `VmHWM` at its peak; NaN if it cannot be read."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return float("nan")
    return next(int(row.split()[1]) for row in status.splitlines() if row.startswith(line)) / 1024


def forget_peak() -> None:
    """Hand freed memory back and let the peak begin at what is in use now."""
    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")
    except (OSError, AttributeError):
        return


def compare(n_stimuli: int, n_units: int, distance: str, repeats: int) -> None:
    """Print one table: a row per method."""
    noise = np.random.default_rng(0).standard_normal((n_stimuli, n_units), np.float32)
    activations = np.maximum(noise, 0)
    methods = {
        OURS: lambda x: np.asarray(compute_rdm(x, distance)),
        "numpy float32": numpy_float32(distance),
        "rsatoolbox": rsatoolbox(distance),
        "scipy": scipy(distance) if n_stimuli**2 / 2 * n_units < MOST_FOR_SCIPY else None,
    }
    methods = {name: method for name, method in methods.items() if method is not None}
    expected = exact(activations, distance)
    errors, extra = {}, {}
    for name, method in methods.items():
        method(activations)
        forget_peak()
        before = memory("VmRSS")
        errors[name] = np.abs(method(activations) - expected).max() / expected.max()
        extra[name] = memory("VmHWM") - before
    seconds = {name: [] for name in methods}
    for _ in range(repeats):
        for name, method in methods.items():
            began = time.perf_counter()
            method(activations)
            seconds[name].append(time.perf_counter() - began)
    typical = {name: statistics.median(times) for name, times in seconds.items()}
    print(f"\n{distance}, {n_stimuli} stimuli × {n_units} units, float32")
    print(f"{'':15}{'seconds':>10}{'× ours':>9}{'extra MB':>10}{'error':>10}")
    for name, median in typical.items():
        ratio = median / typical[OURS]
        print(f"{name:15}{median:10.4f}{ratio:9.1f}{extra[name]:10.0f}{errors[name]:10.0e}")


def main() -> None:
    """Compare at all sizes asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--stimuli", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--units", type=int, nargs="+", default=[1000, 36_864])
    parser.add_argument("--distances", nargs="+", default=["correlation"], choices=list(DISTANCES))
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    print(f"{jax.device_count()} × {jax.devices()[0].device_kind}, median of {arguments.repeats}")
    for distance in arguments.distances:
        for n_stimuli in arguments.stimuli:
            for n_units in arguments.units:
                compare(n_stimuli, n_units, distance, arguments.repeats)


if __name__ == "__main__":
    main()
