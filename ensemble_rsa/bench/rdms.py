"""Distances between activation patterns, from memory and from a file.

NumPy's way is the usual one in float32 (centre, normalise, 1 − Z Zᵀ), which does not keep the
accuracy that `compute_rdm` promises. rsatoolbox's Euclidean distance is squared and divided by the
number of units, so its root is taken.
"""

import contextlib
import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from jaxtyping import Float
from scipy.spatial.distance import pdist

from ensemble_rsa.bench.case import Job, Way, optional, ours
from ensemble_rsa.bench.inputs import N_INSTANCES, Routine, related_activations, relative_error
from ensemble_rsa.errors import RunError
from ensemble_rsa.rdm.build import compute_rdm
from ensemble_rsa.rdm.distances import DISTANCES

Patterns = Float[np.ndarray, "stimulus unit"]
Condensed = Float[np.ndarray, " stimulus_pair"]

_CHECKED = 100  # stimuli whose distances are compared with float64: a pair needs no other stimuli
_SPARE_DISK = 2**28  # bytes to leave free


def _prepare(distance: str, n_stimuli: int, n_units: int) -> Job:
    activations = related_activations(1, n_stimuli, n_units)[0]
    ways = {
        **ours(lambda: compute_rdm(activations, distance)),
        "NumPy": Way(lambda: _NUMPY[distance](activations)),
        "SciPy": Way(lambda: _scipy(activations, distance)),
    }
    if distance in ("cosine", "euclidean"):  # scikit-learn's correlation is SciPy's
        ways["scikit-learn"] = optional(_scikit_learn, activations, distance)
    if distance in ("correlation", "euclidean"):
        ways["rsatoolbox"] = optional(_rsatoolbox, lambda: activations, distance)
    return Job(ways, error=_error(activations, distance))


def _prepare_stored(n_stimuli: int, n_units: int) -> Job:
    """One file with all instances; other tools read one after the other, so that one is timed."""
    shape = (N_INSTANCES, n_stimuli, n_units)
    needed = 4 * int(np.prod(shape)) + _SPARE_DISK
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if free < needed:
        raise RunError(f"needs {needed / 1e9:.1f} GB of temporary disk, {free / 1e9:.1f} are free")
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        file = stack.enter_context(h5py.File(Path(folder) / "activations.h5", "w"))
        dataset = file.create_dataset("activations", shape, np.float32)
        activations = related_activations(1, n_stimuli, n_units)[0]
        for instance in range(N_INSTANCES):  # equal ones, which changes neither time nor memory
            dataset[instance] = activations
        one, share = lambda: dataset[0], 1 / N_INSTANCES
        ways = {
            **ours(lambda: compute_rdm(dataset)),
            "NumPy": Way(lambda: _NUMPY["correlation"](one()), share),
            "rsatoolbox": optional(_rsatoolbox, one, "correlation", share),
        }
        return Job(ways, close=stack.pop_all().close)


RDMS = {
    distance: Routine(f"RDM, {distance}", partial(_prepare, distance), 1, needs_units=True)
    for distance in DISTANCES
}
STORED_RDM = Routine(
    f"RDM, correlation, {N_INSTANCES} instances from HDF5", _prepare_stored, 1, needs_units=True
)


def _error(activations: Patterns, distance: str) -> Callable[[Any], float]:
    """How to find the error of a result, among the first stimuli."""
    first = activations[:_CHECKED].astype(np.float64)
    expected = _scipy(first, distance)
    rows, columns = np.triu_indices(len(first), 1)
    places = rows * len(activations) - rows * (rows + 1) // 2 + columns - rows - 1
    return lambda result: relative_error(np.asarray(result)[places], expected)


def _upper(square: Float[np.ndarray, "stimulus stimulus"]) -> Condensed:
    return square[np.triu_indices(len(square), 1)]


def _unit_length(patterns: Patterns) -> Patterns:
    return patterns / np.linalg.norm(patterns, axis=1, keepdims=True)


def _one_minus_products(patterns: Patterns) -> Condensed:
    unit = _unit_length(patterns)
    return _upper(1 - unit @ unit.T)


def _roots(patterns: Patterns) -> Condensed:
    squares = np.einsum("ij,ij->i", patterns, patterns)
    return np.sqrt(_upper(np.maximum(squares[:, None] + squares - 2 * (patterns @ patterns.T), 0)))


def _norm_differences(patterns: Patterns) -> Condensed:
    norms = np.linalg.norm(patterns, axis=1)
    return _upper(np.abs(norms[:, None] - norms))


_NUMPY: dict[str, Callable[[Patterns], Condensed]] = {
    "correlation": lambda x: _one_minus_products(x - x.mean(1, keepdims=True)),
    "cosine": _one_minus_products,
    "euclidean": _roots,
    "unit_euclidean": lambda x: _roots(_unit_length(x)),
    "norm_difference": _norm_differences,
}


def _scipy(activations: Patterns, distance: Any) -> Condensed:
    """Pair by pair, in float64."""
    if distance == "norm_difference":
        return pdist(np.linalg.norm(activations, axis=1)[:, None])
    if distance == "unit_euclidean":
        return pdist(_unit_length(activations))
    return pdist(activations, distance)


def _scikit_learn(activations: Patterns, distance: str) -> Way:
    from sklearn.metrics import pairwise_distances

    return Way(lambda: _upper(pairwise_distances(activations, metric=distance)))


def _rsatoolbox(read: Callable[[], Patterns], distance: str, share: float = 1.0) -> Way:
    from rsatoolbox.data.dataset import Dataset
    from rsatoolbox.rdm.calc import calc_rdm

    def call():
        activations = read()
        rdms: Any = calc_rdm(Dataset(activations), method=distance)
        distances = rdms.dissimilarities[0]
        if distance == "correlation":
            return distances
        return np.sqrt(distances * activations.shape[1])

    return Way(call, share)
