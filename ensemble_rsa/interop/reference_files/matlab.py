"""RDMs in MATLAB files: arrays of structs with the field `RDM`, or results of Meadows.

The files of the 92 images of Kriegeskorte et al. 2008 (doi:10.1016/j.neuron.2008.10.043), which
come with rsatoolbox's demonstrations, are arrays of structs with the fields `RDM`, `name` and
`color`. Names are `region | subject | session`, `measure | subject`, or free.
"""

from pathlib import Path
from typing import Any

import numpy as np
import scipy.io

from ensemble_rsa.arrays import check_rdms, stimuli_of_pairs
from ensemble_rsa.errors import InputError
from ensemble_rsa.interop.labelled import RdmRows
from ensemble_rsa.interop.reference_files.meadows import is_meadows, rows_of_matlab
from ensemble_rsa.interop.reference_files.variables import AXES, chosen, refuse_variable, same_size

_FIELD, _NAME = "RDM", "name"
_PARTS = {2: ("measure", "subject"), 3: ("region", "subject", "session")}  # of a name


def matlab_rows(path: Path, variable: str | None) -> RdmRows:
    """Return the RDMs of a MATLAB file with what their names say, and what it says of stimuli.

    Another array of structs, with one struct for each stimulus, describes the stimuli: its fields
    that hold a number or a text are their descriptors.
    """
    content = {
        name: value
        for name, value in scipy.io.loadmat(path).items()
        if isinstance(value, np.ndarray)
    }
    if is_meadows(content):
        refuse_variable(path, variable)
        return rows_of_matlab(path, content)
    found = {name: value for name, value in content.items() if _FIELD in (value.dtype.names or ())}
    structs = chosen(path, found, variable).ravel(order="C")
    if not structs.size:
        raise InputError(f"reference: {path.name}: expected structs with RDMs, got none")
    names = [_text(one[_NAME]) if _NAME in structs.dtype.names else "" for one in structs]
    condensed = [
        check_rdms(f"reference, {name or f'struct {i}'}", np.squeeze(one[_FIELD]), 1, AXES, "drop")
        for i, (one, name) in enumerate(zip(structs, names, strict=True))
    ]
    rows = same_size(path, [np.asarray(row, np.float64) for row, _ in condensed], names)
    return RdmRows(
        rows, _of_names(names), _of_stimuli(content, stimuli_of_pairs("rdms", rows.shape[1])), {}
    )


def _of_names(names: list[str]) -> dict[str, list[str]]:
    parts = [[part.strip() for part in name.split("|")] for name in names]
    columns: dict[str, list[str]] = {"name": names} if any(names) else {}
    if len({len(part) for part in parts}) == 1 and len(parts[0]) in _PARTS:
        columns |= {
            key: list(column)
            for key, column in zip(_PARTS[len(parts[0])], zip(*parts, strict=True), strict=True)
        }
    return columns


def _of_stimuli(content: dict[str, np.ndarray], n_stimuli: int) -> dict[str, list[Any]]:
    """Descriptors of stimuli in an array of as many structs, none if several are that long."""
    found = [
        value.ravel(order="C")
        for value in content.values()
        if value.dtype.names and _FIELD not in value.dtype.names and value.size == n_stimuli
    ]
    if len(found) != 1:
        return {}
    columns = {}
    for field in found[0].dtype.names or ():
        values = [np.asarray(one[field]) for one in found[0]]
        if all(value.size == 1 and value.dtype.kind in "biufU" for value in values):
            columns[field] = [value.item() for value in values]
    return columns


def _text(value: Any) -> str:
    return str(np.squeeze(value)) if np.size(value) else ""
