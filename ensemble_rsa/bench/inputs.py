"""Activations and RDMs that the analyses are timed on, and a routine as cases of several sizes."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Float, Int

from ensemble_rsa.bench.case import Case, Job
from ensemble_rsa.rdm.build import compute_rdm

N_INSTANCES = 10
N_CATEGORIES = 10
_FEW_UNITS = 64  # behind RDMs whose activations are not part of the job


@dataclass(frozen=True)
class Routine:
    """One analysis and how to set it beside other tools.

    Attributes:
        name: of its cases.
        prepare: (stimuli, units) → job; 0 units where their number does not matter.
        n_instances: how many instances' RDMs or activations it needs.
        needs_units: whether it starts from activations.
    """

    name: str
    prepare: Callable[[int, int], Job]
    n_instances: int = N_INSTANCES
    needs_units: bool = False

    def cases(self, stimuli: Iterable[int], units: Iterable[int] = ()) -> list[Case]:
        """Cases of several numbers of stimuli (with 1,000 units), then of units (1,000 stimuli)."""
        sizes = [(n, 1000 if self.needs_units else 0) for n in stimuli]
        return [self._case(*size) for size in (*sizes, *((1000, n) for n in units))]

    def _case(self, n_stimuli: int, n_units: int) -> Case:
        return Case(
            self.name,
            {"stimuli": n_stimuli} | ({"units": n_units} if n_units else {}),
            partial(self.prepare, n_stimuli, n_units),
            work=n_stimuli**2 * max(n_units, 1),
            bytes_needed=self.n_instances * n_stimuli * (16 * n_units + 32 * n_stimuli),
        )


def related_activations(
    n_instances: int, n_stimuli: int, n_units: int
) -> Float[np.ndarray, "instance stimulus unit"]:
    """Rectified float32 activations: shared patterns of categories and stimuli, and noise.

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


def numpy_consistency(
    rdms: Float[np.ndarray, "instance stimulus_pair"],
) -> Float[np.ndarray, " instance_pair"]:
    """Squared correlations of all pairs, in float64.

    >>> numpy_consistency(np.array([[1.0, 2.0, 4.0], [2.0, 4.0, 8.0]])).round(6)
    array([1.])
    """
    return np.corrcoef(rdms)[np.triu_indices(len(rdms), 1)] ** 2


def relative_error(result: np.ndarray, expected: np.ndarray) -> float:
    """Largest deviation, relative to the largest expected value."""
    return float(np.abs(result - expected).max() / expected.max())
