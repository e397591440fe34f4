"""RDMs to and from rsatoolbox: its `RDMs` objects, and files that `rsatoolbox.rdm.load_rdm` opens.

Files are HDF5, written and read with h5py alone; only `to_rsatoolbox` needs rsatoolbox itself.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from jaxtyping import Float

from ensemble_rsa.arrays import check_array, check_finite, stimuli_of_pairs
from ensemble_rsa.errors import InputError, RunError
from ensemble_rsa.files import atomic_path
from ensemble_rsa.interop.labelled import LabelledRdms, check_stimuli

Descriptors = Mapping[str, Sequence[Any] | np.ndarray]


@contextmanager
def rdm_file(
    path: str | Path,
    distance: str,
    rdm_descriptors: Descriptors,
    pattern_descriptors: Descriptors,
    descriptors: Mapping[str, Any] | None = None,
) -> Iterator[h5py.Dataset]:
    """Open a new file for RDMs that are written row by row, so that memory holds one at a time.

    The file gets its name when the block ends with all rows written, and not before.

    Args:
        path: ends in `.h5` or `.hdf5`, by which rsatoolbox knows the format.
        distance: how the RDMs were measured.
        rdm_descriptors: one value per RDM under each name; their length is the number of rows.
        pattern_descriptors: one value per stimulus under each name, likewise.
        descriptors: one text or number for all RDMs under each name.

    Yields:
        `(rdm, stimulus_pair)` in the file: assign a condensed RDM to each row.

    Raises:
        InputError: another ending; descriptors that are missing, of unequal lengths, or neither
            numbers nor strings.
        RunError: rows that were never written.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "rdms.h5"
    >>> layers, stimuli = {"layer": ["conv1", "conv2"]}, {"category": ["cat", "cat", "dog"]}
    >>> with rdm_file(path, "correlation", layers, stimuli) as rows:
    ...     for i in range(2):
    ...         rows[i] = np.full(3, i, np.float32)
    >>> load_rdms(path).rdms.tolist()
    [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]
    """
    path = Path(path)
    if not path.name.endswith((".h5", "hdf5")):
        raise InputError(f"path: expected a name that ends in .h5 or .hdf5, got {path.name!r}")
    columns = _columns("rdm_descriptors", rdm_descriptors)
    pattern_columns = _columns("pattern_descriptors", pattern_descriptors)
    if not columns or not pattern_columns:
        raise InputError("rdm_descriptors, pattern_descriptors: expected at least one of each")
    whole = {name: _text_or_number(name, value) for name, value in (descriptors or {}).items()}
    n_rdms = next(iter(columns.values())).size
    n_stimuli = next(iter(pattern_columns.values())).size
    n_pairs = n_stimuli * (n_stimuli - 1) // 2
    # Text beyond ASCII goes into attributes, and only from 1.8 on may these be larger than 64 KB.
    with (
        atomic_path(path) as temporary,
        h5py.File(temporary, "w", libver=("v108", "v108")) as file,
    ):
        file.attrs["dissimilarity_measure"] = distance
        file.create_group("descriptors").attrs.update({"source": "ensemble_rsa"} | whole)
        _write_columns(file.create_group("rdm_descriptors"), columns)
        _write_columns(file.create_group("pattern_descriptors"), pattern_columns)
        rows = file.create_dataset(
            "dissimilarities", (n_rdms, n_pairs), np.float32, chunks=(1, n_pairs), fillvalue=np.nan
        )
        yield rows
        missing = np.flatnonzero(np.isnan(rows[:, 0]))
        if missing.size:
            raise RunError(
                f"{path}: {missing.size} of {n_rdms} RDMs were not written, the first is row "
                f"{missing[0]}; no file was made"
            )


def save_rdms(
    path: str | Path,
    rdms: Any,
    distance: str,
    rdm_descriptors: Descriptors,
    pattern_descriptors: Descriptors,
    descriptors: Mapping[str, Any] | None = None,
) -> None:
    """Write RDMs as a file that `rsatoolbox.rdm.load_rdm` opens; an older one is replaced.

    Args:
        path: ends in `.h5` or `.hdf5`.
        rdms: `(..., stimulus_pair)`: leading axes become rows, the last of them running fastest.
        distance: how the RDMs were measured.
        rdm_descriptors: one value per row under each name.
        pattern_descriptors: one value per stimulus under each name.
        descriptors: one text or number for all RDMs under each name.

    Raises:
        InputError: NaN or inf; descriptors that do not fit the RDMs, or as for `rdm_file`.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "rdms.h5"
    >>> save_rdms(path, [0.5], "cosine", {"instance": [0]}, {"stimulus": ["a", "b"]})
    >>> load_rdms(path).pattern_descriptors["stimulus"].tolist()
    ['a', 'b']
    """
    rows = _rows(rdms)
    _check_descriptors(rows, rdm_descriptors, pattern_descriptors)
    with rdm_file(path, distance, rdm_descriptors, pattern_descriptors, descriptors) as file:
        for i, row in enumerate(rows):
            file[i] = row


def load_rdms(
    path: str | Path,
    stimuli: Sequence[Any] | np.ndarray | None = None,
    descriptor: str = "stimulus",
) -> LabelledRdms:
    """Read what `save_rdms`, `rdm_file` or rsatoolbox's `RDMs.save` wrote.

    Args:
        path: an HDF5 file.
        stimuli: ids in the order that the RDMs must have; None takes them as they are.
        descriptor: the pattern descriptor that holds the ids.

    Returns:
        The RDMs with all their descriptors.

    Raises:
        InputError: no such file, or none that holds RDMs; other stimuli, or another order of them
            (`ensemble_rsa.interop.labelled.reorder_stimuli` permutes RDMs).
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"path: {path}: no such file")
    try:
        with h5py.File(path, "r") as file:
            distance = file.attrs.get("dissimilarity_measure")
            rdms = LabelledRdms(
                np.asarray(file["dissimilarities"]),
                None if distance is None else str(distance),
                *(_read_group(file[f"{kind}descriptors"]) for kind in ("rdm_", "pattern_", "")),
            )
    except (OSError, KeyError) as error:
        raise InputError(
            f"path: {path}: expected RDMs in HDF5 as rsatoolbox writes them, but {error}"
        ) from None
    if stimuli is not None:
        check_stimuli(str(path), rdms, stimuli, descriptor)
    return rdms


