"""Layouts of the stimuli in every layer of every instance, made to be looked at side by side.

`mds` embeds each RDM from several starts of its own, and picks the best. Here all instances of a
layer start from the layout of their mean RDM, so layouts differ only where RDMs do, and not because
SMACOF ended in another local minimum; and few iterations are enough.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.spatial.distance import squareform

from ensemble_rsa.analysis.alignment import align
from ensemble_rsa.analysis.mds import distances_between, mds, smacof
from ensemble_rsa.jax_settings import fixed_settings

_COMMON_ITERATIONS = 100  # of the layout of the mean RDM
_OWN_ITERATIONS = 30  # of each instance's, from there
_TOLERANCE = 1e-5  # relative drop of Σ(δ − d)² below which SMACOF ends


@dataclass(frozen=True)
class Layouts:
    """Aligned layouts in two dimensions.

    Attributes:
        embedding: `(layer, instance, stimulus, component)`, in the units of the distances, centred,
            rotated and reflected to match each other and the layer before.
        stress: metric stress as in `ensemble_rsa.analysis.mds.Mds`, `(layer, instance)`.
        pointwise_stress: `(layer, instance, stimulus)`.
    """

    embedding: Float[np.ndarray, "layer instance stimulus component"]
    stress: Float[np.ndarray, "layer instance"]
    pointwise_stress: Float[np.ndarray, "layer instance stimulus"]


@fixed_settings()
def layouts(rdms: Float[np.ndarray, "layer instance stimulus_pair"], seed: int = 0) -> Layouts:
    """Return the layouts of sound RDMs, as `extract` makes them; `seed` is that of `mds`."""
    found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    before = None
    for layer in rdms:
        common = mds(layer.mean(0), n_init=1, max_iter=_COMMON_ITERATIONS, seed=seed).embedding
        before = common if before is None else align(common, before)
        squares = jnp.asarray(np.stack([squareform(rdm) for rdm in layer]), jnp.float32)
        points, error, size = map(np.asarray, _from_common_start(squares, before))
        found.append(
            (align(points, before), np.sqrt(error.sum(1) / size.sum(1)), np.sqrt(error / size))
        )
    return Layouts(*(np.stack(part) for part in zip(*found, strict=True)))


@jax.jit
def _from_common_start(
    deltas: Float[Array, "instance stimulus stimulus"], start: Float[Array, "stimulus component"]
) -> tuple[
    Float[Array, "instance stimulus component"],
    Float[Array, "instance stimulus"],
    Float[Array, "instance stimulus"],
]:
    """Points, and for each of them Σ(δ − d)² and Σδ² over the others."""

    def one(delta):
        scale = jnp.sqrt(jnp.sum(delta**2) / jnp.sum(distances_between(start) ** 2))
        points, *_ = smacof(delta, start * scale, _OWN_ITERATIONS, _TOLERANCE)
        missed = delta - distances_between(points)
        return points, jnp.sum(missed**2, 1), jnp.sum(delta**2, 1)

    return jax.lax.map(one, deltas)
