"""Reference RDMs of brains or behaviour from files: rsatoolbox's HDF5, MATLAB structs, NumPy.

MATLAB files hold a struct array with the fields `RDM` and `name`, as those of the 92 images of
Kriegeskorte et al. 2008 (doi:10.1016/j.neuron.2008.10.043) that come with rsatoolbox: names are
`region | subject | session`, `measure | subject`, or free. Pickled objects are refused, since
reading them runs code.
"""

from pathlib import Path
from typing import Any

import numpy as np
import scipy.io
import xarray as xr
from scipy.io.matlab import MatReadError

from ensemble_rsa.arrays import check_rdms
from ensemble_rsa.errors import InputError, first_line
from ensemble_rsa.files import as_path
from ensemble_rsa.interop.labelled import RdmRows, from_rows, rdm_rows
from ensemble_rsa.interop.rsatoolbox import load_rdms

SUBJECT = "subject"
_AXES = "(subject, stimulus_pair)"
ENDINGS = (".h5", ".hdf5", ".mat", ".npy", ".npz")
_PARTS = {2: ("measure", SUBJECT), 3: ("region", SUBJECT, "session")}  # of a name in MATLAB
_UNREADABLE = (
    OSError,
    ValueError,
    TypeError,
    KeyError,
    NotImplementedError,
    EOFError,
    MatReadError,
)


def load_reference(path: str | Path, variable: str | None = None) -> xr.Dataset:
    """Read RDMs of subjects from a file, NaN where a distance is missing.

    Args:
        path: ends in `.h5` or `.hdf5` (rsatoolbox's `RDMs.save`, or `save_rdms`), `.mat`, `.npy` or
            `.npz`.
        variable: which variable of a MATLAB or NumPy file holds RDMs; it may be left out if only
            one does.

    Returns:
        `exemplar (rdm, stimulus_pair)`, with descriptors as coordinates, such as `subject`.

    Raises:
        InputError: no such file, another ending, a pickle, no RDMs in it, or several variables.
    """
    path = as_path("reference", path)
    if path.suffix.lower() in (".pkl", ".pickle", ".pkl3"):
        raise InputError(
            f"reference: {path.name} is a pickle, which would run code when read; save the RDMs as "
            "HDF5 (rsatoolbox: rdms.save('rdms.h5', file_type='hdf5'))"
        )
    if path.suffix.lower() not in ENDINGS:
        raise InputError(f"reference: expected one of {', '.join(ENDINGS)}, got {path.name!r}")
    if not path.is_file():
        raise InputError(f"reference: {path}: no such file")
    if path.suffix.lower() in (".h5", ".hdf5"):
        return from_rows(rdm_rows(load_rdms(path)))
    try:
        read = _matlab_rows if path.suffix.lower() == ".mat" else _numpy_rows
        return from_rows(read(path, variable))
    except InputError:
        raise
    except _UNREADABLE as error:
        advice = "; MATLAB: save with -v7" if isinstance(error, NotImplementedError) else ""
        raise InputError(
            f"reference: {path}: cannot be read ({first_line(error)}){advice}"
        ) from None


def one_per_subject(reference: xr.Dataset) -> xr.Dataset:
    """Return the mean RDM of each subject, where several have the same descriptor `subject`.

    Sessions of one person are no independent sample. A distance that some sessions lack is the mean
    of the others.

    >>> twice = {"subject": ("rdm", ["BE", "BE"]), "session": ("rdm", [1, 2])}
    >>> rdms = xr.Dataset({"exemplar": (("rdm", "stimulus_pair"), [[1.0], [3.0]])}, twice)
    >>> one_per_subject(rdms).exemplar.values.tolist()
    [[2.0]]
    """
    if SUBJECT not in reference.coords or reference[SUBJECT].dims != ("rdm",):
        return reference
    subjects = list(dict.fromkeys(reference[SUBJECT].values.tolist()))
    if len(subjects) == reference.sizes["rdm"]:
        return reference
    rows = []
    for subject in subjects:
        own = reference.exemplar.values[reference[SUBJECT].values == subject].astype(np.float64)
        known = ~np.isnan(own)
        with np.errstate(invalid="ignore"):
            rows.append(np.where(known, own, 0).sum(0) / known.sum(0))
    of_rdms = [name for name, column in reference.coords.items() if "rdm" in column.dims]
    result = reference.drop_vars(["exemplar", *of_rdms]).assign(
        exemplar=(("rdm", "stimulus_pair"), np.stack(rows))
    )
    return result.assign_coords({SUBJECT: ("rdm", subjects)})


def _matlab_rows(path: Path, variable: str | None) -> RdmRows:
    found = {
        name: value
        for name, value in scipy.io.loadmat(path).items()
        if isinstance(value, np.ndarray) and "RDM" in (value.dtype.names or ())
    }
    structs = _chosen(path, found, variable).ravel(order="C")
    condensed = [
        check_rdms("reference", np.squeeze(one["RDM"]), 1, _AXES, "drop")[0] for one in structs
    ]
    names = [_text(one["name"]) if "name" in (structs.dtype.names or ()) else "" for one in structs]
    parts = [[part.strip() for part in name.split("|")] for name in names]
    columns: dict[str, Any] = {"name": names}
    if len({len(part) for part in parts}) == 1 and len(parts[0]) in _PARTS:
        columns |= dict(zip(_PARTS[len(parts[0])], zip(*parts, strict=True), strict=True))
    rows = np.stack([np.asarray(row, np.float64) for row in condensed])
    return RdmRows(rows, {key: list(value) for key, value in columns.items()}, {}, {})


def _numpy_rows(path: Path, variable: str | None) -> RdmRows:
    content = np.load(path, allow_pickle=False)
    array = content
    if not isinstance(content, np.ndarray):
        with content:
            array = _chosen(path, {name: content[name] for name in content.files}, variable)
    rows, _ = check_rdms("reference", array, 2, _AXES, "drop")
    return RdmRows(np.asarray(rows, np.float64).reshape(-1, rows.shape[-1]), {}, {}, {})


def _chosen(path: Path, found: dict[str, np.ndarray], variable: str | None) -> np.ndarray:
    """The variable of this name, or the only one."""
    listed = ", ".join(found) or "none"
    if variable is not None and variable in found:
        return found[variable]
    if variable is None and len(found) == 1:
        return next(iter(found.values()))
    wanted = "one variable with RDMs" if variable is None else f"a variable {variable!r} with RDMs"
    raise InputError(f"reference: {path.name}: expected {wanted}, there are: {listed}")


def _text(value: Any) -> str:
    return str(np.squeeze(value)) if np.size(value) else ""
