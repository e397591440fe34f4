"""Arrays in files that are not read yet, and a layer made of them, read in blocks of units."""

import math
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ensemble_rsa.errors import InputError, RunError, first_line

# What the parsers of all formats raise for a damaged or incomplete file.
DAMAGED = (
    OSError, ValueError, KeyError, TypeError, IndexError, EOFError, RuntimeError,
    NotImplementedError, zipfile.BadZipFile, zlib.error, struct.error,
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Member:
    """One array in a file.

    Attributes:
        where: the file and the array in it, for messages.
        shape: `(stimulus, ...)`; all axes but the first are units.
        dtype: real numbers.
        read: slices, one for each axis → that part of the array.
        sliced: whether a part can be read without reading the whole.
    """

    where: str
    shape: tuple[int, ...]
    dtype: np.dtype
    read: Callable[[tuple[slice, ...]], np.ndarray]
    sliced: bool = True

    @property
    def n_units(self) -> int:
        """How many units there are."""
        return math.prod(self.shape[1:])


@dataclass(frozen=True, eq=False)
class Contents:
    """What a file holds.

    Attributes:
        arrays: name → array; the name is "" in formats that hold one array without a name.
        stimuli: an id for each row, if the file says so.
        categories: a category for each row, if the file says so.
        notes: how the file was read, where that is not obvious.
    """

    arrays: dict[str, Member]
    stimuli: tuple[str, ...] | None = None
    categories: tuple[Any, ...] | None = None
    notes: tuple[str, ...] = ()


@contextmanager
def damage_named(path: Path, expected: str) -> Iterator[None]:
    """Turn the errors of a format's parser into one that names the file."""
    try:
        yield
    except (InputError, RunError):
        raise
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except DAMAGED as error:
        reason = first_line(error)
        raise InputError(
            f"{path}: expected {expected}; the file cannot be read and may be damaged or "
            f"incomplete ({reason})"
        ) from None


class LayerPatterns:
    """The patterns `(stimulus, unit)` of one layer of one instance, read in slices of units.

    The rows of all members follow each other. All axes but the first are flattened, the last axis
    running fastest.
    """

    ndim = 2

    def __init__(self, members: Sequence[Member]):
        self._members = tuple(members)
        self.shape = (sum(member.shape[0] for member in members), members[0].n_units)
        self.dtype = np.result_type(*{member.dtype for member in members})

    def __getitem__(self, key: Any) -> np.ndarray:
        """Return chosen rows and units, for which all rows of these units are read."""
        rows, units = key if isinstance(key, tuple) and len(key) == 2 else (slice(None),) * 2
        start, stop, step = units.indices(self.shape[1])
        parts = [_units_of(member, start, max(start, stop)) for member in self._members]
        found = parts[0] if len(parts) == 1 else np.concatenate(parts)
        return np.asarray(found[rows, ::step])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self[:, :], dtype)

    def loaded(self) -> Any:
        """Return the patterns in memory if the format has no other way to read them, else self."""
        return self if all(member.sliced for member in self._members) else self[:, :]


def _units_of(member: Member, start: int, stop: int) -> np.ndarray:
    """Read units `start` to `stop` of the flattened axes, all rows; refuse NaN and inf."""
    everything = slice(None)
    others = (everything,) * max(0, len(member.shape) - 2)
    if not others:
        found = member.read((everything, slice(start, stop)))
    else:  # whole entries of the second axis that cover these units
        inner = math.prod(member.shape[2:])
        first, last = start // inner, -(-stop // inner)
        block = member.read((everything, slice(first, last), *others))
        found = block.reshape(len(block), -1)[:, start - first * inner : stop - first * inner]
    found = np.asarray(found)
    expected = (member.shape[0], stop - start)
    if found.shape != expected:
        raise InputError(f"{member.where}: expected {expected} numbers, got {found.shape}")
    if found.dtype.kind not in "biu" and not np.isfinite(found).all():
        row, unit = (int(place[0]) for place in np.nonzero(~np.isfinite(found)))
        raise InputError(
            f"{member.where}: expected finite numbers, got NaN or inf, the first at row {row}, "
            f"unit {start + unit}"
        )
    return found
