"""RDMs of people from the results files of Meadows, `.mat` and `.json`, read as rsatoolbox does.

A MATLAB file holds `rdmutv` and `stimuli` of one person, or `rdmutv_NAME` and `stimuli_NAME` of
several; a JSON file holds all tasks of one person, of which those of multiple arrangement have an
RDM. The person, or the task, stands in the file's name: `Meadows_EXPERIMENT_v_v1_PERSON_2_1D.mat`
(2 is the number of the task), `Meadows_EXPERIMENT_v_v1_TASK_1D.mat`,
`Meadows_EXPERIMENT_v_v1_PERSON_tree.json`. The RDMs are the upper triangles, row by row.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ensemble_rsa.arrays import check_rdms, stimuli_of_pairs
from ensemble_rsa.errors import InputError, shown
from ensemble_rsa.interop.labelled import RdmRows
from ensemble_rsa.interop.reference_files.variables import AXES

_RDM, _STIMULI = "rdmutv", "stimuli"
_ARRANGEMENT = "multiarrange"
_DISTANCE = "euclidean"  # between the places of stimuli on the screen


class _Arranged(NamedTuple):
    """One RDM, and whose it is."""

    name: str
    rdm: Any
    stimuli: list[str]
    descriptors: dict[str, Any]


def is_meadows(content: Mapping[str, Any]) -> bool:
    """Whether the variables of a MATLAB file are those of Meadows."""
    return any(name == _RDM or name.startswith(f"{_RDM}_") for name in content)


def rows_of_matlab(path: Path, content: Mapping[str, np.ndarray]) -> RdmRows:
    """Return the RDMs of one or several people in a MATLAB file of Meadows.

    Raises:
        InputError: an RDM without stimuli, of another number of them, or of other stimuli.
    """
    segments = path.stem.split("_")
    arranged = []
    for name, rdm in content.items():
        if name != _RDM and not name.startswith(f"{_RDM}_"):
            continue
        ids = name.replace(_RDM, _STIMULI, 1)
        if ids not in content:
            raise InputError(f"reference: {path.name}: expected the variable {ids!r}, got none")
        if name == _RDM:
            is_named = len(segments) >= 3 and segments[-2].isdigit()
            about = {"subject": segments[-3] if is_named else path.stem}
            about |= {"task_index": int(segments[-2])} if is_named else {}
        else:
            about = {"subject": name.removeprefix(f"{_RDM}_").replace("_", "-")}
            about |= {"task": segments[-2]} if len(segments) >= 2 else {}
        stimuli = [str(np.squeeze(each)).strip() for each in content[ids].ravel()]
        arranged.append(_Arranged(name, np.squeeze(rdm), stimuli, about))
    return _rows(path, arranged)


def meadows_json_rows(path: Path, variable: str | None) -> RdmRows:
    """Return the RDMs of one person's tasks in a JSON file of Meadows.

    Args:
        path: the file.
        variable: the name of a task; all tasks of multiple arrangement when not given, which must
            have the same stimuli.

    Raises:
        InputError: no JSON, no such tasks, or tasks with different stimuli.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"reference: {path}: expected JSON, but {error}") from None
    tasks = content.get("tasks") if isinstance(content, dict) else None
    if not isinstance(tasks, list):
        raise InputError(
            f"reference: {path.name}: expected the tasks of one person, as Meadows writes them "
            "(Tree, JSON), got other JSON; for several people download MATLAB files"
        )
    segments, arranged = path.stem.split("_"), []
    subject = segments[-2] if len(segments) >= 2 else path.stem
    for place, task in enumerate(tasks):
        about = task.get("task", {}) if isinstance(task, dict) else {}
        if about.get("task_type") != _ARRANGEMENT:
            continue
        name = str(about.get("name", f"task {place}"))
        if missing := [key for key in ("rdm", "stimuli") if not isinstance(task.get(key), list)]:
            raise InputError(
                f"reference: {path.name}, task {name!r}: expected {missing[0]!r}, got none"
            )
        stimuli = [str(each["name"] if isinstance(each, dict) else each)
                   for each in task["stimuli"]]  # fmt: skip
        about = {"subject": subject, "task": name, "task_index": place}
        arranged.append(_Arranged(name, task["rdm"], stimuli, about))
    names = [each.name for each in arranged]
    if variable is not None and variable not in names:
        raise InputError(
            f"reference: {path.name}: expected a task {variable!r} of multiple arrangement, there "
            f"are: {', '.join(names) or 'none'}"
        )
    return _rows(path, [one for one in arranged if variable in (None, one.name)])


def _rows(path: Path, arranged: list[_Arranged]) -> RdmRows:
    """Return RDMs with their stimuli in the order of the first, matched by id."""
    if not arranged:
        raise InputError(
            f"reference: {path.name}: expected a task of multiple arrangement, got none"
        )
    first, rows = _without_endings(arranged[0].stimuli), []
    for one in arranged:
        what = f"reference, {path.name}, {one.name}"
        values, _ = check_rdms(what, np.asarray(one.rdm), 1, AXES, "drop")
        ids, n_stimuli = _without_endings(one.stimuli), stimuli_of_pairs(what, values.shape[-1])
        if values.ndim != 1 or len(ids) != n_stimuli:
            raise InputError(
                f"{what}: expected a distance for each pair of {len(ids)} stimuli, got "
                f"{shown(tuple(values.shape))} distances, of {n_stimuli} stimuli"
            )
        if len({*ids}) < len(ids) or {*ids} != {*first}:
            raise InputError(
                f"{what}: expected the same {len(first)} stimuli as in {arranged[0].name}, each "
                "once, got others; read tasks of other stimuli one by one, with variable="
            )
        square = np.zeros((n_stimuli, n_stimuli))
        square[np.triu_indices(n_stimuli, 1)] = values
        square += square.T
        order = [ids.index(each) for each in first]
        rows.append(square[np.ix_(order, order)][np.triu_indices(n_stimuli, 1)])
    columns = {key: [one.descriptors[key] for one in arranged] for key in arranged[0].descriptors}
    return RdmRows(np.stack(rows), columns, {"stimulus": first}, {"distance": _DISTANCE})


def _without_endings(names: list[str]) -> list[str]:
    """The names of picture files up to the first point, as rsatoolbox names stimuli."""
    return [name.partition(".")[0] for name in names]
