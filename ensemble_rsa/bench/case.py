"""A benchmark is a list of cases: a job of one size, and the ways of doing it side by side."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Size = Mapping[str, int | float]  # axis → number, such as stimuli and units
OURS = "ensemble_rsa"
NOT_INSTALLED = "not installed"
# Other tools, and what `pip install` calls them.
TOOLS = {
    "NumPy": "numpy",
    "SciPy": "scipy",
    "scikit-learn": "scikit-learn",
    "rsatoolbox": "rsatoolbox",
    "PyTorch, one by one": "torch",
    "PyTorch, torch.func.vmap": "torch",
}


@dataclass(frozen=True)
class Way:
    """One way of doing a job.

    Attributes:
        call: does the job, a part of it, or the same job several times.
        share: how much of the job one call does: 0.01 for one of a hundred resamples, 10 for ten
            training steps.
        compiles: whether the first call compiles, so that its time says nothing about later ones.
    """

    call: Callable[[], Any]
    share: int | float = 1
    compiles: bool = False


@dataclass(frozen=True)
class Job:
    """A case that is ready to run.

    Attributes:
        ways: name → way, or the reason why it cannot be tried.
        error: deviation of a result from float64; None where there is no such number.
        close: removes what the job needed.
    """

    ways: Mapping[str, Way | str]
    error: Callable[[Any], float] | None = None
    close: Callable[[], None] = field(default=lambda: None)


@dataclass(frozen=True)
class Case:
    """A job of one size.

    Attributes:
        name: of the job; cases of the same name form a table.
        size: how large it is.
        prepare: makes the job. It raises `RunError` where the machine is too small.
        reference: the way that ratios refer to.
        work: what time grows with, in any unit, to predict how long a larger case takes.
        bytes_needed: memory that any way may need at most.
    """

    name: str
    size: Size
    prepare: Callable[[], Job]
    reference: str = OURS
    work: int | float = 1
    bytes_needed: int = 0


def ours(call: Callable[[], Any]) -> dict[str, Way | str]:
    """This package's way, as the first entry of `Job.ways`."""
    return {OURS: Way(call, compiles=True)}


def optional(make: Callable[..., Way], *arguments: Any) -> Way | str:
    """What `make` returns, or the reason where the tool it imports is not installed."""
    try:
        return make(*arguments)
    except ImportError:
        return NOT_INSTALLED
