"""RDMs to and from rsatoolbox: its `RDMs` objects, and files that `rsatoolbox.rdm.load_rdm` opens.

Files are HDF5, written and read with h5py alone; only `to_rsatoolbox` needs rsatoolbox itself.
"""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xarray as xr

from ensemble_rsa.arrays import check_finite, readable, stimuli_of_pairs
from ensemble_rsa.errors import InputError, RunError
from ensemble_rsa.files import as_path, atomic_path, unreadable
from ensemble_rsa.interop.descriptors import RUNNING_NUMBER
from ensemble_rsa.interop.labelled import RdmRows, as_grid, check_stimuli, from_rows, rdm_rows


def save_rdms(path: str | Path, rdms: xr.Dataset) -> None:
    """Write RDMs as a file that `rsatoolbox.rdm.load_rdm` opens; an older one is replaced.

    Args:
        path: ends in `.h5` or `.hdf5`.
        rdms: what `extract`, `load_rdms` or `label_rdms` returned. Coordinates become descriptors
            of RDMs and stimuli, attributes descriptors of the whole.

    Raises:
        InputError: another ending; no distance; attributes that are neither text nor numbers; NaN
            or inf.

    >>> import tempfile
    >>> from ensemble_rsa.interop.labelled import label_rdms
    >>> path = Path(tempfile.mkdtemp()) / "rdms.h5"
    >>> save_rdms(path, label_rdms([0.5], "cosine", {"instance": [0]}, {"stimulus": ["a", "b"]}))
    >>> load_rdms(path).stimulus.values.tolist()
    ['a', 'b']
    """
    path, rows = as_path("path", path), _finite_rows(rdms)
    check_ending("path", path)
    n = stimuli_of_pairs("rdms", rows.rdms.shape[1])
    whole = {name: _text_or_number(name, value) for name, value in rows.descriptors.items()}
    if "distance" not in whole:
        raise InputError("rdms: expected the attribute 'distance'; see assign_attrs")
    content = io.BytesIO()  # in memory, since HDF5 ends the process where a disk is full
    # Text beyond ASCII is stored in attributes, which may exceed 64 KB only from HDF5 1.8 on.
    with h5py.File(content, "w", libver=("v108", "v108")) as file:
        file.attrs["dissimilarity_measure"] = whole.pop("distance")
        file.create_group("descriptors").attrs.update({"source": "ensemble_rsa"} | whole)
        for name, length in (("rdm_descriptors", len(rows.rdms)), ("pattern_descriptors", n)):
            # rsatoolbox, too, numbers RDMs and stimuli that have no descriptor.
            numbered = {RUNNING_NUMBER: np.arange(length)}
            _write_columns(file.create_group(name), getattr(rows, name) or numbered)
        file.create_dataset(
            "dissimilarities", data=rows.rdms, chunks=(1, rows.rdms.shape[1]), fillvalue=np.nan
        )
    with atomic_path(path) as temporary:
        temporary.write_bytes(content.getbuffer())


def check_ending(argument: str, path: Path) -> None:
    """Raise unless `rsatoolbox.rdm.load_rdm` takes a file of this name for HDF5."""
    if not path.name.endswith((".h5", "hdf5")):
        raise InputError(
            f"{argument}: expected a name that ends in .h5 or .hdf5, got {path.name!r}"
        )


def load_rdms(
    path: str | Path,
    stimuli: Sequence[Any] | np.ndarray | None = None,
    descriptor: str = "stimulus",
) -> xr.Dataset:
    """Read RDMs that `save_rdms` or rsatoolbox's `RDMs.save` wrote.

    Args:
        path: an HDF5 file.
        stimuli: ids in the order that the RDMs must have; None accepts any.
        descriptor: the pattern descriptor that holds the ids.

    Returns:
        `exemplar (layer, instance, stimulus_pair)` if the file holds an RDM for each layer and
        instance, else `exemplar (rdm, stimulus_pair)`. Descriptors of RDMs and stimuli are
        coordinates, those of the whole attributes; the distance is the attribute `distance`.

    Raises:
        InputError: no such file, or none that holds RDMs; other stimuli, or another order of them
            (`ensemble_rsa.interop.labelled.reorder_stimuli` permutes RDMs).

    >>> import tempfile
    >>> from ensemble_rsa.interop.labelled import label_rdms
    >>> path = Path(tempfile.mkdtemp()) / "rdms.h5"
    >>> rdms = [[0.25, 0.5, 1.0], [1.0, 0.5, 0.25]]
    >>> known = {"instance": [0, 1]}, {"stimulus": ["a", "b", "c"]}
    >>> save_rdms(path, label_rdms(rdms, "correlation", *known))
    >>> load_rdms(path).exemplar.values.tolist()
    [[0.25, 0.5, 1.0], [1.0, 0.5, 0.25]]
    """
    path = as_path("path", path)
    if not path.is_file():
        raise InputError(f"path: {path}: no such file")
    try:
        with h5py.File(path, "r") as file:
            per_rdm, per_pattern, whole = (
                read_group(file[f"{kind}descriptors"]) for kind in ("rdm_", "pattern_", "")
            )
            if "dissimilarity_measure" in file.attrs:
                whole = {"distance": str(file.attrs["dissimilarity_measure"])} | whole
            rows = RdmRows(np.asarray(file["dissimilarities"]), per_rdm, per_pattern, whole)
    except (OSError, RuntimeError, KeyError) as error:
        if isinstance(error, KeyError):
            problem = f"expected RDMs in HDF5 as rsatoolbox writes them, but {error}"
            raise InputError(f"path: {path}: {problem}") from None
        raise unreadable(path, error, "expected RDMs in HDF5 as rsatoolbox writes them") from None
    return _labelled(rows, str(path), stimuli, descriptor)


