"""Where the distances of one RDM go, block by block in the order of pairs: memory, or a store."""

from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float


@runtime_checkable
class Sink(Protocol):
    """Takes the distances of one RDM; `write` may begin again with the first pair.

    Attributes:
        dtype: of the distances.
    """

    dtype: np.dtype

    def write(self, start: int, distances: Float[np.ndarray, " some_pair"]) -> None:
        """Take the distances of consecutive pairs, of which the first is number `start`."""
        ...

    def clear(self, level: float) -> None:
        """Set all distances that are not above `level` to 0."""
        ...


class InMemory:
    """A sink that is an array.

    >>> sink = InMemory(np.empty(3, np.float32))
    >>> sink.write(0, np.array([0.5, 0.25, 1.0]))
    >>> sink.clear(0.25)
    >>> sink.out.tolist()
    [0.5, 0.0, 1.0]
    """

    def __init__(self, out: Float[np.ndarray, " stimulus_pair"]):
        self.out, self.dtype = out, out.dtype

    def write(self, start: int, distances: Float[np.ndarray, " some_pair"]) -> None:
        """Take the distances of consecutive pairs, of which the first is number `start`."""
        self.out[start : start + len(distances)] = distances

    def clear(self, level: float) -> None:
        """Set all distances that are not above `level` to 0."""
        self.out[self.out <= level] = 0


class Extremes(NamedTuple):
    """The smallest and the largest of some numbers.

    >>> Extremes().with_those_of(np.array([1.0, np.nan])).with_those_of(np.array([3.0]))
    Extremes(low=1.0, high=3.0)
    """

    low: float = np.inf
    high: float = -np.inf

    def with_those_of(self, values: Float[np.ndarray, " value"]) -> "Extremes":
        """Extremes of these numbers, too; NaN is left out."""
        low, high = float(np.fmin.reduce(values)), float(np.fmax.reduce(values))
        return Extremes(float(np.fmin(self.low, low)), float(np.fmax(self.high, high)))
