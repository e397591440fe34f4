"""Reference RDMs of brains or behaviour from files of other tools.

HDF5 of rsatoolbox (RDMs, and data sets of patterns), arrays of structs and results of Meadows in
MATLAB files, JSON of Meadows, NumPy files, also those of Net2Brain, and images of brains (NIfTI).
Pickled objects are refused, since reading them runs code.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from ensemble_rsa.errors import InputError, check_name, shown
from ensemble_rsa.files import as_path
from ensemble_rsa.interop.labelled import RdmRows, from_rows, rdm_rows, reorder_stimuli
from ensemble_rsa.interop.reference_files.imaging import is_image
from ensemble_rsa.interop.reference_files.opened import (
    STIMULUS,
    by_subject,
    check_ending,
    read_patterns,
    read_rdms,
)
from ensemble_rsa.interop.reference_files.paths import Located, located
from ensemble_rsa.interop.reference_files.patterns import CROSSNOBIS, as_data_array, check_ids
from ensemble_rsa.interop.stacking import concatenated
from ensemble_rsa.rdm.distances import DISTANCES

SUBJECT = "subject"
_REPEATED = ("session", "run")  # in these the averaged RDMs of a subject may differ
_FOLLOWING = ("task_index", "name")  # and in these where they differ in those
_SHOWN = 5  # values in a message


def load_reference(
    path: str | Path,
    variable: str | None = None,
    descriptor: str = STIMULUS,
    where: Mapping[str, Any] | None = None,
    distance: str | None = None,
    mask: str | Path | None = None,
    folds: str | None = None,
) -> xr.Dataset:
    """Read RDMs of subjects from a file, or from one for each; NaN where a distance is missing.

    Args:
        path: ends in `.h5` or `.hdf5` (rsatoolbox's `RDMs.save` or `Dataset.save`, or `save_rdms`),
            `.mat` (structs with the fields `RDM` and `name`, or Meadows), `.json` (Meadows), `.npy`
            or `.npz` (arrays of RDMs, or Net2Brain), `.nii` or `.nii.gz`. Placeholders such as
            `"sub-{subject}_ses-{session}_rdms.h5"` stand for several files, and become descriptors
            of their RDMs; `{stimulus}` stands for images of single stimuli.
        variable: which variable of a MATLAB or NumPy file, or which task of Meadows' JSON; it may
            be left out if only one holds RDMs.
        descriptor: the descriptor of patterns that holds the ids of stimuli; it becomes `stimulus`.
        where: which RDMs, by the values of their descriptors, such as `{"name": "monkeyIT"}`; all
            when not given.
        distance: between patterns, where the file holds patterns; `"correlation"` (ours) when not
            given. Observations of one stimulus are averaged before, but for `"crossnobis"`.
        mask: for images, the image of the voxels to read, on the same grid.
        folds: for crossnobis, the descriptor of observations, such as a run, whose noise is
            independent; units are weighted equally.

    Returns:
        `exemplar (rdm, stimulus_pair)`, with descriptors as coordinates, such as `subject`.

    Raises:
        InputError: no such file, another ending, a pickle, no RDMs in it, or several variables;
            what the format does not have; other stimuli in several files; nibabel is needed and
            not installed.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "brain-{subject}.npy"
    >>> for subject in ("a", "b"):
    ...     np.save(str(path).format(subject=subject), [[0.1, 0.5, 0.2]])
    >>> found = load_reference(path)
    >>> found.exemplar.shape, found.subject.values.tolist()
    ((2, 3), ['a', 'b'])
    """
    path = as_path("reference", path)
    check_ending(path)
    if not isinstance(descriptor, str) or not descriptor:
        raise InputError(f"descriptor: expected a name, got {shown(descriptor)}")
    if variable is not None and not isinstance(variable, str):
        raise InputError(f"variable: expected a name, got {shown(variable)}")
    if distance is not None:
        check_name("distance", distance, (*DISTANCES, CROSSNOBIS))
    if folds is not None and not isinstance(folds, str):
        raise InputError(f"folds: expected a name, got {shown(folds)}")
    groups = _files_of("reference", path)
    parts = []
    for group in groups:
        rows = _with_stimuli(
            read_rdms(group, variable, descriptor, distance, folds, mask), group[0], descriptor
        )
        about = {key: value for key, value in group[0].fields.items() if key != STIMULUS}
        of_rdms = dict(rows.rdm_descriptors) | {
            key: [value] * len(rows.rdms) for key, value in about.items()
        }
        parts.append(rows._replace(rdm_descriptors=of_rdms))
    joined = (
        parts[0] if len(parts) == 1 else concatenated(_in_one_order(parts, groups), "reference")
    )
    return _selected(from_rows(joined), where)


def load_patterns(
    path: str | Path, descriptor: str = STIMULUS, mask: str | Path | None = None
) -> xr.DataArray:
    """Read patterns of one subject, for `compute_rdm` or `extract`.

    Args:
        path: `.h5` or `.hdf5` that rsatoolbox's `Dataset.save` wrote, or an image (`.nii`,
            `.nii.gz`) with a volume for each stimulus; with `{stimulus}` an image for each.
        descriptor: the descriptor of observations that holds the ids of stimuli.
        mask: for images, the image of the voxels to read, on the same grid.

    Returns:
        `(stimulus, unit)`: a row for each observation, with what is known of it as coordinates on
        the dimension `stimulus`, and the ids as the coordinate `stimulus`.

    Raises:
        InputError: what `load_reference` refuses, files of several subjects, or a file of RDMs.

    >>> import h5py, tempfile
    >>> path = Path(tempfile.mkdtemp()) / "patterns.h5"
    >>> with h5py.File(path, "w") as file:
    ...     file["measurements"] = np.eye(2)
    ...     file["obs_descriptors/conds"] = [b"cat", b"dog"]
    >>> load_patterns(path, "conds").stimulus.values.tolist()
    ['cat', 'dog']
    """
    path = as_path("path", path)
    check_ending(path)
    groups = _files_of("path", path)
    if len(groups) > 1:
        listed = ", ".join(str(dict(group[0].fields)) for group in groups[:3])
        raise InputError(f"path: expected patterns of one subject, got files of {listed}")
    patterns = read_patterns(groups[0], mask)
    if patterns is None:
        raise InputError(f"path: {path.name}: expected patterns, got RDMs or nothing of rsatoolbox")
    check_ids(path, patterns, descriptor)
    return as_data_array(patterns, descriptor)


def one_per_subject(reference: xr.Dataset) -> xr.Dataset:
    """Return the mean RDM of each subject, where several have the same descriptor `subject`.

    Sessions and runs of one person are no independent sample. A distance that some lack is the mean
    of the others. Where no RDM has a subject, each is taken for that of another one.

    Raises:
        InputError: RDMs of one subject differ in another descriptor, such as the region or task;
            some RDMs have a subject and others none, but empty text or NaN.

    >>> twice = {"subject": ("rdm", ["BE", "BE"]), "session": ("rdm", [1, 2])}
    >>> rdms = xr.Dataset({"exemplar": (("rdm", "stimulus_pair"), [[1.0], [3.0]])}, twice)
    >>> one_per_subject(rdms).exemplar.values.tolist()
    [[2.0]]
    """
    if SUBJECT not in reference.coords or reference[SUBJECT].dims != ("rdm",):
        return reference
    named = reference[SUBJECT].values.tolist()
    unknown = [i for i, one in enumerate(named) if one in ("", None) or one != one]  # NaN
    if len(unknown) == len(named):
        return reference.drop_vars(SUBJECT)
    if unknown:
        raise _lacking_subjects(reference, unknown)
    subjects = list(dict.fromkeys(named))
    if len(subjects) == len(named):
        return reference
    _check_repeated(reference, subjects)
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


def _lacking_subjects(reference: xr.Dataset, unknown: Sequence[int]) -> InputError:
    """An error that names a descriptor by which the RDMs without a subject can be told apart."""
    n, example = reference.sizes["rdm"], ""
    known = [i for i in range(n) if i not in unknown]
    for name, column in reference.coords.items():
        if name != SUBJECT and column.dims == ("rdm",):
            with_subject, without = ({*map(str, column.values[rows])} for rows in (known, unknown))
            if len(with_subject) == 1 and not with_subject & without:
                example = f", such as --where {name}={with_subject.pop()}"
                break
    return InputError(
        f"reference: expected a subject for all RDMs or for none, got {len(unknown)} of {n} RDMs "
        f"without one; give them a descriptor {SUBJECT!r}, or choose RDMs with where{example}"
    )


def _check_repeated(reference: xr.Dataset, subjects: list[Any]) -> None:
    """Raise if RDMs of one subject differ in more than the session or run."""
    columns = {str(k).removeprefix("rdm_"): c for k, c in reference.coords.items()
               if c.dims == ("rdm",)}  # fmt: skip
    repeated = [columns[name].values.tolist() for name in _REPEATED if name in columns]
    for name, column in columns.items():
        if name in (SUBJECT, *_REPEATED):
            continue
        for subject in subjects:
            rows = np.flatnonzero(reference[SUBJECT].values == subject)
            own = [column.values[i] for i in rows]
            occasions = {tuple(each[i] for each in repeated) for i in rows}
            if name in _FOLLOWING and len(occasions) == len(rows):
                continue
            if len(values := list(dict.fromkeys(map(str, own)))) > 1:
                listed = ", ".join(values[:_SHOWN]) + (", …" if len(values) > _SHOWN else "")
                raise InputError(
                    "reference: expected RDMs of one subject that differ in session or run only, "
                    f"got those of {subject!r} with {name} {listed}; choose one with where, such "
                    f"as --where {name}={values[0]}"
                )


def _files_of(argument: str, path: Path) -> list[list[Located]]:
    """The files of each subject; several only where they are images of single stimuli."""
    groups = by_subject(located(path))
    if not is_image(path) and any(STIMULUS in group[0].fields for group in groups):
        raise InputError(
            f"{argument}: expected {{stimulus}} for images of brains (NIfTI) only, got {path.name}"
        )
    return groups


def _with_stimuli(rows: RdmRows, one: Located, descriptor: str) -> RdmRows:
    """The same with the ids of stimuli, which stand in a descriptor, as `stimulus`."""
    patterns = dict(rows.pattern_descriptors)
    if descriptor == STIMULUS:
        return rows
    if descriptor not in patterns:
        listed = ", ".join(patterns) or "none"
        raise InputError(
            f"descriptor: {one.path.name}: expected one of its descriptors of stimuli ({listed}), "
            f"got {descriptor!r}"
        )
    ids = patterns.pop(descriptor)
    return rows._replace(pattern_descriptors={STIMULUS: ids} | patterns)


def _in_one_order(parts: list[RdmRows], groups: Sequence[Sequence[Located]]) -> list[RdmRows]:
    """RDMs of several files in the order of stimuli of the first, by id where there are ids."""
    checked = [rdm_rows(from_rows(part)) for part in parts]
    first = checked[0]
    named = [STIMULUS in part.pattern_descriptors for part in checked]
    if len({*named}) > 1:
        lacking = groups[named.index(False)][0].path.name
        raise InputError(
            "reference: expected ids of stimuli in all files or in none, got "
            f"{groups[named.index(True)][0].path.name} with and {lacking} without them"
        )
    found = [first]
    for part, group in zip(checked[1:], groups[1:], strict=True):
        name = group[0].path.name
        if part.rdms.shape[1] != first.rdms.shape[1]:
            raise InputError(
                f"reference: {name}: expected {first.rdms.shape[1]} distances as in "
                f"{groups[0][0].path.name}, got {part.rdms.shape[1]}"
            )
        if STIMULUS in first.pattern_descriptors:
            try:
                ordered = reorder_stimuli(from_rows(part), first.pattern_descriptors[STIMULUS])
            except InputError as error:
                text = str(error).removeprefix("rdms: ")
                raise InputError(f"reference: {name}: {text}") from None
            part = rdm_rows(ordered)
        found.append(part)
    return found


def _selected(rdms: xr.Dataset, where: Mapping[str, Any] | None) -> xr.Dataset:
    """The RDMs whose descriptors have these values, or one of several."""
    if where is None:
        return rdms
    if not isinstance(where, Mapping) or not where or [] in where.values():
        raise InputError(
            "where: expected descriptors of RDMs and their values, such as "
            f"{{'name': 'monkeyIT'}}, got {shown(where)}"
        )
    for name, wanted in where.items():
        known = [str(key) for key, column in rdms.coords.items() if column.dims == ("rdm",)]
        if not known:
            raise InputError(f"where: the RDMs of the reference have no descriptors, got {name!r}")
        check_name("where", name, known)
        values = rdms[name].values.tolist()
        several = list(wanted) if isinstance(wanted, list | tuple) else [wanted]
        texts = [*map(str, values)]
        if lacking := [one for one in several if str(one) not in texts]:
            listed = ", ".join(map(str, dict.fromkeys(values)))
            raise InputError(f"where: expected {name} among {listed}, got {shown(lacking[0])}")
        kept = [i for i, text in enumerate(texts) if text in {*map(str, several)}]
        rdms = rdms.isel(rdm=kept)
    return rdms
