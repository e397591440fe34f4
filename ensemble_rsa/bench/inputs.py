"""Made-up activations and RDMs of related instances, on which the analyses are timed."""

import numpy as np
from jaxtyping import Float, Int

from ensemble_rsa.rdm.build import compute_rdm

N_CATEGORIES = 10
_FEW_UNITS = 64  # of the activations behind RDMs


def related_activations(
    n_instances: int, stimuli: int, units: int
) -> Float[np.ndarray, "instance stimulus unit"]:
    """Rectified float32 activations: shared patterns of categories and stimuli, and noise."""
    rng = np.random.default_rng(0)
    draw = lambda *shape: rng.standard_normal(shape, np.float32)
    shared = draw(N_CATEGORIES, units)[labels_of(stimuli)] + 2 * draw(stimuli, units)
    activations = np.empty((n_instances, stimuli, units), np.float32)
    for instance in activations:
        np.maximum(shared + draw(stimuli, units), 0, out=instance)
    return activations


def related_rdms(n_instances: int, stimuli: int) -> Float[np.ndarray, "instance stimulus_pair"]:
    """Correlation distances of related activations, float32."""
    return np.array(compute_rdm(related_activations(n_instances, stimuli, _FEW_UNITS)))


def labels_of(n_stimuli: int) -> Int[np.ndarray, " stimulus"]:
    """Categories of nearly equal size."""
    return np.arange(n_stimuli) % N_CATEGORIES