def to_rsatoolbox(rdms: xr.Dataset) -> Any:
    """Return RDMs as an object of rsatoolbox, for its models, tests and plots.

    Args:
        rdms: what `extract`, `load_rdms` or `label_rdms` returned.

    Returns:
        An `rsatoolbox.rdm.RDMs` that shares no memory with the argument.

    Raises:
        InputError: NaN or inf, or no RDMs.
        RunError: rsatoolbox is not installed.
    """
    try:
        from rsatoolbox.rdm.rdms import RDMs
    except ImportError:
        raise RunError("rsatoolbox is not installed; run `pip install rsatoolbox`") from None
    rows = _finite_rows(rdms)
    per_rdm, per_pattern = (
        {name: column.tolist() for name, column in group.items()}
        for group in (rows.rdm_descriptors, rows.pattern_descriptors)
    )
    whole = dict(rows.descriptors)
    return RDMs(rows.rdms, whole.pop("distance", None), whole, per_rdm, per_pattern)


def from_rsatoolbox(
    rdms: Any,
    stimuli: Sequence[Any] | np.ndarray | None = None,
    descriptor: str = "stimulus",
) -> xr.Dataset:
    """Return the RDMs and descriptors of an `rsatoolbox.rdm.RDMs`, as copies.

    The other arguments, the result and the errors are those of `load_rdms`.
    """
    needed = ("dissimilarities", "dissimilarity_measure", "rdm_descriptors", "pattern_descriptors")
    if not all(hasattr(rdms, name) for name in needed):
        raise InputError(f"rdms: expected an rsatoolbox.rdm.RDMs, got {type(rdms).__name__}")
    distance = rdms.dissimilarity_measure
    whole = ({} if distance is None else {"distance": distance}) | dict(rdms.descriptors)
    values = np.array(rdms.dissimilarities)
    rows = RdmRows(values, rdms.rdm_descriptors, rdms.pattern_descriptors, whole)
    return _labelled(rows, "rdms", stimuli, descriptor)


def _labelled(rows: RdmRows, name: str, stimuli: Any, descriptor: str) -> xr.Dataset:
    """Return RDMs as a data set; raise if `stimuli` are given and theirs are others."""
    rdms = as_grid(from_rows(rows))
    if stimuli is not None:
        check_stimuli(name, rdms, stimuli, descriptor)
    return rdms


def _finite_rows(rdms: xr.Dataset) -> RdmRows:
    rows = rdm_rows(rdms)
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes inf, and is refused
        narrow = rows.rdms.astype(np.float32)
    check_finite("rdms", narrow)
    return rows._replace(rdms=narrow)


def _text_or_number(name: str, value: Any) -> Any:
    if not isinstance(value, str | int | float | np.number):
        raise InputError(f"descriptors[{name!r}]: expected text or a number, got {value!r}")
    return readable(value) if isinstance(value, str) else value  # h5py cannot store NumPy text


def _write_columns(group: h5py.Group, columns: Mapping[str, np.ndarray]) -> None:
    for name, column in columns.items():
        if column.dtype.kind != "U":
            group[name] = column
        elif all(text.isascii() for text in column.tolist()):
            group[name] = column.astype("S")
        else:
            # rsatoolbox decodes text in data sets as ASCII, but leaves attributes as they are.
            group.attrs[name] = column.astype(h5py.string_dtype())


def read_group(group: Any) -> dict[str, Any]:
    """Return the descriptors in a group of an HDF5 file, with text decoded."""
    values = dict(group.attrs)
    for name, item in group.items():
        if not isinstance(item, h5py.Dataset):
            raise KeyError(f"{item.name} is nested, which is not supported")
        values[name] = None if item.shape is None else item[()]
    return {name: _as_text(value) for name, value in values.items()}


def _as_text(value: Any) -> Any:
    """Return bytes and objects as text; anything else as it is."""
    kind = np.asarray(value).dtype.kind
    if kind == "S":
        return np.char.decode(value, "utf-8")[()]
    return np.asarray(value).astype(str) if kind == "O" else value
