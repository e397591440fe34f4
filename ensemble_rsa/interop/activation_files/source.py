"""Activations in files as a source, checked and matched by stimulus before they are read."""

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ensemble_rsa.arrays.reading import ReadingWarning
from ensemble_rsa.errors import InputError, shown
from ensemble_rsa.extraction.rows import ChosenRows
from ensemble_rsa.extraction.sources import ActivationSource
from ensemble_rsa.interop.activation_files.formats import FORMATS
from ensemble_rsa.interop.activation_files.grid import (
    check_units,
    chosen_layers,
    flattened,
    read_grid,
)
from ensemble_rsa.interop.activation_files.identifiers import read_ids, read_labels
from ensemble_rsa.interop.activation_files.matching import match_categories, match_stimuli
from ensemble_rsa.interop.activation_files.members import LayerPatterns
from ensemble_rsa.interop.activation_files.paths import locations


def from_files(
    pattern: str | Path | Sequence[str | Path] | Mapping[str, Any],
    labels: Any = None,
    stimuli: Any = None,
    layers: Sequence[str] | None = None,
    flatten: bool = False,
) -> ActivationSource:
    """Return activations in files as a source for `extract` and `import_run`.

    Files are opened to check their shapes and ids; activations are read later, one layer at a time
    and in blocks of units where the format allows that. Formats: .npy, .npz, .h5, .hdf5, .mat,
    .pt, .pth, .safetensors, .zarr, .nc, .csv, .tsv, .txt; rows are stimuli. Folders of thingsvision
    and Net2Brain are recognised. Ids of stimuli are matched, whatever their order.

    Args:
        pattern: a path with `{instance}`, `{layer}` or both, such as
            `"acts/seed{instance}/{layer}.npy"`; several of them; or a mapping of layers to lists
            of files, one for each instance. Without `{layer}`, the arrays in a file are layers;
            a single one without a name in the file of each instance is called `layer`.
        labels: the category of each stimulus: a CSV file with the columns stimulus and category, a
            mapping of ids, or a sequence in the order of `stimuli`.
        stimuli: ids in the order that results shall have, or a text file with one in each line.
            Files that name no stimuli have their rows in this order. By default the order of the
            first instance.
        layers: names of layers in the order of computation; when not given, all in the order of the
            arrays in a file, or of their names (`conv2` before `conv10`) where layers are files or
            the file records no order, as HDF5, MATLAB 7.3 and zarr do.
        flatten: say that all axes after the first are units, which is warned about otherwise.

    Raises:
        InputError: no or damaged files; a stimulus that is missing or occurs twice; a layer that an
            instance lacks, or with another number of units; an unknown format; wrong labels.
        RunError: a package that a format needs is not installed.

    >>> import tempfile
    >>> import numpy as np
    >>> folder = Path(tempfile.mkdtemp())
    >>> for seed in range(3):
    ...     fc = np.random.default_rng(seed).normal(size=(6, 20))  # (stimulus, unit)
    ...     np.savez(folder / f"seed{seed}.npz", fc=fc)
    >>> source = from_files(folder / "seed{instance}.npz", labels=list("aabbcc"))
    >>> source.layers, source.instances
    (('fc',), (0, 1, 2))
    """
    if not isinstance(flatten, bool):
        raise InputError(f"flatten: expected True or False, got {shown(flatten)}")
    found = locations(pattern)
    cells = read_grid(found)
    chosen = chosen_layers(cells, layers, by_path=any(one.layer for one in found))
    check_units(cells, chosen)
    expected, surprising = flattened(cells, chosen)
    label_file, stimulus_file = (_as_path(given) for given in (labels, stimuli))
    labels = labels if label_file is None else read_labels(label_file)
    stimuli = stimuli if stimulus_file is None else read_ids(stimulus_file)
    matched = match_stimuli(cells, chosen, stimuli, labels)
    categories, labelled = match_categories(cells, chosen, matched, labels)
    names, orders = tuple(cells), matched.orders
    by_id = dict(zip(matched.ids, categories, strict=True))

    def activations(position: int) -> Iterator[tuple[str, Any]]:
        instance = names[position]
        for layer in chosen:
            patterns = LayerPatterns(cells[instance][layer].members).loaded()
            order = orders[instance, layer]
            yield layer, patterns if order is None else ChosenRows(patterns, order)

    if surprising and not flatten:
        others = f", and so were {len(surprising) - 1} other layers" if surprising[1:] else ""
        warnings.warn(
            f"{surprising[0]}{others}; if this is meant, say so with flatten=True (--flatten)",
            ReadingWarning,
            stacklevel=2,
        )
    every = [cell for of in cells.values() for cell in of.values()]
    notes = [note for cell in every for note in cell.notes]
    notes += [*expected, *surprising, *matched.notes, *labelled]
    used = dict.fromkeys(path for cell in every for path in cell.files)
    used |= dict.fromkeys(path for path in (label_file, stimulus_file) if path is not None)
    numbers = _as_numbers(names)
    return ActivationSource(
        layers=tuple(chosen),
        instances=numbers or names,
        seeds=numbers or tuple(range(len(names))),
        stimuli=matched.ids,
        categories=categories,
        activations=activations,
        recipe={
            "reader": "files",
            "arguments": {
                "pattern": _absolute(pattern),
                "labels": _recorded(labels, label_file, by_id),
                "stimuli": _recorded(stimuli, stimulus_file, list(matched.ids)),
                "layers": None if layers is None else list(chosen),
                "flatten": True,  # it has been warned of
            },
        },
        files=tuple(used),
        libraries=tuple(sorted({FORMATS[end][2] for end in _endings(used) if end in FORMATS})),
        notes=tuple(dict.fromkeys(notes)),
    )


def _as_path(given: Any) -> Path | None:
    return Path(given).expanduser() if isinstance(given, str | Path) else None


def _as_numbers(names: Sequence[str]) -> tuple[int, ...]:
    """Return names of instances as numbers if all are different ones, else nothing.

    >>> _as_numbers(["1", "02"]), _as_numbers(["1", "01"]), _as_numbers(["a", "1"])
    ((1, 2), (), ())
    """
    if not all(name.isdecimal() for name in names):
        return ()
    numbers = tuple(map(int, names))
    return numbers if len({*numbers}) == len(numbers) else ()


def _endings(paths: Mapping[Path, Any]) -> set[str]:
    return {path.suffix.lower() for path in paths}


def _absolute(pattern: Any) -> Any:
    """Return patterns with absolute paths, as plain values."""
    if isinstance(pattern, Mapping):
        return {str(layer): _absolute(paths) for layer, paths in pattern.items()}
    if isinstance(pattern, str | Path):
        return os.path.abspath(Path(pattern).expanduser())
    return [_absolute(each) for each in pattern]


def _recorded(given: Any, file: Path | None, read: Any) -> Any:
    """Return what stands for labels or ids in a recipe: a file, what was read, or nothing."""
    return os.path.abspath(file) if file is not None else None if given is None else read
