"""RDMs that know their stimuli, so that those of two origins are put together by id, not by luck.

Nothing here changes an order unasked: stimuli that differ, or come in another order, are refused.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from ensemble_rsa.arrays import stimuli_of_pairs
from ensemble_rsa.errors import InputError
from ensemble_rsa.numerics import pair_indices


@dataclass(frozen=True)
class LabelledRdms:
    """RDMs and what is known of them.

    Attributes:
        rdms: `(rdm, stimulus_pair)`.
        distance: how they were measured, in the words of whoever made them (rsatoolbox says
            "squared euclidean" where it also divides by the number of units).
        rdm_descriptors: one value per RDM under each name, such as instance, layer, epoch.
        pattern_descriptors: one value per stimulus under each name, such as stimulus, category.
        descriptors: one value for all RDMs under each name.
    """

    rdms: Float[np.ndarray, "rdm stimulus_pair"]
    distance: str | None
    rdm_descriptors: Mapping[str, np.ndarray] = field(default_factory=dict)
    pattern_descriptors: Mapping[str, np.ndarray] = field(default_factory=dict)
    descriptors: Mapping[str, Any] = field(default_factory=dict)


def stimulus_ids(name: str, rdms: LabelledRdms, descriptor: str = "stimulus") -> list[Any]:
    """The id of each stimulus, once it is known that each has one of its own.

    Args:
        name: what the RDMs are called, for the message.
        rdms: the RDMs.
        descriptor: the pattern descriptor that holds the ids.

    Raises:
        InputError: no such descriptor; ids that are missing or not unique.

    >>> stimuli = {"stimulus": np.array(["b", "a"])}
    >>> stimulus_ids("rdms", LabelledRdms(np.ones((1, 1)), "cosine", {}, stimuli))
    ['b', 'a']
    """
    if descriptor not in rdms.pattern_descriptors:
        there = ", ".join(rdms.pattern_descriptors) or "none"
        raise InputError(
            f"{name}: expected stimulus ids in the pattern descriptor {descriptor!r}, which is "
            f"missing; there are: {there}"
        )
    ids = _unique(f"{name}, {descriptor!r}", rdms.pattern_descriptors[descriptor])
    n_stimuli = stimuli_of_pairs(name, rdms.rdms.shape[-1])
    if len(ids) != n_stimuli:
        raise InputError(f"{name}: expected an id for each of {n_stimuli} stimuli, got {len(ids)}")
    return ids


def check_stimuli(
    name: str, rdms: LabelledRdms, stimuli: Sequence[Any] | np.ndarray, descriptor: str
) -> None:
    """Refuse RDMs that are not of these stimuli in this order.

    Args:
        name: what the RDMs are called, for the message.
        rdms: the RDMs.
        stimuli: ids in the expected order.
        descriptor: the pattern descriptor that holds the ids.

    Raises:
        InputError: no such descriptor; ids that are missing, not unique, others than expected, or
            in another order.
    """
    got, expected = stimulus_ids(name, rdms, descriptor), _unique("stimuli", stimuli)
    _refuse_other_ids(name, got, expected)
    if got != expected:
        place = next(
            i for i, pair in enumerate(zip(got, expected, strict=True)) if len({*pair}) > 1
        )
        raise InputError(
            f"{name}: the stimuli are as expected but in another order, first at position {place}: "
            f"expected {expected[place]!r}, got {got[place]!r}; to permute the RDMs, call "
            "reorder_stimuli"
        )


def reorder_stimuli(
    rdms: LabelledRdms, stimuli: Sequence[Any] | np.ndarray, descriptor: str = "stimulus"
) -> LabelledRdms:
    """The same RDMs with their stimuli in another order; descriptors go along.

    Args:
        rdms: the RDMs, which are not changed.
        stimuli: all their ids in the new order.
        descriptor: the pattern descriptor that holds the ids.

    Raises:
        InputError: no such descriptor; ids that are missing, not unique, or not the same.

    >>> rdms = np.array([[0.1, 0.2, 0.3]])  # ab, ac, bc
    >>> labelled = LabelledRdms(rdms, "cosine", {}, {"stimulus": np.array(["a", "b", "c"])})
    >>> reorder_stimuli(labelled, ["c", "a", "b"]).rdms.tolist()  # ca, cb, ab
    [[0.2, 0.3, 0.1]]
    """
    _refuse_other_ids("rdms", stimulus_ids("rdms", rdms, descriptor), _unique("stimuli", stimuli))
    return select_stimuli(rdms, stimuli, descriptor)


def select_stimuli(
    rdms: LabelledRdms, stimuli: Sequence[Any] | np.ndarray, descriptor: str = "stimulus"
) -> LabelledRdms:
    """The distances among some of the stimuli, in the order asked for; descriptors go along.

    Args:
        rdms: the RDMs, which are not changed.
        stimuli: two ids or more, in the new order.
        descriptor: the pattern descriptor that holds the ids.

    Raises:
        InputError: no such descriptor; ids that are missing, not unique, or unknown; fewer than two
            stimuli.

    >>> rdms = np.array([[0.1, 0.2, 0.3]])  # ab, ac, bc
    >>> labelled = LabelledRdms(rdms, "cosine", {}, {"stimulus": np.array(["a", "b", "c"])})
    >>> select_stimuli(labelled, ["c", "a"]).rdms.tolist()
    [[0.2]]
    """
    got, wanted = stimulus_ids("rdms", rdms, descriptor), _unique("stimuli", stimuli)
    if len(wanted) < 2:
        raise InputError(f"stimuli: expected two or more, got {len(wanted)}")
    place = {stimulus: i for i, stimulus in enumerate(got)}
    unknown = [stimulus for stimulus in wanted if stimulus not in place]
    if unknown:
        raise InputError(
            f"stimuli: {len(unknown)} of {len(wanted)} are not among the RDMs' stimuli, the first "
            f"is {unknown[0]!r}"
        )
    order = np.array([place[stimulus] for stimulus in wanted])
    columns = {name: np.asarray(values)[order] for name, values in rdms.pattern_descriptors.items()}
    pairs = _places_of_pairs(order, len(got))
    return replace(rdms, rdms=rdms.rdms[:, pairs], pattern_descriptors=columns)


def _unique(name: str, ids: Sequence[Any] | np.ndarray) -> list[Any]:
    array = np.asarray(ids)
    if array.ndim != 1:
        raise InputError(f"{name}: expected one id per stimulus, got shape {array.shape}")
    values = array.tolist()
    empty = [i for i, value in enumerate(values) if value is None or value == "" or value != value]
    if empty:
        raise InputError(f"{name}: {len(empty)} stimuli have no id, the first at {empty[0]}")
    twice = [value for value, count in Counter(values).items() if count > 1]
    if twice:
        raise InputError(f"{name}: {len(twice)} ids are not unique, the first is {twice[0]!r}")
    return values


def _refuse_other_ids(name: str, got: list[Any], expected: list[Any]) -> None:
    among_got, among_expected = set(got), set(expected)
    extra = [stimulus for stimulus in got if stimulus not in among_expected]
    missing = [stimulus for stimulus in expected if stimulus not in among_got]
    if extra or missing:
        parts = [
            f"{len(ids)} {what} (first {ids[0]!r})"
            for ids, what in ((missing, "missing"), (extra, "not expected"))
            if ids
        ]
        raise InputError(
            f"{name}: expected the same {len(expected)} stimuli, got {len(got)}, of which "
            f"{' and '.join(parts)}; select_stimuli takes those that are shared"
        )


def _places_of_pairs(order: Int[np.ndarray, " chosen"], n: int) -> Int[np.ndarray, " pair"]:
    """Where the pairs of the chosen stimuli lie in a condensed RDM of `n`."""
    rows, columns = pair_indices(len(order))
    low, high = np.minimum(order[rows], order[columns]), np.maximum(order[rows], order[columns])
    return low * n - low * (low + 1) // 2 + high - low - 1
