"""One reference file, or the images of one subject, of whatever format they are."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import h5py
from scipy.io.matlab import MatReadError

from ensemble_rsa.errors import InputError, first_line
from ensemble_rsa.files import as_path
from ensemble_rsa.interop.labelled import RdmRows, rdm_rows
from ensemble_rsa.interop.reference_files.imaging import image_patterns, is_image
from ensemble_rsa.interop.reference_files.matlab import matlab_rows
from ensemble_rsa.interop.reference_files.meadows import meadows_json_rows
from ensemble_rsa.interop.reference_files.numpy_files import numpy_rows
from ensemble_rsa.interop.reference_files.paths import Located, filled
from ensemble_rsa.interop.reference_files.patterns import (
    MEASUREMENTS,
    Patterns,
    dataset_patterns,
    rdm_of_patterns,
)
from ensemble_rsa.interop.reference_files.variables import refuse_variable
from ensemble_rsa.interop.rsatoolbox import load_rdms

STIMULUS = "stimulus"
DEFAULT_DISTANCE = "correlation"  # ours, between patterns
ENDINGS = (".h5", ".hdf5", ".mat", ".json", ".npy", ".npz", ".nii", ".nii.gz")
_OF_VARIABLES = {".mat": matlab_rows, ".json": meadows_json_rows}
_OF_VARIABLES |= {".npy": numpy_rows, ".npz": numpy_rows}
_UNREADABLE = (
    OSError,
    ValueError,
    TypeError,
    KeyError,
    NotImplementedError,
    EOFError,
    RuntimeError,
    MatReadError,
)


def check_ending(path: Path) -> None:
    """Raise unless a format of reference files ends so, with advice for pickles."""
    name = path.name.lower()
    if name.endswith((".pkl", ".pickle", ".pkl3")):
        raise InputError(
            f"reference: {path.name} is a pickle, which would run code when read; save it as HDF5 "
            "(rsatoolbox: rdms.save('rdms.h5', file_type='hdf5'))"
        )
    if not name.endswith(ENDINGS):
        raise InputError(f"reference: expected one of {', '.join(ENDINGS)}, got {path.name!r}")


def by_subject(found: Sequence[Located]) -> list[list[Located]]:
    """Return the files by all fields of their paths but the stimulus."""
    groups: dict[tuple[str, ...], list[Located]] = {}
    for one in found:
        key = tuple(value for name, value in one.fields.items() if name != STIMULUS)
        groups.setdefault(key, []).append(one)
    return list(groups.values())


def read_patterns(group: Sequence[Located], mask: str | Path | None) -> Patterns | None:
    """Read the patterns of a file, or of the images of a subject; None for a file of RDMs."""
    path = group[0].path
    if is_image(path):
        return _of_images(group, mask)
    if mask is not None:
        raise InputError(f"mask: expected none for {path.name}, which is no image (NIfTI)")
    if not path.is_file():
        raise InputError(f"reference: {path}: no such file")
    if path.suffix.lower() in (".h5", ".hdf5") and h5py.is_hdf5(path):
        with h5py.File(path, "r") as file:
            holds_patterns = MEASUREMENTS in file
        return _readable(path, lambda: dataset_patterns(path)) if holds_patterns else None
    return None


def read_rdms(
    group: Sequence[Located],
    variable: str | None,
    descriptor: str,
    distance: str | None,
    folds: str | None,
    mask: str | Path | None,
) -> RdmRows:
    """Read the RDMs of a file, or of the images of all stimuli of a subject."""
    path = group[0].path
    patterns = read_patterns(group, mask)
    if patterns is not None:
        refuse_variable(path, variable)
        return rdm_of_patterns(path, patterns, descriptor, distance or DEFAULT_DISTANCE, folds)
    for name, given in (("distance", distance), ("folds", folds)):
        if given is not None:
            raise InputError(
                f"{name}: expected none for {path.name}, which holds RDMs, got {given!r}"
            )
    read = _OF_VARIABLES.get(path.suffix.lower())
    if read is None:
        refuse_variable(path, variable)
        return rdm_rows(load_rdms(path))
    return _readable(path, lambda: read(path, variable))


def _readable(path: Path, read: Callable[[], Any]) -> Any:
    """Call a reader; an `InputError` names the file where its format's parser fails."""
    try:
        return read()
    except InputError:
        raise
    except _UNREADABLE as error:
        advice = "; MATLAB: save with -v7" if isinstance(error, NotImplementedError) else ""
        raise InputError(
            f"reference: {path}: cannot be read ({first_line(error)}){advice}"
        ) from None


def _of_images(group: Sequence[Located], mask: str | Path | None) -> Patterns:
    if mask is None:
        raise InputError(
            f"mask: expected an image of the voxels to read from {group[0].path.name}, got none"
        )
    fields = {key: value for key, value in group[0].fields.items() if key != STIMULUS}
    chosen = filled(as_path("mask", mask), fields)
    return image_patterns({one.fields.get(STIMULUS): one.path for one in group}, chosen)
