"""Patterns of brains, one for each observation of a stimulus, and RDMs of them.

Files are those of rsatoolbox's `Dataset.save` (HDF5), and images of brains (NIfTI).
"""

from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import xarray as xr
from jaxtyping import Float

from ensemble_rsa.arrays import check_finite
from ensemble_rsa.errors import InputError
from ensemble_rsa.interop.descriptors import RUNNING_NUMBER, columns
from ensemble_rsa.interop.labelled import RdmRows
from ensemble_rsa.interop.rsatoolbox import read_group
from ensemble_rsa.rdm.build import compute_rdm

MEASUREMENTS, CROSSNOBIS = "measurements", "crossnobis"
MISSING = "n/a"  # in tables of BIDS


class Patterns(NamedTuple):
    """Patterns, what is known of each observation, and of all."""

    values: Float[np.ndarray, "stimulus unit"]
    of_observations: dict[str, np.ndarray]
    of_all: dict[str, Any]


def dataset_patterns(path: Path) -> Patterns:
    """Return the patterns of a file that rsatoolbox's `Dataset.save` wrote.

    Raises:
        InputError: no patterns `(observation, channel)`, NaN or inf, or descriptors that do not
            fit.
    """
    with h5py.File(path, "r") as file:
        stored: Any = file[MEASUREMENTS]
        values = np.asarray(stored, np.float64)
        of_observations, of_all = (
            read_group(file[name]) if name in file else {}
            for name in ("obs_descriptors", "descriptors")
        )
    if values.ndim != 2:
        raise InputError(
            f"reference: {path.name}: expected measurements (observation, channel), got shape "
            f"{values.shape}; average a TemporalDataset over time first"
        )
    check_finite(f"reference, {path.name}", values)
    described = columns(f"reference, {path.name}, obs_descriptors", of_observations, len(values))
    scalars = {
        key: value.item() if isinstance(value, np.generic) else value
        for key, value in of_all.items()
        if isinstance(value, str | int | float | np.generic)
    }
    return Patterns(values, described, scalars)


def check_ids(path: Path, patterns: Patterns, descriptor: str) -> None:
    """Raise if the descriptor that holds the ids of stimuli is missing in some observations."""
    ids = patterns.of_observations.get(descriptor, np.array([]))
    if lacking := sum(str(each).strip() in ("", MISSING) for each in ids.tolist()):
        raise InputError(
            f"reference: {path.name}: expected an id of the stimulus in {descriptor!r} for each of "
            f"{len(ids)} observations, got {lacking} that are empty or {MISSING!r}"
        )


def as_data_array(patterns: Patterns, descriptor: str) -> xr.DataArray:
    """Return patterns `(stimulus, unit)` with their descriptors, `descriptor` as the stimuli."""
    renamed = {
        "stimulus"
        if key == descriptor
        else f"observation_{key}"
        if key == "stimulus"
        else key: column
        for key, column in patterns.of_observations.items()
    }
    coordinates = {key: ("stimulus", column) for key, column in renamed.items()}
    return xr.DataArray(patterns.values, coordinates, ("stimulus", "unit"), attrs=patterns.of_all)


def rdm_of_patterns(
    path: Path, patterns: Patterns, descriptor: str, distance: str, folds: str | None = None
) -> RdmRows:
    """Return the RDM of the mean pattern of each stimulus, as rsatoolbox's `calc_rdm` does.

    Observations with the same value of `descriptor` are averaged; stimuli come in the order of
    their first observation. Without that descriptor each observation is a stimulus. Of other
    descriptors those are kept that have one value for each stimulus. For crossnobis, `folds` is
    the descriptor that says which observations have independent noise, which is not weighted.
    """
    check_ids(path, patterns, descriptor)
    described = patterns.of_observations
    ids = described.get(descriptor)
    if ids is None:
        if described and descriptor != "stimulus":
            raise InputError(
                f"descriptor: {path.name}: expected one of {', '.join(described)}, got "
                f"{descriptor!r}"
            )
        ids = np.arange(len(patterns.values))
    _, first, codes = np.unique(ids, return_index=True, return_inverse=True)
    order = np.argsort(first)
    codes = np.argsort(order)[codes]
    counts = np.bincount(codes)
    means = np.zeros((len(counts), patterns.values.shape[1]))
    np.add.at(means, codes, patterns.values)
    if len(counts) < 2:
        raise InputError(f"reference: {path.name}: expected two stimuli or more, got {len(counts)}")
    if distance == CROSSNOBIS:
        if folds not in described:
            listed = ", ".join(described) or "none"
            raise InputError(
                f"folds: {path.name}: expected the descriptor of observations whose noise is "
                f"independent, such as a run ({listed}), got {folds!r}"
            )
        how = {"stimuli": codes, "folds": described[folds]}
        rdm = compute_rdm(patterns.values, CROSSNOBIS, "float64", **how)
    elif folds is not None:
        raise InputError(f"folds: expected none for the distance {distance!r}, got {folds!r}")
    else:
        rdm = compute_rdm(means / counts[:, None], distance, precision="float64")
    first = first[order]
    kept = {
        key: column[first]
        for key, column in described.items()
        if key != RUNNING_NUMBER and np.array_equal(column[first][codes], column)
    }
    about = {key: [value] for key, value in patterns.of_all.items()}
    return RdmRows(np.asarray(rdm)[None], about, kept, {"distance": distance})
