"""The cases of a benchmark: one computation at one size, done in several ways."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

OURS = "ensemble_rsa"
Size = Mapping[str, int | float]  # axis → number, such as stimuli and units


@dataclass(frozen=True)
class Way:
    """One way to do a computation.

    Attributes:
        call: does the computation, a part of it, or the same computation several times.
        share: how much of it one call does: 0.01 for one of a hundred resamples, 10 for ten
            training steps.
        compiles: whether the first call compiles, so that it predicts nothing about later ones.
    """

    call: Callable[[], Any]
    share: int | float = 1
    compiles: bool = False


# Name → way, or the reason why it cannot be measured; and what computes the error of a result.
Prepared = tuple[Mapping[str, Way | str], Callable[[Any], float] | None]


@dataclass(frozen=True)
class Case:
    """One computation at one size.

    Attributes:
        name: cases of the same name form a table.
        size: the size of the input.
        prepare: makes the input and the calls.
        reference: the way that ratios refer to.
        work: proportional to the expected time; predicts how long a larger case takes.
    """

    name: str
    size: Size
    prepare: Callable[[], Prepared]
    reference: str = OURS
    work: int | float = 1
