"""Stacks of RDMs that exceed memory, read by ranges of pairs.

Functions of RDMs that say so take a stack in place of an array. They pass over it range by range,
with all RDMs side by side, and what they find is kept with the stack, so that several of them need
one pass.
"""

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from ensemble_rsa.arrays.rdms import instance_axes, stimuli_of_pairs
from ensemble_rsa.errors import InputError

RANGE_BYTES = 2**26  # of a range, of all RDMs together; the next one is read meanwhile
NARROWEST = 2**12  # pairs
_SAME_MEAN = 1e-11  # of the largest distance: rounding of float64 sums is smaller

ReadPairs = Callable[[int, int, int], Float[np.ndarray, " pair"]]


@dataclass(frozen=True, eq=False)
class RdmStack:
    """RDMs `(..., stimulus_pair)` that are read when they are needed.

    Attributes:
        read: number of an RDM, first pair and the pair after the last → the distances.
        numbers: the number of each RDM, `(...)`.
        n_stimuli: how many stimuli they have.
        means: of the distances of each RDM, by its number.
        least: the smallest distance, likewise.
        largest: the largest distance, likewise.
        dtype: of the distances in memory.
        found: what passes over the stack have found; shared with its parts.
        name_of: number of an RDM → how errors name it.
    """

    read: ReadPairs
    numbers: Int[np.ndarray, "..."]
    n_stimuli: int
    means: Float[np.ndarray, " rdm"]
    least: Float[np.ndarray, " rdm"]
    largest: Float[np.ndarray, " rdm"]
    dtype: Any = np.float32
    found: dict[Any, Any] = field(default_factory=dict)
    name_of: Callable[[int], str] = "RDM {}".format

    @property
    def shape(self) -> tuple[int, ...]:
        """As of an array of the distances."""
        return (*self.numbers.shape, self.n_pairs)

    @property
    def ndim(self) -> int:
        """As of an array of the distances."""
        return self.numbers.ndim + 1

    @property
    def n_pairs(self) -> int:
        """How many distances each RDM has."""
        return self.n_stimuli * (self.n_stimuli - 1) // 2

    @property
    def n_rdms(self) -> int:
        """How many RDMs there are."""
        return math.prod(self.numbers.shape)

    def __getitem__(self, key: Any) -> "RdmStack":
        """Return some of the RDMs, by their leading axes."""
        return self._with(np.asarray(self.numbers[key]))

    def reshape(self, *shape: int) -> "RdmStack":
        """Return the RDMs on other leading axes; the last number is that of the distances."""
        return self._with(self.numbers.reshape(shape[:-1]))

    def _with(self, numbers: Int[np.ndarray, "..."]) -> "RdmStack":
        return dataclasses.replace(self, numbers=numbers)

    def parts(self) -> list[slice]:
        """The consecutive ranges of pairs that `ranges` yields."""
        width = max(NARROWEST, RANGE_BYTES // (4 * self.n_rdms))
        return [
            slice(start, min(start + width, self.n_pairs))
            for start in range(0, self.n_pairs, width)
        ]

    def ranges(
        self, parts: Sequence[slice] | None = None
    ) -> Iterator[tuple[slice, Float[np.ndarray, "rdm some_pair"]]]:
        """Yield ranges of pairs, by default all, with the distances of all RDMs, in rows."""
        numbers, parts = self.numbers.reshape(-1), self.parts() if parts is None else parts

        def load(part: slice) -> Float[np.ndarray, "rdm some_pair"]:
            rows = np.empty((len(numbers), part.stop - part.start), self.dtype)
            for row, number in zip(rows, numbers.tolist(), strict=True):
                row[:] = self.read(number, part.start, part.stop)
            return rows

        with ThreadPoolExecutor(1) as reader:
            coming = reader.submit(load, parts[0])
            for i, part in enumerate(parts):
                rows = coming.result()
                if i + 1 < len(parts):
                    coming = reader.submit(load, parts[i + 1])
                yield part, rows

    def load(self) -> Float[np.ndarray, "... stimulus_pair"]:
        """Return all distances as an array in memory."""
        rows, sums = np.empty((self.n_rdms, self.n_pairs), self.dtype), np.zeros(self.n_rdms)
        for part, values in self.ranges():
            rows[:, part] = values
            sums += values.sum(1, dtype=np.float64)
        self.check_sums(sums)
        return rows.reshape(self.shape)

    def check_sums(self, sums: Float[np.ndarray, " rdm"]) -> None:
        """Raise for an RDM whose distances, read once, do not add up to what its mean says.

        A file that lost its content with the power holds zeros, which are distances as well.
        """
        numbers = self.numbers.reshape(-1)
        means, size = self.means[numbers], np.maximum(-self.least, self.largest)[numbers]
        for number, one, mean, most in zip(numbers.tolist(), sums, means, size, strict=True):
            if not abs(one / self.n_pairs - mean) <= _SAME_MEAN * most:
                raise InputError(
                    f"{self.name_of(number)}: damaged, expected distances with a mean of {mean:g}, "
                    f"got {one / self.n_pairs:g}; restore it from a copy, or compute it again"
                )


def check_instance_stack(name: str, stack: RdmStack, least: int = 2) -> RdmStack:
    """Return a stack `(..., instance, stimulus_pair)` of at least so many instances.

    `check_instance_rdms` does the same for arrays.
    """
    if stack.ndim < 2 or stack.shape[-2] < least:
        raise InputError(f"{name}: expected shape {instance_axes(least)}, got {stack.shape}")
    return stack


def side_by_side(one: Any, other: Any) -> RdmStack:
    """Return two groups of RDMs, on disk or in memory, as one stack of all their instances.

    Raises:
        InputError: other stimuli, or other leading axes.
    """
    stacks = [each if isinstance(each, RdmStack) else in_memory(each) for each in (one, other)]
    first, second = stacks
    if (first.n_pairs, first.numbers.shape[:-1]) != (second.n_pairs, second.numbers.shape[:-1]):
        raise InputError(
            f"others: expected the leading axes and stimulus pairs of rdms, {first.shape}, got "
            f"{second.shape}"
        )
    n = len(first.means)

    def read(number: int, start: int, stop: int) -> Float[np.ndarray, " pair"]:
        if number < n:
            return first.read(number, start, stop)
        return second.read(number - n, start, stop)

    def name_of(number: int) -> str:
        return first.name_of(number) if number < n else second.name_of(number - n)

    return RdmStack(
        read,
        np.concatenate([first.numbers, second.numbers + n], axis=-1),
        first.n_stimuli,
        np.concatenate([first.means, second.means]),
        np.concatenate([first.least, second.least]),
        np.concatenate([first.largest, second.largest]),
        np.result_type(first.dtype, second.dtype),
        name_of=name_of,
    )


def in_memory(rdms: Any) -> RdmStack:
    """Return RDMs in memory `(..., stimulus_pair)` as a stack.

    >>> in_memory(np.array([[1.0, 2.0, 3.0], [3.0, 1.0, 2.0]])).shape
    (2, 3)
    """
    rows = np.asarray(rdms).reshape(-1, rdms.shape[-1])
    return RdmStack(
        lambda number, start, stop: rows[number, start:stop],
        np.arange(len(rows)).reshape(rdms.shape[:-1]),
        stimuli_of_pairs("rdms", rows.shape[1]),
        rows.mean(1, dtype=np.float64),
        rows.min(1).astype(np.float64),
        rows.max(1).astype(np.float64),
        np.float32 if rows.dtype == np.float32 else np.float64,
    )


def pair_rows(pairs: slice, n_stimuli: int) -> Iterator[tuple[int, slice, slice]]:
    """Yield the parts of rows that a range of pairs is made of.

    Each is the number of a stimulus, the stimuli that it is paired with, and where in the range
    their distances are.

    >>> list(pair_rows(slice(1, 4), 4))  # of (0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)
    [(0, slice(2, 4, None), slice(0, 2, None)), (1, slice(2, 3, None), slice(2, 3, None))]
    """
    row = row_of_pair(pairs.start, n_stimuli)
    place = pairs.start
    while place < pairs.stop:
        begin = first_pair(row, n_stimuli)
        stop = min(begin + n_stimuli - 1 - row, pairs.stop)
        others = slice(row + 1 + place - begin, row + 1 + stop - begin)
        yield row, others, slice(place - pairs.start, stop - pairs.start)
        place, row = stop, row + 1


def first_pair(row: int, n_stimuli: int) -> int:
    """Where the pairs of a stimulus with those after it begin.

    >>> [first_pair(row, 4) for row in range(3)]
    [0, 3, 5]
    """
    return row * n_stimuli - row * (row + 1) // 2


def row_of_pair(pair: int, n_stimuli: int) -> int:
    """The first stimulus of a pair.

    >>> [row_of_pair(pair, 4) for pair in range(6)]
    [0, 0, 0, 1, 1, 2]
    """
    after = n_stimuli * (n_stimuli - 1) // 2 - 1 - pair  # pairs that follow
    return n_stimuli - 2 - (math.isqrt(8 * after + 1) - 1) // 2


def same_category_pairs(
    codes: Int[np.ndarray, " stimulus"], pairs: slice
) -> Int[np.ndarray, " same_pair"]:
    """Where in a range the pairs of stimuli of one category are.

    >>> same_category_pairs(np.array([0, 1, 1, 0]), slice(1, 6)).tolist()
    [1, 2]
    """
    found = [
        np.flatnonzero(codes[others] == codes[row]) + places.start
        for row, others, places in pair_rows(pairs, len(codes))
    ]
    return np.concatenate(found)
