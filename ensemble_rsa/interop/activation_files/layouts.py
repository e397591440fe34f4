"""What a file or folder holds of each layer, also in the layouts of thingsvision and Net2Brain.

thingsvision: `features.{npy,hdf5,mat,pt,txt}`, or parts such as `features_0-512.npy` of it, and
`file_names.txt`; one folder, or one for each module. Net2Brain: a folder with one npz for each
image, whose keys are layers, or with `consolidated_LAYER.npz`, whose keys are images.
"""

import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ensemble_rsa.errors import InputError
from ensemble_rsa.interop.activation_files.formats import FORMATS, open_file
from ensemble_rsa.interop.activation_files.identifiers import match_ids, read_ids
from ensemble_rsa.interop.activation_files.members import Contents, Member
from ensemble_rsa.interop.activation_files.paths import FILE_NAMES
from ensemble_rsa.interop.path_patterns import natural

UNNAMED = ("", "features", "arr_0", "data", "__xarray_dataarray_variable__")
_FEATURES = re.compile(r"features(?P<part>_\d+|\S*_\d+-\d+)?\.(npy|hdf5|mat|pt|txt)")
_CONSOLIDATED = re.compile(r"consolidated_(?P<layer>.+)\.npz")


@dataclass(frozen=True, eq=False)
class Cell:
    """One layer of one instance: arrays whose rows follow each other, ids, categories, origin.

    Attributes:
        members: the arrays.
        stimuli: ids of all rows, if known.
        categories: of all rows, if known.
        files: where the arrays and ids were read from.
        notes: how they were read.
        maps_expected: whether the layout says that arrays hold maps, which are then flattened
            without a warning.
    """

    members: tuple[Member, ...]
    stimuli: tuple[str, ...] | None
    categories: tuple[Any, ...] | None
    files: tuple[Path, ...]
    notes: tuple[str, ...] = ()
    maps_expected: bool = False


def read_cells(path: Path, layer: str | None) -> dict[str, Cell]:
    """Return the layers that a file or folder holds; `layer` is what its path says, if anything."""
    if path.is_dir() and path.suffix.lower() != ".zarr":
        return _of_folder(path, layer)
    contents = open_file(path)
    names = next((one for one in _names_beside(path) if one.is_file()), None)
    if names is not None and contents.stimuli is None:
        ids = read_ids(names)
        if by_image := _keys_are_images(contents, ids):
            cell = Cell(by_image, ids, None, (path, names), maps_expected=True)
            return {layer or name_of(path): cell}
        contents = dataclasses.replace(contents, stimuli=ids)
    files = (path,) if names is None else (path, names)
    arrays = {name: one for name, one in contents.arrays.items() if len(one.shape) > 1}
    if not arrays:
        one = next(iter(contents.arrays.values()))
        raise InputError(f"{one.where}: expected shape (stimulus, unit), got {one.shape}")
    skipped = [one.where for name, one in contents.arrays.items() if name not in arrays]
    notes = (*contents.notes, *(f"{where} has a single axis and was left out" for where in skipped))
    if layer is not None and len(arrays) > 1:
        raise InputError(
            f"{path}: expected one array, since the path names the layer, got "
            f"{', '.join(sorted(arrays, key=natural))}; leave {{layer}} out to take them as layers"
        )
    alone = len(arrays) == 1 and (layer is not None or next(iter(arrays)) in UNNAMED)
    return {
        (layer or name_of(path)) if alone else name: Cell(
            (member,), contents.stimuli, contents.categories, files, notes
        )
        for name, member in arrays.items()
    }


def _names_beside(path: Path) -> tuple[Path, Path]:
    """Where thingsvision puts the names of images: beside the features, or above a module."""
    return path.parent / FILE_NAMES, path.parent.parent / FILE_NAMES


def name_of(path: Path) -> str:
    """The name of a layer whose file or folder names none: that of the file, or of the folder."""
    if path.is_dir() and path.suffix.lower() != ".zarr":
        return path.name
    return path.parent.name if path.stem.startswith("features") else path.stem


def _keys_are_images(contents: Contents, ids: Sequence[str]) -> tuple[Member, ...] | None:
    """Return an array for each image in order, where thingsvision wrote them under its names."""
    keys = tuple(contents.arrays)
    if len(keys) < 2 or len(keys) != len(ids):
        return None
    order = match_ids(next(iter(contents.arrays.values())).where, keys, ids, FILE_NAMES).order
    return tuple(_one_row(contents.arrays[keys[i]]) for i in order)


