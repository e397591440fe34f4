"""The stimuli of all files in one order, and their categories, by id wherever there are ids."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int

from ensemble_rsa.arrays import check_labels
from ensemble_rsa.errors import InputError
from ensemble_rsa.interop.activation_files.grid import Cells
from ensemble_rsa.interop.activation_files.identifiers import check_unique, match_ids
from ensemble_rsa.interop.activation_files.layouts import Cell

Order = Int[np.ndarray, " stimulus"]


class Stimuli(NamedTuple):
    """The stimuli of all files.

    Attributes:
        ids: in the order of results.
        orders: (instance, layer) → where each stimulus stands in the files; None if as they are.
        notes: how they were matched.
    """

    ids: tuple[str, ...]
    orders: dict[tuple[str, str], Order | None]
    notes: list[str]


def match_stimuli(cells: Cells, layers: Sequence[str], given: Any, labels: Any) -> Stimuli:
    """Match the rows of all files by id; rows without ids are taken in the order given.

    Raises:
        InputError: ids that are missing or occur twice, ids in some files only, or another number
            of rows.
    """
    each = {(instance, layer): of[layer] for instance, of in cells.items() for layer in layers}
    wanted = None if given is None else _ids(given)
    named = {key for key, cell in each.items() if cell.stimuli is not None}
    if not named:
        return _by_position(each, wanted, labels)
    if len(named) < len(each):
        lacking, having = (next(k for k in each if (k in named) is has) for has in (False, True))
        raise InputError(
            f"{_where(each[lacking])}: expected the ids of its stimuli, as in "
            f"{_where(each[having])}, got none"
        )
    (first, _), reference = next(iter(each.items()))
    of = "`stimuli`" if wanted is not None else f"instance {first[0]}"
    expected = wanted if wanted is not None else reference.stimuli or ()
    orders: dict[tuple[str, str], Order | None] = {}
    moved: dict[str, None] = {}
    ways: dict[str, None] = {}
    for key, cell in each.items():
        ids, n_rows = cell.stimuli or (), _n_rows(cell)
        if len(ids) != n_rows:
            raise InputError(
                f"{_where(cell)}: expected an id for each of {n_rows} rows, got {len(ids)} ids"
            )
        match = match_ids(_where(cell), ids, expected, of)
        in_order = np.array_equal(match.order, np.arange(n_rows))
        orders[key] = None if in_order else match.order
        if not in_order:
            moved[key[0]] = None
        if match.how:
            ways[match.how] = None
    notes = [f"stimuli of instance {instance} were brought into the order of {of}"
             for instance in moved]  # fmt: skip
    notes += [f"ids of stimuli were matched {how}" for how in ways]
    return Stimuli(tuple(expected), orders, notes)


def _ids(given: Any) -> tuple[str, ...]:
    codes, values = check_labels("stimuli", given)
    ids = tuple(map(str, values[codes].tolist()))
    check_unique("stimuli", ids)
    return ids


def _by_position(
    each: Mapping[tuple[str, str], Cell], wanted: tuple[str, ...] | None, labels: Any
) -> Stimuli:
    """Take the rows of files without ids to be in the order of `stimuli` or of the labels."""
    first = next(iter(each.values()))
    n_stimuli, notes = _n_rows(first), []
    for cell in each.values():
        if _n_rows(cell) != n_stimuli:
            raise InputError(
                f"{_where(cell)}: expected {n_stimuli} stimuli as in {_where(first)}, got "
                f"{_n_rows(cell)}"
            )
    ids, origin = wanted, "stimuli"
    if ids is None and isinstance(labels, Mapping):
        ids, origin = tuple(map(str, labels)), "labels"
        notes = ["the files name no stimuli, so their rows were read in the order of the labels"]
    if ids is None:
        return Stimuli(tuple(map(str, range(n_stimuli))), dict.fromkeys(each), notes)
    if len(ids) != n_stimuli:
        raise InputError(
            f"{origin}: expected an id for each of {n_stimuli} rows of {_where(first)}, got "
            f"{len(ids)}"
        )
    return Stimuli(ids, dict.fromkeys(each), notes)


def match_categories(
    cells: Cells, layers: Sequence[str], stimuli: Stimuli, labels: Any
) -> tuple[tuple[Any, ...], list[str]]:
    """Return the category of each stimulus, all "" if there are none, and notes.

    Raises:
        InputError: labels of other stimuli, or of another number.
    """
    instance, of = next(iter(cells.items()))
    notes = []
    if isinstance(labels, Mapping):
        keys = list(map(str, labels))
        match = match_ids("labels", keys, stimuli.ids, "the activations")
        values = list(labels.values())
        labels = [values[i] for i in match.order]
        if match.how:
            notes.append(f"labels were matched {match.how}")
    elif labels is None:
        stored, order = of[layers[0]].categories, stimuli.orders[instance, layers[0]]
        if stored is None:
            return ("",) * len(stimuli.ids), notes
        labels = stored if order is None else [stored[i] for i in order]
    codes, names = check_labels("labels", labels, len(stimuli.ids))
    return tuple(names[codes].tolist()), notes


def _n_rows(cell: Cell) -> int:
    return sum(member.shape[0] for member in cell.members)


def _where(cell: Cell) -> str:
    return cell.members[0].where if len(cell.members) == 1 else str(cell.files[0].parent)