def to_rsatoolbox(
    rdms: Any,
    distance: str | None,
    rdm_descriptors: Descriptors | None = None,
    pattern_descriptors: Descriptors | None = None,
    descriptors: Mapping[str, Any] | None = None,
) -> Any:
    """RDMs as an object of rsatoolbox, ready for its models, tests and plots.

    Args:
        rdms: `(..., stimulus_pair)`: leading axes become rows, the last of them running fastest.
        distance: how the RDMs were measured.
        rdm_descriptors: one value per row under each name.
        pattern_descriptors: one value per stimulus under each name.
        descriptors: one value for all RDMs under each name.

    Returns:
        An `rsatoolbox.rdm.RDMs` that shares nothing with the arguments.

    Raises:
        InputError: NaN or inf, or descriptors that do not fit the RDMs.
        RunError: rsatoolbox is not installed.
    """
    try:
        from rsatoolbox.rdm.rdms import RDMs
    except ImportError:
        raise RunError("rsatoolbox is not installed; run `pip install rsatoolbox`") from None
    rows = _rows(rdms)
    columns = _check_descriptors(rows, rdm_descriptors or {}, pattern_descriptors or {})
    per_rdm, per_pattern = (
        {name: column.tolist() for name, column in group.items()} for group in columns
    )
    whole = dict(descriptors or {})
    return RDMs(rows.copy(), distance, whole, per_rdm, per_pattern)