def _one_row(member: Member) -> Member:
    """Return the array of a single stimulus with a leading axis of length 1."""
    if member.shape[0] == 1 and len(member.shape) > 1:
        return member

    def read(key: tuple[slice, ...]) -> Any:
        return member.read(key[1:])[None]

    return Member(member.where, (1, *member.shape), member.dtype, read, member.sliced)


def _of_folder(folder: Path, layer: str | None) -> dict[str, Cell]:
    """Return the layers of a folder in the layout of thingsvision or Net2Brain."""
    entries = sorted(
        (one for one in folder.iterdir() if not one.name.startswith(".")),
        key=lambda one: natural(one.name),
    )
    modules = [one for one in entries if one.is_dir() and any(map(_is_features, one.iterdir()))]
    if any(map(_is_features, entries)):
        return {layer or folder.name: _features(folder)}
    if modules and layer is None:
        return {one.name: _features(one) for one in modules}
    archives = [one for one in entries if one.suffix == ".npz"]
    others = [
        one for one in entries if one.suffix in FORMATS and one.suffix not in (".npz", ".txt")
    ]
    if archives and not others and layer is None:
        consolidated = [_CONSOLIDATED.fullmatch(one.name) for one in archives]
        if all(consolidated):
            return {
                one["layer"]: _of_consolidated(path)
                for one, path in zip(consolidated, archives, strict=True)
                if one
            }
        return _of_images(folder, archives)
    held = ", ".join(one.name for one in entries[:4]) or "nothing"
    raise InputError(
        f"{folder}: expected files of activations, or a folder as thingsvision or Net2Brain writes "
        f"it, got a folder with {held}{', …' if len(entries) > 4 else ''}; give a pattern such as "
        f"'{folder / '{layer}.npy'}'"
    )


def _is_features(path: Path) -> bool:
    return bool(_FEATURES.fullmatch(path.name))


def _features(folder: Path) -> Cell:
    """Return the single layer of a folder of thingsvision, whole or in parts."""
    found = sorted(filter(_is_features, folder.iterdir()), key=lambda one: natural(one.name))
    whole = [one for one in found if one.stem == "features"]
    if len(whole) > 1 or (whole and len(found) > 1):
        names = ", ".join(one.name for one in found)
        raise InputError(f"{folder}: expected the features once, got {names}; remove one")
    if whole:
        (cell,) = read_cells(whole[0], folder.name).values()
        return cell
    names = next((one for one in _names_beside(found[0]) if one.is_file()), None)
    ids = None if names is None else read_ids(names)
    members = tuple(one for path in found for one in open_file(path).arrays.values())
    if len(members) != len(found):
        raise InputError(f"{folder}: expected one array in each part of the features")
    _check_same_units(members)
    return Cell(members, ids, None, (*found, *([names] if names else [])))


def _of_consolidated(path: Path) -> Cell:
    """Return the layer of an npz of Net2Brain whose keys are images."""
    arrays = open_file(path).arrays
    members = tuple(_one_row(member) for member in arrays.values())
    _check_same_units(members)
    return Cell(members, tuple(arrays), None, (path,), maps_expected=True)


def _of_images(folder: Path, archives: Sequence[Path]) -> dict[str, Cell]:
    """Return the layers of a folder of Net2Brain with an npz for each image."""
    opened = [open_file(path).arrays for path in archives]
    layers = list(opened[0])
    for path, arrays in zip(archives, opened, strict=True):
        if differing := {*layers} ^ {*arrays}:
            name = sorted(differing)[0]
            lacking = path if name in layers else archives[0]
            raise InputError(
                f"{lacking}: expected the same layers in the npz of each image, got no {name!r}"
            )
        wrong = next((one for one in arrays.values() if one.shape[0] != 1), None)
        if wrong is not None:
            raise InputError(
                f"{wrong.where}: expected an npz for each image, with a leading axis of length 1, "
                f"as Net2Brain writes, got shape {wrong.shape}; for files of instances give a "
                f"pattern such as '{folder / '{instance}.npz'}'"
            )
    note = f"{folder}: each of the {len(archives)} npz files was read as one stimulus"
    cells = {}
    for name in layers:
        members = tuple(arrays[name] for arrays in opened)
        _check_same_units(members)
        ids = tuple(path.stem for path in archives)
        cells[name] = Cell(members, ids, None, tuple(archives), (note,), maps_expected=True)
    return cells


def _check_same_units(members: Sequence[Member]) -> None:
    first = members[0]
    for member in members:
        if member.shape[1:] != first.shape[1:]:
            raise InputError(
                f"{member.where}: expected units of shape {first.shape[1:]} as in {first.where}, "
                f"got {member.shape[1:]}"
            )
