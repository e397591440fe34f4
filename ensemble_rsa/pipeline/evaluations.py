"""Evaluations against brains or behaviour that lie in a run's folder, for its report."""

import hashlib
from pathlib import Path

import numpy as np
import xarray as xr

from ensemble_rsa import files
from ensemble_rsa.interop.rsatoolbox import load_rdms
from ensemble_rsa.report.evaluation import StoredEvaluation
from ensemble_rsa.runs import run_folder

EVALUATION, OF_RDMS = "evaluation", "rdms"
AGAIN = "run `ensemble-rsa evaluate` again, or remove its folder"


def fingerprint(rdms: xr.Dataset) -> str:
    """Return a hash of RDMs, their layers, and their stimuli if they have ids.

    >>> rdms = xr.Dataset({"exemplar": ("stimulus_pair", [0.5])}, {"stimulus": ["a", "b"]})
    >>> fingerprint(rdms) == fingerprint(rdms.assign_coords(stimulus=["a", "c"]))
    False
    """
    found = hashlib.sha256(np.ascontiguousarray(rdms.exemplar.values, np.float32).tobytes())
    for name in ("layer", "stimulus"):
        if name in rdms.coords:
            found.update("\0".join(map(str, rdms[name].values.tolist())).encode())
    return found.hexdigest()[:16]


def stored_evaluations(folder: Path) -> list[StoredEvaluation]:
    """Return the evaluations in a run's folder, in the order of their names.

    Raises:
        InputError: a damaged file; the message names it.
    """
    paths = sorted(folder.glob(f"{EVALUATION}-*/{EVALUATION}.nc"))
    if not paths:
        return []
    rdms = folder / run_folder.RDMS
    now = fingerprint(load_rdms(rdms)) if rdms.is_file() else ""
    datasets = [files.read_dataset(path, AGAIN) for path in paths]
    return [
        StoredEvaluation(dataset, path.with_suffix(".png"), dataset.attrs.get(OF_RDMS, "") != now)
        for dataset, path in zip(datasets, paths, strict=True)
        if path.with_suffix(".png").is_file()
    ]
