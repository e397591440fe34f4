"""Files of all instances and layers side by side: none missing, the same units in each layer."""

from collections.abc import Sequence

from ensemble_rsa.errors import InputError, shown, unknown_name
from ensemble_rsa.interop.activation_files.layouts import Cell, name_of, read_cells
from ensemble_rsa.interop.activation_files.paths import Location
from ensemble_rsa.interop.path_patterns import natural

Cells = dict[str, dict[str, Cell]]  # instance → layer → what the files hold
ONLY = "layer"  # the name of the only layer, where no file names it


def read_grid(found: Sequence[Location]) -> Cells:
    """Open the files of each instance; the instances are in natural order.

    Raises:
        InputError: a layer that two files hold, or that an instance lacks.
    """
    cells: Cells = {}
    for instance, layer, path in found:
        of = cells.setdefault(instance, {})
        for name, cell in read_cells(path, layer).items():
            if name in of:
                raise InputError(
                    f"pattern: {path} and {of[name].files[0]} both hold {name} of instance "
                    f"{instance}; write what differs between layers as {{layer}}"
                )
            of[name] = cell
    if all(not layer and [*cells[k]] == [name_of(path)] for k, layer, path in found):
        cells = _of_one_layer(cells)
    every = {layer: instance for instance, of in reversed(cells.items()) for layer in of}
    for instance, of in cells.items():
        for layer in sorted({*every} - {*of}, key=natural):
            raise InputError(
                f"pattern: instance {instance} has no {layer}, which instance {every[layer]} has; "
                f"it has {', '.join(sorted(of, key=natural)[:5])}"
            )
    return cells


def _of_one_layer(cells: Cells) -> Cells:
    """One name for the only layer of each instance, where all have that of the instance's file."""
    names = {name for of in cells.values() for name in of}
    if len(cells) == 1 or len(names) < len(cells):
        return cells
    return {instance: {ONLY: next(iter(of.values()))} for instance, of in cells.items()}


def chosen_layers(cells: Cells, layers: Sequence[str] | None, by_path: bool) -> list[str]:
    """Return the wanted layers in the wanted order; by default all, in natural order if `by_path`.

    Arrays in one file keep the order that they have there.
    """
    known = list(next(iter(cells.values())))
    if layers is None:
        return sorted(known, key=natural) if by_path else known
    is_list = isinstance(layers, Sequence) and not isinstance(layers, str)
    if not is_list or not all(isinstance(name, str) for name in layers):
        raise InputError(f"layers: expected a list of names, got {shown(layers)}")
    wanted = [name.strip() for name in layers]
    if not wanted or len({*wanted}) < len(wanted):
        raise InputError(f"layers: expected names of layers, each once, got {', '.join(wanted)!r}")
    for name in wanted:
        if name not in known:
            raise unknown_name("layers", name, known)
    return wanted


def check_units(cells: Cells, layers: Sequence[str]) -> None:
    """Raise unless a layer has units of the same shape in all instances."""
    first, *others = cells
    for layer in layers:
        shape = cells[first][layer].members[0].shape[1:]
        for instance in others:
            member = cells[instance][layer].members[0]
            if member.shape[1:] != shape:
                raise InputError(
                    f"{member.where}: {layer} of instance {instance} has units of shape "
                    f"{member.shape[1:]}, that of instance {first} {shape}; networks that are "
                    "compared must have the same layers"
                )


def flattened(cells: Cells, layers: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return, of layers with more than two axes, how they were read: as expected, and surprising.

    Where the layout of a tool has such layers it is expected that they are flattened.
    """
    expected, surprising = [], []
    first = next(iter(cells.values()))
    for layer in layers:
        cell = first[layer]
        shape, n = cell.members[0].shape[1:], sum(member.shape[0] for member in cell.members)
        if len(shape) > 1:
            units = cell.members[0].n_units
            words = f"{layer}: maps of shape {shape} were read as {units} units of {n} stimuli"
            (expected if cell.maps_expected else surprising).append(words)
    return expected, surprising
