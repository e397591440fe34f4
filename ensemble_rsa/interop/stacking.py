"""RDMs of several origins stacked in one data set, matched by stimulus id."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from ensemble_rsa.errors import InputError
from ensemble_rsa.interop.labelled import (
    RdmRows,
    check_stimuli,
    from_rows,
    rdm_rows,
    stimulus_ids,
)


def stack_rdms(groups: Sequence[xr.Dataset], descriptor: str = "stimulus") -> xr.Dataset:
    """Return RDMs of the same stimuli but several origins as one group, over a dimension `rdm`.

    RDM descriptors that only some groups have are filled with NaN or empty text in the others.
    Attributes on which groups differ, such as the distance, become RDM descriptors, or are dropped
    if they are neither text nor number.

    Args:
        groups: at least one; stimuli in the same order.
        descriptor: the coordinate that holds the stimulus ids.

    Raises:
        InputError: stimuli that differ or come in another order; ids that are missing or not
            unique; groups that contradict each other in a descriptor.

    >>> from ensemble_rsa.interop.labelled import label_rdms
    >>> stimuli = {"stimulus": ["a", "b", "c"]}
    >>> networks = label_rdms(np.ones((2, 3)), "cosine", {"instance": [0, 1]}, stimuli)
    >>> brains = label_rdms(np.zeros((1, 3)), "cosine", {"region": ["IT"]}, stimuli)
    >>> both = stack_rdms([networks, brains])
    >>> both.exemplar.shape, both.region.values.tolist(), both.attrs
    ((3, 3), ['', '', 'IT'], {'distance': 'cosine'})
    """
    if not groups:
        raise InputError("groups: expected at least one data set of RDMs, got none")
    expected = stimulus_ids("groups[0]", groups[0], descriptor)
    for i, group in enumerate(groups):
        check_stimuli(f"groups[{i}]", group, expected, descriptor)
    return from_rows(concatenated([rdm_rows(group) for group in groups], "groups"))


def concatenated(parts: Sequence[RdmRows], name: str) -> RdmRows:
    """Return RDMs of the same stimuli in the same order, one after the other.

    Descriptors are joined as in `stack_rdms`; `name` is for messages.
    """
    common = {
        name: value
        for name, value in parts[0].descriptors.items()
        if all(np.array_equal(part.descriptors.get(name, np.nan), value) for part in parts)
    }
    columns = [
        {
            name: np.full(len(part.rdms), value)
            for name, value in part.descriptors.items()
            if name not in common and isinstance(value, str | int | float | np.generic)
        }
        | dict(part.rdm_descriptors)
        for part in parts
    ]
    rows = np.concatenate([part.rdms for part in parts])
    per_rdm = _filled(columns, [len(part.rdms) for part in parts])
    stimuli = _agreed(name, [part.pattern_descriptors for part in parts])
    return RdmRows(rows, per_rdm, stimuli, common)


def _filled(groups: list[dict[str, np.ndarray]], sizes: list[int]) -> dict[str, np.ndarray]:
    """Return the columns of all groups, with NaN or empty text where a group lacks one."""
    columns = {}
    for name in dict.fromkeys(name for group in groups for name in group):
        parts = [group.get(name) for group in groups]
        is_text = {part.dtype.kind in "UO" for part in parts if part is not None}
        if len(is_text) > 1:
            raise InputError(f"rdm_descriptors[{name!r}]: text in one group, numbers in another")
        filler = "" if is_text == {True} else np.nan
        sized = zip(parts, sizes, strict=True)
        columns[name] = np.concatenate(
            [np.full(size, filler) if part is None else part for part, size in sized]
        )
    return columns


def _agreed(name: str, groups: list[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the pattern descriptors of all groups, which must agree where several have one."""
    columns: dict[str, Any] = {}
    for i, group in enumerate(groups):
        for key, column in group.items():
            if not np.array_equal(columns.setdefault(key, column), column):
                raise InputError(
                    f"{name}[{i}]: pattern descriptor {key!r} contradicts an earlier group; "
                    "rename it or leave it out in one of them"
                )
    return columns
