"""RDMs in NumPy files: bare arrays, or RDMs that Net2Brain saved."""

from pathlib import Path
from typing import Any

import numpy as np

from ensemble_rsa.arrays import check_rdms, stimuli_of_pairs
from ensemble_rsa.errors import InputError
from ensemble_rsa.interop.labelled import RdmRows
from ensemble_rsa.interop.reference_files.variables import AXES, chosen, refuse_variable

_OF_NET2BRAIN = {"rdm", "layer_name"}
_STIMULI = "stimuli_name"


def numpy_rows(path: Path, variable: str | None) -> RdmRows:
    """Return the RDMs of a `.npy` file, or of one array of a `.npz` file.

    What Net2Brain's `LayerRDM.save` wrote is recognised: `rdm`, `layer_name` and `stimuli_name`;
    its `meta`, a pickle, is not read.
    """
    content = np.load(path, allow_pickle=False)
    if isinstance(content, np.ndarray):
        refuse_variable(path, variable)
        return _rows(content)
    with content:
        arrays = {
            name: array for name in content.files if (array := _plain(content, name)) is not None
        }
        is_net2brain = {*content.files} >= _OF_NET2BRAIN and "rdm" in arrays
    if is_net2brain:
        refuse_variable(path, variable)
        return _of_net2brain(path, arrays)
    numbers = {name: array for name, array in arrays.items() if array.dtype.kind in "biuf"}
    return _rows(chosen(path, numbers, variable))


def _plain(content: Any, name: str) -> np.ndarray | None:
    """Return an array of an archive, or nothing if only pickle could read it."""
    try:
        return content[name]
    except ValueError as error:
        if "allow_pickle" in str(error):
            return None
        raise


def _rows(array: np.ndarray, least_axes: int = 2) -> RdmRows:
    rows, _ = check_rdms("reference", array, least_axes, AXES, "drop")
    return RdmRows(np.asarray(rows, np.float64).reshape(-1, rows.shape[-1]), {}, {}, {})


def _of_net2brain(path: Path, arrays: dict[str, np.ndarray]) -> RdmRows:
    rows = _rows(arrays["rdm"], least_axes=1)
    layer = arrays.get("layer_name")
    of_rdm = {} if layer is None else {"layer": [str(layer)] * len(rows.rdms)}
    names = arrays.get(_STIMULI)
    if names is None:
        return rows._replace(rdm_descriptors=of_rdm)
    n_stimuli = stimuli_of_pairs("reference", rows.rdms.shape[1])
    if names.size != n_stimuli:
        raise InputError(
            f"reference: {path.name}: expected a name for each of {n_stimuli} stimuli, got "
            f"{names.size}"
        )
    return rows._replace(
        rdm_descriptors=of_rdm, pattern_descriptors={"stimulus": names.ravel().astype(str)}
    )
