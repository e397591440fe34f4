"""What a benchmark is made of: routines, jobs of one size, and ways of doing a job."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from ensemble_rsa.rdm.build import compute_rdm

OURS = "ensemble_rsa"
# Other tools in the order of their columns, and what `pip install` calls them.
RIVALS = {
    "NumPy": "numpy",
    "SciPy": "scipy",
    "scikit-learn": "scikit-learn",
    "rsatoolbox": "rsatoolbox",
}
N_INSTANCES = 10
N_CATEGORIES = 10
_FEW_UNITS = 64  # behind RDMs whose activations are not part of the job


@dataclass(frozen=True)
class Size:
    """How large a job is; 0 units where their number does not matter."""

    stimuli: int
    units: int = 0


@dataclass(frozen=True)
class Way:
    """One way of doing a job.

    Attributes:
        call: does it, or a part of it.
        share: the part of the job that one call does: 0.01 for one of a hundred resamples.
    """

    call: Callable[[], Any]
    share: float = 1.0


@dataclass(frozen=True)
class Job:
    """One size of a routine, ready to be done.

    Attributes:
        ways: ours first; None for a tool that is not installed.
        error: of a result, from that of float64; None where there is no such number.
        close: removes what the job needed.
    """

    ways: Mapping[str, Way | None]
    error: Callable[[Any], float] | None = None
    close: Callable[[], None] = field(default=lambda: None)


@dataclass(frozen=True)
class Routine:
    """One thing this package does, and how to set it beside other tools.

    Attributes:
        name: in the table.
        prepare: makes a job of a size. It raises `RunError` where the machine is too small.
        work: what time grows with, in any unit, to foresee how long a larger job takes.
        memory: bytes that any tool may need at most for a job of this size.
    """

    name: str
    prepare: Callable[[Size], Job]
    work: Callable[[Size], int]
    memory: Callable[[Size], int]


def optional(make: Callable[..., Way], *arguments: Any) -> Way | None:
    """What `make` returns, or None where the tool it imports is not installed."""
    try:
        return make(*arguments)
    except ImportError:
        return None


def related_activations(
    n_instances: int, n_stimuli: int, n_units: int
) -> Float[np.ndarray, "instance stimulus unit"]:
    """Rectified activations, float32: categories, stimuli of their own, and each instance's share.

    >>> related_activations(2, 20, 5).shape
    (2, 20, 5)
    """
    rng = np.random.default_rng(0)
    draw = lambda *shape: rng.standard_normal(shape, np.float32)
    shared = draw(N_CATEGORIES, n_units)[labels_of(n_stimuli)] + 2 * draw(n_stimuli, n_units)
    activations = np.empty((n_instances, n_stimuli, n_units), np.float32)
    for instance in activations:
        np.maximum(shared + draw(n_stimuli, n_units), 0, out=instance)
    return activations


def labels_of(n_stimuli: int) -> Int[np.ndarray, " stimulus"]:
    """Ten categories, as equal in size as can be."""
    return np.arange(n_stimuli) % N_CATEGORIES


def related_rdms(
    n_stimuli: int, n_instances: int = N_INSTANCES
) -> Float[np.ndarray, "instance stimulus_pair"]:
    """Correlation distances of related activations, float32."""
    return np.array(compute_rdm(related_activations(n_instances, n_stimuli, _FEW_UNITS)))


def memory_of_rdms(size: Size) -> int:
    """Bytes for comparing the RDMs of all instances in float64, with some copies."""
    return 20 * N_INSTANCES * size.stimuli**2


def numpy_consistency(
    rdms: Float[np.ndarray, "instance stimulus_pair"],
) -> Float[np.ndarray, " instance_pair"]:
    """Squared correlations of all pairs, in float64.

    >>> numpy_consistency(np.array([[1.0, 2.0, 4.0], [2.0, 4.0, 8.0]])).round(6)
    array([1.])
    """
    return np.corrcoef(rdms)[np.triu_indices(len(rdms), 1)] ** 2
