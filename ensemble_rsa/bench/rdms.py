"""Distances between activation patterns, from memory and from a file, by us and by others.

NumPy's way is the short one in float32 (centre, normalise, 1 − Z Zᵀ), which does not keep the
accuracy that `compute_rdm` promises. rsatoolbox's Euclidean distance is squared and divided by the
number of units, so its root is taken.
"""

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from jaxtyping import Float
from scipy.spatial.distance import pdist

from ensemble_rsa.bench.jobs import (
    N_INSTANCES,
    OURS,
    Job,
    Routine,
    Size,
    Way,
    optional,
    related_activations,
)
from ensemble_rsa.errors import RunError
from ensemble_rsa.rdm.build import compute_rdm

Patterns = Float[np.ndarray, "stimulus unit"]
Condensed = Float[np.ndarray, " stimulus_pair"]

_CHECKED = 100  # stimuli whose distances are compared with float64: a pair needs no other stimuli
_SPARE_DISK = 2**28  # bytes to leave free


def rdm_routine(distance: str) -> Routine:
    """The routine of one of the five distances.

    >>> rdm_routine("cosine").name
    'RDM, cosine'
    """
    return Routine(
        name=f"RDM, {distance}",
        prepare=partial(_prepare, distance),
        work=lambda size: size.stimuli**2 * size.units,
        memory=lambda size: 16 * size.stimuli * size.units + 32 * size.stimuli**2,
    )


def _prepare(distance: str, size: Size) -> Job:
    activations = related_activations(1, size.stimuli, size.units)[0]
    ways: dict[str, Way | None] = {
        OURS: Way(lambda: compute_rdm(activations, distance)),
        "NumPy": Way(lambda: _NUMPY[distance](activations)),
        "SciPy": Way(lambda: _scipy(activations, distance)),
    }
    if distance in _SCIKIT_LEARN:
        ways["scikit-learn"] = optional(_scikit_learn, activations, distance)
    if distance in _RSATOOLBOX:
        ways["rsatoolbox"] = optional(_rsatoolbox, lambda: activations, distance)
    return Job(ways, error=_error(activations, distance))


def _prepare_stored(size: Size) -> Job:
    with contextlib.ExitStack() as stack:
        dataset = stack.enter_context(_file_of(size))
        one = lambda: dataset[0]
        share = 1 / N_INSTANCES
        ways = {
            OURS: Way(lambda: compute_rdm(dataset)),
            "NumPy": Way(lambda: _NUMPY["correlation"](one()), share),
            "rsatoolbox": optional(_rsatoolbox, one, "correlation", share),
        }
        close = stack.pop_all().close
    return Job(ways, close=close)


# The others read one instance after the other: the first stands for all.
STORED = Routine(
    name=f"RDM, correlation, {N_INSTANCES} instances from HDF5",
    prepare=_prepare_stored,
    work=lambda size: size.stimuli**2 * size.units,
    memory=lambda size: 16 * size.stimuli * size.units + 32 * size.stimuli**2,
)


@contextlib.contextmanager
def _file_of(size: Size) -> Iterator[h5py.Dataset]:
    """`(instance, stimulus, unit)` on disk, in a temporary folder that is gone at the end."""
    shape = (N_INSTANCES, size.stimuli, size.units)
    folder = Path(tempfile.gettempdir())
    needed, free = 4 * int(np.prod(shape)) + _SPARE_DISK, shutil.disk_usage(folder).free
    if free < needed:
        raise RunError(f"needs {needed / 1e9:.1f} GB of temporary disk, {free / 1e9:.1f} are free")
    with (
        tempfile.TemporaryDirectory() as folder,
        h5py.File(Path(folder) / "activations.h5", "w") as file,
    ):
        dataset = file.create_dataset("activations", shape, np.float32)
        activations = related_activations(1, size.stimuli, size.units)[0]
        for instance in range(N_INSTANCES):  # alike, which changes neither time nor memory
            dataset[instance] = activations
        del activations
        yield dataset


def _error(activations: Patterns, distance: str) -> Callable[[Any], float]:
    """How to find the largest error, in units of the largest distance, among the first stimuli."""
    first = activations[:_CHECKED].astype(np.float64)
    expected = _scipy(first, distance)
    rows, columns = np.triu_indices(len(first), 1)
    places = rows * len(activations) - rows * (rows + 1) // 2 + columns - rows - 1

    def error(result):
        return float(np.abs(np.asarray(result)[places] - expected).max() / expected.max())

    return error


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


def _length_differences(patterns: Patterns) -> Condensed:
    lengths = np.linalg.norm(patterns, axis=1)
    return _upper(np.abs(lengths[:, None] - lengths))


_NUMPY: dict[str, Callable[[Patterns], Condensed]] = {
    "correlation": lambda x: _one_minus_products(x - x.mean(1, keepdims=True)),
    "cosine": _one_minus_products,
    "euclidean": _roots,
    "unit_euclidean": lambda x: _roots(_unit_length(x)),
    "norm_difference": _length_differences,
}


def _scipy(activations: Patterns, distance: str) -> Condensed:
    """Pair by pair, in float64."""
    if distance == "norm_difference":
        return pdist(np.linalg.norm(activations, axis=1)[:, None])
    if distance == "unit_euclidean":
        return pdist(_unit_length(activations))
    metric: Any = distance
    return pdist(activations, metric)


_SCIKIT_LEARN = ("cosine", "euclidean")  # its correlation is SciPy's


def _scikit_learn(activations: Patterns, distance: str) -> Way:
    from sklearn.metrics import pairwise_distances

    return Way(lambda: _upper(pairwise_distances(activations, metric=distance)))


_RSATOOLBOX = ("correlation", "euclidean")


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