def from_rsatoolbox(
    rdms: Any,
    stimuli: Sequence[Any] | np.ndarray | None = None,
    descriptor: str = "stimulus",
) -> LabelledRdms:
    """The RDMs and descriptors of an `rsatoolbox.rdm.RDMs`, as copies.

    Args:
        rdms: an object of rsatoolbox.
        stimuli: ids in the order that the RDMs must have; None takes them as they are.
        descriptor: the pattern descriptor that holds the ids.

    Raises:
        InputError: something else than RDMs; other stimuli, or another order of them
            (`ensemble_rsa.interop.labelled.reorder_stimuli` permutes RDMs).
    """
    needed = ("dissimilarities", "dissimilarity_measure", "rdm_descriptors", "pattern_descriptors")
    if not all(hasattr(rdms, name) for name in needed):
        raise InputError(f"rdms: expected an rsatoolbox.rdm.RDMs, got {type(rdms).__name__}")
    labelled = LabelledRdms(
        np.array(rdms.dissimilarities),
        rdms.dissimilarity_measure,
        {name: np.array(values) for name, values in rdms.rdm_descriptors.items()},
        {name: np.array(values) for name, values in rdms.pattern_descriptors.items()},
        dict(rdms.descriptors),
    )
    if stimuli is not None:
        check_stimuli("rdms", labelled, stimuli, descriptor)
    return labelled


def _rows(rdms: Any) -> Float[np.ndarray, "rdm stimulus_pair"]:
    array = np.asarray(check_array("rdms", rdms, 1, "(..., stimulus_pair)"), np.float32)
    stimuli_of_pairs("rdms", array.shape[-1])
    check_finite("rdms", array)
    return array.reshape(-1, array.shape[-1])


def _check_descriptors(
    rows: np.ndarray, rdm_descriptors: Descriptors, pattern_descriptors: Descriptors
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    n_stimuli = stimuli_of_pairs("rdms", rows.shape[1])
    return (
        _columns("rdm_descriptors", rdm_descriptors, len(rows)),
        _columns("pattern_descriptors", pattern_descriptors, n_stimuli),
    )


def _columns(
    argument: str, descriptors: Descriptors, length: int | None = None
) -> dict[str, np.ndarray]:
    """Descriptors as arrays of numbers or text, of this length or all of the first one's."""
    columns = {}
    for name, values in descriptors.items():
        column = np.asarray(values)
        if column.dtype == object and all(isinstance(value, str) for value in column.flat):
            column = column.astype(str)
        what = f"{argument}[{name!r}]"
        if column.dtype.kind not in "biufU":
            raise InputError(f"{what}: expected numbers or text, got {column.dtype}")
        length = column.size if length is None else length
        if column.shape != (length,):
            raise InputError(f"{what}: expected {length} values, got shape {column.shape}")
        columns[name] = column
    return columns


def _text_or_number(name: str, value: Any) -> Any:
    if not isinstance(value, str | int | float | np.number):
        raise InputError(f"descriptors[{name!r}]: expected text or a number, got {value!r}")
    return str(value) if isinstance(value, str) else value  # HDF5 knows no text of NumPy's


def _write_columns(group: h5py.Group, columns: Mapping[str, np.ndarray]) -> None:
    for name, column in columns.items():
        if column.dtype.kind != "U":
            group[name] = column
        elif all(text.isascii() for text in column.tolist()):
            group[name] = column.astype("S")
        else:
            # rsatoolbox decodes text in data sets as ASCII, but leaves attributes as they are.
            group.attrs[name] = column.astype(h5py.string_dtype())


def _read_group(group: Any) -> dict[str, Any]:
    values = {name: _read(item) for name, item in group.items()}
    return values | {name: _as_text(value) for name, value in group.attrs.items()}


def _read(item: Any) -> Any:
    if not isinstance(item, h5py.Dataset):
        raise KeyError(f"{item.name} is nested, which is not supported")
    if item.shape is None:
        return None
    return _as_text(item[()])


def _as_text(value: Any) -> Any:
    """Bytes and objects as text; anything else as it is."""
    kind = np.asarray(value).dtype.kind
    if kind == "S":
        return np.char.decode(value, "utf-8")[()]
    return np.asarray(value).astype(str) if kind == "O" else value
