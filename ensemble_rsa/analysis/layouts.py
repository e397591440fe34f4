"""Layouts of the stimuli in every layer of every instance, made to be looked at side by side.

`mds` embeds each RDM from several starts of its own, and picks the best. Here all instances of a
layer start from the layout of their mean RDM, so layouts differ only where RDMs do, and not because
SMACOF ended in another local minimum; and few iterations are enough.
"""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.sparse.linalg import eigsh
from scipy.spatial.distance import squareform

from ensemble_rsa.analysis.alignment import align
from ensemble_rsa.analysis.mds import distances_between, smacof
from ensemble_rsa.jax_settings import fixed_settings
from ensemble_rsa.rng import host_stream

_COMMON_ITERATIONS = 100  # of the layout of the mean RDM, which starts from classical scaling
_OWN_ITERATIONS = 20  # of each instance's, from there
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
def layouts(rdms: Float[np.ndarray, "layer instance stimulus_pair"]) -> Layouts:
    """Return the layouts of sound RDMs, as `extract` makes them, of at least four stimuli."""
    found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    before = None
    for layer in rdms:
        mean = squareform(layer.mean(0))
        common = _improve(mean, _classical_scaling(mean), _COMMON_ITERATIONS).points
        before = common if before is None else align(common, before)
        own = [_improve(squareform(rdm), before, _OWN_ITERATIONS) for rdm in layer]
        points, missed, size = map(np.stack, zip(*own, strict=True))
        found.append(
            (
                align(points, before),
                np.sqrt(missed.sum(1) / size.sum(1)),
                np.sqrt(missed / np.maximum(size, np.finfo(size.dtype).tiny)),
            )
        )
    return Layouts(*(np.stack(part) for part in zip(*found, strict=True)))


class _Improved(NamedTuple):
    """Points, and for each of them Σ(δ − d)² and Σδ² over the others."""

    points: Float[np.ndarray, "stimulus component"]
    missed: Float[np.ndarray, " stimulus"]
    size: Float[np.ndarray, " stimulus"]


def _classical_scaling(
    square: Float[np.ndarray, "stimulus stimulus"],
) -> Float[np.ndarray, "stimulus component"]:
    """Coordinates on the two leading eigenvectors of −½ J δ² J."""
    squared = square.astype(np.float64) ** 2
    means = squared.mean(0)
    gram = -0.5 * (squared - means[:, None] - means[None, :] + means.mean())
    # the same start for every run, since eigenvectors depend on it in their last digits
    start = host_stream(0, "layouts").standard_normal(len(square))
    values, vectors = eigsh(gram, 2, which="LA", v0=start)
    return (vectors * np.sqrt(np.maximum(values, 0)))[:, ::-1]


def _improve(
    square: Float[np.ndarray, "stimulus stimulus"],
    start: Float[np.ndarray, "stimulus component"],
    n_iterations: int,
) -> _Improved:
    delta, begin = jnp.asarray(square, jnp.float32), jnp.asarray(start, jnp.float32)
    return _Improved(*map(np.asarray, _scaled_smacof(delta, begin, n_iterations)))


@jax.jit
def _scaled_smacof(
    delta: Float[Array, "stimulus stimulus"],
    start: Float[Array, "stimulus component"],
    n_iterations: int | Array,
) -> tuple[
    Float[Array, "stimulus component"], Float[Array, " stimulus"], Float[Array, " stimulus"]
]:
    size = jnp.sum(delta**2, 1)
    scale = jnp.sqrt(jnp.sum(size) / jnp.sum(distances_between(start) ** 2))
    points, *_ = smacof(delta, start * scale, n_iterations, _TOLERANCE)
    return points, jnp.sum((delta - distances_between(points)) ** 2, 1), size
