"""Evaluations against brains or behaviour that lie in a run's folder, for its report."""

import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import xarray as xr

from ensemble_rsa import files
from ensemble_rsa.errors import InputError
from ensemble_rsa.extraction.stored import fits
from ensemble_rsa.interop.rsatoolbox import load_rdms
from ensemble_rsa.report.evaluation import StoredEvaluation
from ensemble_rsa.runs import run_folder
from ensemble_rsa.store.reader import RdmStore, is_begun, open_store

EVALUATION, OF_RDMS = "evaluation", "rdms"
AGAIN = "run `ensemble-rsa evaluate` again, or remove its folder"
_AT_ONCE = 2**22  # distances of a store


def fingerprint(rdms: xr.Dataset | RdmStore) -> str:
    """Return a hash of RDMs, their layers, and their stimuli if they have ids.

    It is the same for RDMs in memory and in a store, which are read part by part.

    >>> rdms = xr.Dataset({"exemplar": ("stimulus_pair", [0.5])}, {"stimulus": ["a", "b"]})
    >>> fingerprint(rdms) == fingerprint(rdms.assign_coords(stimulus=["a", "c"]))
    False
    """
    labels, found = rdms.dataset if isinstance(rdms, RdmStore) else rdms, hashlib.sha256()
    for part in _distances(rdms):
        found.update(np.ascontiguousarray(part, np.float32).tobytes())
    for name in ("layer", "stimulus"):
        if name in labels.coords:
            found.update("\0".join(map(str, labels[name].values.tolist())).encode())
    return found.hexdigest()[:16]


def _distances(rdms: xr.Dataset | RdmStore) -> Iterator[np.ndarray]:
    """All distances in order: those of a store in parts that fit into memory."""
    if not isinstance(rdms, RdmStore):
        yield rdms.exemplar.values
        return
    stack = rdms.exemplar
    for number in stack.numbers.ravel().tolist():
        for start in range(0, stack.n_pairs, _AT_ONCE):
            yield stack.read(number, start, min(start + _AT_ONCE, stack.n_pairs))


def stored_evaluations(folder: Path) -> list[StoredEvaluation]:
    """Return the evaluations in a run's folder, in the order of their names.

    Raises:
        InputError: a damaged file; the message names it.
    """
    paths = sorted(folder.glob(f"{EVALUATION}-*/{EVALUATION}.nc"))
    if not paths:
        return []
    now = _current(folder)
    datasets = [files.read_dataset(path, AGAIN) for path in paths]
    return [
        StoredEvaluation(dataset, path.with_suffix(".png"), dataset.attrs.get(OF_RDMS, "") != now)
        for dataset, path in zip(datasets, paths, strict=True)
        if path.with_suffix(".png").is_file()
    ]


def _current(folder: Path) -> str:
    """The fingerprint of the RDMs in a folder; empty where none can be read, or not all yet."""
    rdms, store = folder / run_folder.RDMS, folder / run_folder.STORE
    if rdms.is_file():
        return fingerprint(load_rdms(rdms))
    if not store.exists() or is_begun(store):
        return ""
    with contextlib.suppress(InputError):  # a damaged one is named by who needs its RDMs
        opened = open_store(store)
        if fits(opened.n_bytes):  # larger ones cannot be evaluated
            return fingerprint(opened)
    return ""
