"""How time and memory grow: exponents of a power law, from a straight line through logarithms."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ensemble_rsa.bench.run import Row

_LEAST_POINTS = 3
_LEAST_MIB = 1.0  # less is noise of the allocator


@dataclass(frozen=True)
class Growth:
    """Time ∝ size^`time`, memory ∝ size^`memory`, over a range of one axis.

    Attributes:
        routine: what was done.
        tool: who did it.
        axis: `stimuli` or `units`.
        low: smallest size.
        high: largest size.
        other: how many there were of the other axis; 0 where that does not matter.
        time: exponent of the seconds of calls after the first.
        memory: exponent of the extra memory; None where it was too small or is not known.
    """

    routine: str
    tool: str
    axis: str
    low: int
    high: int
    other: int
    time: float
    memory: float | None


def fit_growth(rows: Sequence[Row]) -> list[Growth]:
    """Exponents for each routine, tool and axis that were measured at three sizes or more.

    >>> quadratic = [Row("a", n, 0, "b", seconds=float(n * n)) for n in (10, 20, 40)]
    >>> [(growth.axis, round(growth.time, 6)) for growth in fit_growth(quadratic)]
    [('stimuli', 2.0)]
    """
    found = []
    for axis, other in (("stimuli", "units"), ("units", "stimuli")):
        groups: dict[tuple[str, str, int], list[Row]] = {}
        for row in rows:
            if row.seconds is not None:
                groups.setdefault((row.routine, row.tool, getattr(row, other)), []).append(row)
        for (routine, tool, fixed), members in groups.items():
            sizes = [getattr(row, axis) for row in members]
            time = _exponent(sizes, [row.seconds for row in members], 0.0)
            if time is not None:
                memory = _exponent(sizes, [row.extra_mib for row in members], _LEAST_MIB)
                low, high = min(sizes), max(sizes)
                found.append(Growth(routine, tool, axis, low, high, fixed, time, memory))
    return found


def _exponent(sizes: Sequence[int], values: Sequence[float | None], least: float) -> float | None:
    """Slope of log value over log size, of the values above `least`; None if they are too few."""
    points = [
        (size, value)
        for size, value in zip(sizes, values, strict=True)
        if value is not None and value > least
    ]
    if len({size for size, _ in points}) < _LEAST_POINTS:
        return None
    x, y = np.log(np.array(points, float)).T
    return float(np.polyfit(x, y, 1)[0])
