"""RDMs of labelled stimuli as an `xarray.Dataset`: matching and reordering by stimulus id.

The RDMs are the variable `exemplar (..., stimulus_pair)`, over `layer` and `instance` as
`ensemble_rsa.extract` returns them or over a single dimension `rdm`. What is known of each RDM and
of each stimulus are coordinates, what holds for all of them attributes, such as `distance`.
No function changes the order of stimuli unless it is asked to.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from jaxtyping import Float, Int

from ensemble_rsa.arrays import check_labels, check_rdms, stimuli_of_pairs
from ensemble_rsa.arrays.refused import not_an_array
from ensemble_rsa.errors import InputError, shown
from ensemble_rsa.interop.descriptors import Descriptors, columns, free_names
from ensemble_rsa.numerics import pair_indices


def label_rdms(
    rdms: Any,
    distance: str | None = None,
    rdm_descriptors: Descriptors | None = None,
    pattern_descriptors: Descriptors | None = None,
    descriptors: Mapping[str, Any] | None = None,
) -> xr.Dataset:
    """Return RDMs and their descriptors as a data set.

    Args:
        rdms: `(..., stimulus_pair)`, or square: leading axes become rows, the last of them running
            fastest.
        distance: how the RDMs were measured.
        rdm_descriptors: one value per row under each name, such as instance, layer, epoch.
        pattern_descriptors: one value per stimulus under each name, such as stimulus, category.
        descriptors: one value for all RDMs under each name.

    Returns:
        `exemplar (layer, instance, stimulus_pair)` if the RDM descriptors layer and instance name
        each combination once, else `exemplar (rdm, stimulus_pair)`. An RDM descriptor with the name
        of a pattern descriptor, or of a variable or dimension such as `rdm` or `stimulus`, is
        renamed to `rdm_NAME`, a pattern descriptor such as `layer` to `stimulus_NAME`; `index`, by
        which rsatoolbox numbers RDMs and stimuli anew in every object, is dropped.

    Raises:
        InputError: NaN or inf; descriptors that do not fit the RDMs, or with missing or mixed
            values.

    >>> layers = {"layer": ["V1", "IT"], "instance": [0, 0]}
    >>> label_rdms([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]], "cosine", layers).exemplar.dims
    ('layer', 'instance', 'stimulus_pair')
    """
    array, _ = check_rdms("rdms", rdms, 1, "(..., stimulus_pair)")
    if distance is not None and not isinstance(distance, str):
        raise InputError(f"distance: expected text, got {shown(distance)}")
    rows = np.asarray(array).reshape(-1, array.shape[-1])
    whole = ({} if distance is None else {"distance": distance}) | dict(descriptors or {})
    parts = RdmRows(rows, rdm_descriptors or {}, pattern_descriptors or {}, whole)
    return as_grid(from_rows(parts))


class RdmRows(NamedTuple):
    """RDMs as rows, which may hold NaN, with their descriptors by what they describe."""

    rdms: Float[np.ndarray, "rdm stimulus_pair"]
    rdm_descriptors: Mapping[str, Any]
    pattern_descriptors: Mapping[str, Any]
    descriptors: dict[str, Any]


def from_rows(rows: RdmRows) -> xr.Dataset:
    """Return the data set of these RDMs, over the dimension `rdm`."""
    n_rdms, n_stimuli = len(rows.rdms), stimuli_of_pairs("rdms", rows.rdms.shape[1])
    coords = free_names(
        columns("rdm_descriptors", rows.rdm_descriptors, n_rdms),
        columns("pattern_descriptors", rows.pattern_descriptors, n_stimuli),
    )
    return xr.Dataset({"exemplar": (("rdm", "stimulus_pair"), rows.rdms)}, coords, rows.descriptors)


def as_grid(flat: xr.Dataset) -> xr.Dataset:
    """Return RDMs over layers and instances, if they name each combination exactly once."""
    if not {"layer", "instance"} <= flat.coords.keys():
        return flat
    layers, instances = (
        list(dict.fromkeys(flat[n].values.tolist())) for n in ("layer", "instance")
    )
    rows = {
        pair: i for i, pair in enumerate(zip(flat.layer.values, flat.instance.values, strict=True))
    }
    if not len(rows) == len(layers) * len(instances) == flat.sizes["rdm"]:
        return flat
    order = [[rows[layer, instance] for instance in instances] for layer in layers]
    grid = flat.drop_vars(["layer", "instance"]).isel(rdm=xr.Variable(("layer", "instance"), order))
    for name in list(grid.coords):
        values = grid[name]
        if values.dims == ("layer", "instance"):
            if (values == values[:1].values).all():
                grid[name] = values[0]
            elif (values == values[:, :1].values).all():
                grid[name] = values[:, 0]
    return grid.assign_coords(layer=layers, instance=instances)


def rdm_rows(rdms: xr.Dataset, name: str = "rdms") -> RdmRows:
    """Return the RDMs of a data set row by row, the last leading dimension running fastest.

    Raises:
        InputError: no data set with RDMs named `exemplar`.

    >>> rows = rdm_rows(label_rdms([0.1, 0.2, 0.3], "cosine", {"layer": ["V1"]}))
    >>> rows.rdms.shape, rows.rdm_descriptors["layer"].tolist(), rows.descriptors
    ((1, 3), ['V1'], {'distance': 'cosine'})
    """
    if not isinstance(rdms, xr.Dataset) or "exemplar" not in rdms:
        got = not_an_array(rdms) or type(rdms).__name__
        raise InputError(
            f"{name}: expected RDMs as `extract` and `load_rdms` return them, got {got}"
        )
    leading = [dimension for dimension in rdms.exemplar.dims if dimension != "stimulus_pair"]
    labelled = rdms[["exemplar"]].assign_coords(rdms.coords)
    if not leading:
        labelled = labelled.expand_dims("rdm")
    elif leading != ["rdm"]:
        labelled = labelled.stack(rdm=leading, create_index=False)
    rows = labelled.exemplar.transpose("rdm", "stimulus_pair").values
    n_stimuli = stimuli_of_pairs(name, rows.shape[1])
    return RdmRows(
        rows,
        columns("rdm_descriptors", _along(labelled, ("rdm",)), len(rows)),
        columns("pattern_descriptors", _along(labelled, ("stimulus",)), n_stimuli),
        {**rdms.attrs, **{key: value.item() for key, value in _along(labelled, ()).items()}},
    )


def _along(dataset: xr.Dataset, dims: tuple[str, ...]) -> dict[str, np.ndarray]:
    return {str(key): c.values for key, c in dataset.coords.items() if c.dims == dims}


def stimulus_ids(name: str, rdms: xr.Dataset, descriptor: str = "stimulus") -> list[Any]:
    """Return the stimulus ids, which must be present and unique; `name` is for messages."""
    patterns = rdm_rows(rdms, name).pattern_descriptors
    if descriptor not in patterns:
        raise InputError(
            f"{name}: expected stimulus ids in the pattern descriptor {descriptor!r}, which is "
            f"missing; there are: {', '.join(patterns) or 'none'}"
        )
    return _unique(f"{name}, {descriptor!r}", patterns[descriptor])


def check_stimuli(
    name: str,
    rdms: xr.Dataset,
    stimuli: Sequence[Any] | np.ndarray,
    descriptor: str = "stimulus",
) -> None:
    """Raise unless the RDMs are of these stimuli in this order; `name` is for messages."""
    got, expected = stimulus_ids(name, rdms, descriptor), _unique("stimuli", stimuli)
    _check_same_ids(name, got, expected)
    if got != expected:
        place = next(i for i, stimulus in enumerate(got) if stimulus != expected[i])
        raise InputError(
            f"{name}: the stimuli are as expected but in another order, first at position {place}: "
            f"expected {expected[place]!r}, got {got[place]!r}; to permute the RDMs, call "
            "reorder_stimuli"
        )


def reorder_stimuli(
    rdms: xr.Dataset, stimuli: Sequence[Any] | np.ndarray, descriptor: str = "stimulus"
) -> xr.Dataset:
    """Return the RDMs with their stimuli in another order, and descriptors likewise.

    Arguments and errors are those of `select_stimuli`, but for `stimuli`, which must be all ids.

    >>> abc = label_rdms([0.1, 0.2, 0.3], pattern_descriptors={"stimulus": ["a", "b", "c"]})
    >>> reorder_stimuli(abc, ["c", "a", "b"]).exemplar.values  # ca, cb, ab
    array([[0.2, 0.3, 0.1]])
    """
    _check_same_ids("rdms", stimulus_ids("rdms", rdms, descriptor), _unique("stimuli", stimuli))
    return select_stimuli(rdms, stimuli, descriptor)


def select_stimuli(
    rdms: xr.Dataset, stimuli: Sequence[Any] | np.ndarray, descriptor: str = "stimulus"
) -> xr.Dataset:
    """Return the distances between some of the stimuli, in the order given.

    What depends on all stimuli, such as RDMs of category centroids, is dropped with the first
    stimulus that is left out.

    Args:
        rdms: the RDMs, which are not changed.
        stimuli: two ids or more, in the new order.
        descriptor: the coordinate that holds the ids.

    Raises:
        InputError: no such coordinate; ids that are missing, not unique, or unknown; fewer than
            two stimuli.

    >>> abc = label_rdms([0.1, 0.2, 0.3], pattern_descriptors={"stimulus": ["a", "b", "c"]})
    >>> select_stimuli(abc, ["c", "a"]).exemplar.values
    array([[0.2]])
    """
    got, wanted = stimulus_ids("rdms", rdms, descriptor), _unique("stimuli", stimuli)
    if len(wanted) < 2:
        raise InputError(f"stimuli: expected two or more, got {len(wanted)}")
    place = {stimulus: i for i, stimulus in enumerate(got)}
    if unknown := [stimulus for stimulus in wanted if stimulus not in place]:
        raise InputError(
            f"stimuli: {len(unknown)} of {len(wanted)} are not among the RDMs' stimuli, the first "
            f"is {unknown[0]!r}"
        )
    order = np.array([place[stimulus] for stimulus in wanted])
    chosen = rdms.isel(stimulus=order, stimulus_pair=pair_positions(order, len(got)))
    if len(wanted) < len(got):
        chosen = chosen.drop_dims("category_pair", errors="ignore")
        chosen = chosen.drop_vars("constant_patterns", errors="ignore")
    return chosen


def _unique(name: str, ids: Sequence[Any] | np.ndarray) -> list[Any]:
    codes, found = check_labels(name, ids)
    values = found[codes].tolist()
    if "" in values:
        raise InputError(f"{name}: stimulus {values.index('')} has an empty id")
    if twice := found[np.bincount(codes) > 1].tolist():
        raise InputError(f"{name}: {len(twice)} ids are not unique, the first is {twice[0]!r}")
    return values


def _check_same_ids(name: str, got: list[Any], expected: list[Any]) -> None:
    known, wanted = {*got}, {*expected}
    differences = {
        "missing": [stimulus for stimulus in expected if stimulus not in known],
        "not expected": [stimulus for stimulus in got if stimulus not in wanted],
    }
    parts = [f"{len(ids)} {what} (first {ids[0]!r})" for what, ids in differences.items() if ids]
    if parts:
        raise InputError(
            f"{name}: expected the same {len(expected)} stimuli, got {len(got)}, of which "
            f"{' and '.join(parts)}; select_stimuli takes those that are shared"
        )


def pair_positions(order: Int[np.ndarray, " chosen"], n: int) -> Int[np.ndarray, " pair"]:
    """Return the positions of the chosen stimuli's pairs in a condensed RDM of `n` stimuli."""
    rows, columns = pair_indices(len(order))
    low, high = np.minimum(order[rows], order[columns]), np.maximum(order[rows], order[columns])
    return low * n - low * (low + 1) // 2 + high - low - 1
