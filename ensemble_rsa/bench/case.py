"""The cases of a benchmark: one computation at one size, done in several ways."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

OURS = "ensemble_rsa"
Size = Mapping[str, int | float]  # axis → number, such as stimuli and units


@dataclass(frozen=True)
class Way:
    """One way to do a computation, a part of it, or the same computation several times."""

    call: Callable[[], Any]
    share: int | float = 1  # done by one call: 0.01 for one of 100 resamples, 10 for ten steps
    compiles: bool = False  # in the first call, which then predicts nothing about later ones
    compile: Callable[[], Any] | None = None  # does so ahead of it


# Name → way, or the reason why it cannot be measured; and what computes the error of a result.
Prepared = tuple[Mapping[str, Way | str], Callable[[Any], float] | None]


@dataclass(frozen=True)
class Case:
    """One computation at one size; cases of the same name form a table."""

    name: str
    size: Size
    prepare: Callable[[], Prepared]
    reference: str = OURS  # the way that ratios refer to
    work: int | float = 1  # proportional to the expected time of a larger case of this name
