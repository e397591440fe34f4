"""RDMs of several origins put into one group, by stimulus id."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ensemble_rsa.errors import InputError
from ensemble_rsa.interop.labelled import LabelledRdms, check_stimuli, stimulus_ids

_RUNNING_NUMBER = "index"  # rsatoolbox numbers RDMs and stimuli anew in every object


def stack_rdms(groups: Sequence[LabelledRdms], descriptor: str = "stimulus") -> LabelledRdms:
    """RDMs of several origins as one group, once they are known to be of the same stimuli.

    RDM descriptors that only some groups have are filled with NaN or empty text in the others.
    What groups say as a whole and do not agree on (their distance, say) becomes an RDM descriptor,
    or is left out where it is neither text nor number. The `index` that rsatoolbox gives to each
    object means nothing here and is left out.

    Args:
        groups: at least one; stimuli in the same order.
        descriptor: the pattern descriptor that holds the ids.

    Raises:
        InputError: stimuli that differ or come in another order; ids that are missing or not
            unique; groups that contradict each other in a descriptor.

    >>> stimuli = {"stimulus": np.array(["a", "b", "c"])}
    >>> networks = LabelledRdms(np.ones((2, 3)), "cosine", {"instance": np.arange(2)}, stimuli)
    >>> brains = LabelledRdms(np.zeros((1, 3)), "cosine", {"region": np.array(["IT"])}, stimuli)
    >>> both = stack_rdms([networks, brains])
    >>> both.rdms.shape, both.rdm_descriptors["region"].tolist()
    ((3, 3), ['', '', 'IT'])
    """
    if not groups:
        raise InputError("groups: expected at least one LabelledRdms, got none")
    expected = stimulus_ids("groups[0]", groups[0], descriptor)
    for i, group in enumerate(groups):
        check_stimuli(f"groups[{i}]", group, expected, descriptor)
    common, per_group = _shared_and_own([{**g.descriptors, "distance": g.distance} for g in groups])
    sizes = [len(group.rdms) for group in groups]
    return LabelledRdms(
        np.concatenate([group.rdms for group in groups]),
        common.pop("distance", None),
        _stacked(
            [
                {name: np.full(size, value) for name, value in own.items()}
                | dict(g.rdm_descriptors)
                for g, own, size in zip(groups, per_group, sizes, strict=True)
            ],
            sizes,
        ),
        _agreed([group.pattern_descriptors for group in groups]),
        common,
    )


def _shared_and_own(groups: list[dict[str, Any]]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What all groups say alike, and what else each one says in text or numbers."""
    shared = {
        name: value
        for name, value in groups[0].items()
        if all(name in group and _equal(group[name], value) for group in groups)
    }
    own = [
        {
            name: value
            for name, value in group.items()
            if name not in shared and isinstance(value, str | int | float | np.generic)
        }
        for group in groups
    ]
    return shared, own


def _equal(one: Any, other: Any) -> bool:
    return np.array_equal(np.asarray(one), np.asarray(other))


def _stacked(groups: list[dict[str, Any]], sizes: list[int]) -> dict[str, np.ndarray]:
    columns = {}
    for name in dict.fromkeys(name for group in groups for name in group):
        if name == _RUNNING_NUMBER:
            continue
        parts = [np.asarray(group[name]) if name in group else None for group in groups]
        is_text = {part.dtype.kind in "UO" for part in parts if part is not None}
        if len(is_text) > 1:
            raise InputError(f"rdm_descriptors[{name!r}]: text in one group, numbers in another")
        filler = "" if is_text == {True} else np.nan
        columns[name] = np.concatenate(
            [
                np.full(size, filler) if part is None else part
                for part, size in zip(parts, sizes, strict=True)
            ]
        )
    return columns


def _agreed(groups: list[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """All pattern descriptors; the stimuli are the same, so one group's serve them all."""
    columns: dict[str, np.ndarray] = {}
    for i, group in enumerate(groups):
        for name, values in group.items():
            if name == _RUNNING_NUMBER:
                continue
            column = np.asarray(values)
            if not np.array_equal(columns.setdefault(name, column), column):
                raise InputError(
                    f"groups[{i}]: pattern descriptor {name!r} contradicts an earlier group; "
                    "rename it or leave it out in one of them"
                )
    return columns
