"""Pictures of a geometry: metric multidimensional scaling (SMACOF), and aligning pictures."""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key
from scipy.spatial.distance import pdist, squareform

from ensemble_rsa.arrays import ArrayLike, check_array, check_count, check_finite, stimuli_of_pairs
from ensemble_rsa.errors import InputError
from ensemble_rsa.rng import stream

_POWER_STEPS = 30  # enough for a start, which SMACOF then improves
_NOISE = 1e-3  # of a start's spread: lets coinciding points and points on a line come apart
_ROUNDING = 1e-6  # of the largest distance: negative or lopsided entries up to this are rounding


@dataclass(frozen=True)
class Mds:
    """An embedding and how faithful it is; δ are the given distances and d those in the picture.

    Attributes:
        embedding: `(..., stimulus, component)`, centred, in the units of the distances, turned to
            its principal axes (widest first); on each axis the stimulus farthest out is on the
            positive side.
        stress: sqrt(Σ(δ − d)² / Σδ²) over pairs, `(...)`: 0 is perfect.
        pointwise_stress: sqrt(Σ_j(δ_ij − d_ij)² / Σ_j δ_ij²) of each stimulus i, `(..., stimulus)`.
        n_iter: iterations that the best start took, `(...)`.
    """

    embedding: Float[np.ndarray, "... stimulus component"]
    stress: Float[np.ndarray, "..."]
    pointwise_stress: Float[np.ndarray, "... stimulus"]
    n_iter: Int[np.ndarray, "..."]


def mds(
    rdm: ArrayLike,
    n_components: int = 2,
    n_init: int = 4,
    max_iter: int = 300,
    seed: int = 0,
    tolerance: float = 1e-6,
) -> Mds:
    """Place stimuli so that their distances match an RDM: least metric stress (paper.md §5.12).

    The method is SMACOF. The first start is close to classical scaling, the others are random; the
    start with the least stress wins. A start ends when an iteration lowers Σ(δ − d)² by less than
    `tolerance` of itself, or after `max_iter` iterations.

    Args:
        rdm: condensed `(..., stimulus_pair)`, or square `(..., stimulus, stimulus)`, such as
            second-level distances.
        n_components: dimensions of the picture.
        n_init: number of starts.
        max_iter: most iterations per start.
        seed: of the random starts.
        tolerance: the relative drop of stress below which a start ends.

    Raises:
        InputError: NaN, negative distances, all distances 0 (also those of one stimulus), a square
            matrix that is not symmetric with a zero diagonal, or a count below 1.

    >>> result = mds(np.array([3.0, 4.0, 5.0]))
    >>> result.embedding.shape, bool(result.stress < 1e-3)
    ((3, 2), True)
    """
    distances, n_stimuli = _condensed(rdm)
    n_components = check_count("n_components", n_components, 1)
    if n_components > n_stimuli:
        raise InputError(
            f"n_components: expected at most {n_stimuli}, one per stimulus, got {n_components}"
        )
    n_init = check_count("n_init", n_init, 1)
    max_iter = check_count("max_iter", max_iter, 1)
    if not 0 <= tolerance < 1:
        raise InputError(f"tolerance: expected a number from 0 to below 1, got {tolerance!r}")
    keys = jax.random.split(stream(seed, "mds"), n_init)
    solved = []
    for index in np.ndindex(*distances.shape[:-1]):
        square = squareform(distances[index])
        scale = square.max()
        points, n_iter = _best_of_starts(
            jnp.asarray(square / scale, jnp.float32),
            keys,
            n_components,
            max_iter,
            tolerance,
            _starts_at_once(n_init),
        )
        embedding = _principal_axes(np.asarray(points, np.float64) * scale)
        solved.append((embedding, *_stresses(square, embedding), int(n_iter)))
    leading = distances.shape[:-1]
    embedding, stress, pointwise, n_iter = (
        np.reshape(np.stack(parts), (*leading, *np.shape(parts[0])))
        for parts in zip(*solved, strict=True)
    )
    return Mds(embedding, stress, pointwise, n_iter)


def align(
    embedding: ArrayLike, reference: ArrayLike, scale: bool = False
) -> Float[np.ndarray, "... stimulus component"]:
    """Turn, mirror and shift an embedding onto another of the same stimuli (Procrustes).

    For a row of layers, align each to the one before it, already aligned. Stress does not change,
    unless `scale` is set, which also stretches the embedding to fit.

    Args:
        embedding: `(..., stimulus, component)`.
        reference: the same shape, or `(stimulus, component)` for all.
        scale: whether the size may change, too.

    Raises:
        InputError: shapes that do not match, or NaN.

    >>> align(np.array([[0.0, 0.0], [0.0, 2.0]]), np.array([[5.0, 1.0], [7.0, 1.0]])).round(6)
    array([[5., 1.],
           [7., 1.]])
    """
    points, target = (
        np.asarray(check_array(name, value, 2, "(..., stimulus, component)"), np.float64)
        for name, value in (("embedding", embedding), ("reference", reference))
    )
    if target.shape not in (points.shape, points.shape[-2:]):
        raise InputError(
            f"reference: expected the embedding's shape {points.shape}, got {target.shape}"
        )
    check_finite("embedding", points)
    check_finite("reference", target)
    centre = target.mean(-2, keepdims=True)
    points = points - points.mean(-2, keepdims=True)
    left, singular, right = np.linalg.svd(np.swapaxes(points, -1, -2) @ (target - centre))
    aligned = points @ (left @ right)
    if scale:
        size = (points**2).sum((-2, -1), keepdims=True)
        aligned = aligned * singular.sum(-1)[..., None, None] / np.where(size > 0, size, 1)
    return aligned + centre


def _condensed(rdm: ArrayLike) -> tuple[Float[np.ndarray, "... stimulus_pair"], int]:
    """Distances in float64, condensed whichever way they came."""
    distances = np.asarray(check_array("rdm", rdm, 1, "(..., stimulus_pair)"), np.float64)
    check_finite("rdm", distances)
    largest = np.abs(distances).max()
    if distances.ndim >= 2 and distances.shape[-1] == distances.shape[-2]:
        lopsided = np.abs(distances - np.swapaxes(distances, -1, -2)).max() > _ROUNDING * largest
        diagonal = np.abs(np.diagonal(distances, axis1=-2, axis2=-1)).max() > _ROUNDING * largest
        if not lopsided and not diagonal and distances.shape[-1] > 1:
            distances = distances[..., *np.triu_indices(distances.shape[-1], 1)]
    n_stimuli = stimuli_of_pairs("rdm", distances.shape[-1])
    if distances.min() < -_ROUNDING * largest:
        raise InputError(f"rdm: expected distances of at least 0, got {distances.min():g}")
    distances = np.maximum(distances, 0)
    for index in np.ndindex(*distances.shape[:-1]):
        alone = np.flatnonzero(squareform(distances[index]).max(0) == 0)
        if len(alone):
            raise InputError(
                f"rdm: expected each stimulus to differ from another, got stimulus {alone[0]} of "
                f"RDM {list(index)} at distance 0 from all: its stress is undefined, leave it out"
            )
    return distances, n_stimuli


def _starts_at_once(n_init: int) -> int:
    """One after the other on a CPU, where batches are 3 times slower; elsewhere all together."""
    return 1 if jax.default_backend() == "cpu" else n_init


@partial(jax.jit, static_argnames=("n_components", "starts_at_once"))
def _best_of_starts(
    delta: Float[Array, "stimulus stimulus"],
    keys: Key[Array, " start"],
    n_components: int,
    max_iter: int | Array,
    tolerance: float | Array,
    starts_at_once: int,
) -> tuple[Float[Array, "stimulus component"], Int[Array, ""]]:
    shape = (len(delta), n_components)
    noise = jax.vmap(lambda key: jax.random.normal(key, shape))(keys) * jnp.std(delta)
    starts = noise.at[0].multiply(_NOISE).at[0].add(_near_classical_scaling(delta, noise[0]))
    points, stresses, n_iter = jax.lax.map(
        lambda start: _smacof(delta, start, max_iter, tolerance), starts, batch_size=starts_at_once
    )
    best = jnp.argmin(stresses)
    return points[best], n_iter[best]


def _near_classical_scaling(
    delta: Float[Array, "stimulus stimulus"], start: Float[Array, "stimulus component"]
) -> Float[Array, "stimulus component"]:
    """Coordinates on the leading eigenvectors of −½ J δ² J, by some steps of subspace iteration."""
    squared = delta**2
    means = jnp.mean(squared, 0)
    gram = -0.5 * (squared - means[:, None] - means[None, :] + jnp.mean(means))

    def step(_, basis):
        return jnp.linalg.qr(jnp.matmul(gram, basis, precision="highest"))[0]

    basis = jax.lax.fori_loop(0, _POWER_STEPS, step, start)
    values, turn = jnp.linalg.eigh(
        jnp.matmul(basis.T, jnp.matmul(gram, basis, precision="highest"))
    )
    return jnp.matmul(basis, turn) * jnp.sqrt(jnp.clip(values, 0))[None, :]


def _smacof(
    delta: Float[Array, "stimulus stimulus"],
    start: Float[Array, "stimulus component"],
    max_iter: int | Array,
    tolerance: float | Array,
) -> tuple[Float[Array, "stimulus component"], Float[Array, ""], Int[Array, ""]]:
    """Guttman transforms X ← B(X) X / n until stress stalls: points, Σ(δ − d)², iterations."""

    def distances(points):
        # Component by component: XLA fuses it into the n × n pass, where a sum over a short last
        # axis is 15 times slower.
        squared = sum(
            (points[:, None, c] - points[None, :, c]) ** 2 for c in range(points.shape[1])
        )
        return jnp.sqrt(squared)

    def going(state):
        _, before, now, iteration = state
        return (iteration < max_iter) & (now < (1 - tolerance) * before)

    def step(state):
        points, _, before, iteration = state
        between = distances(points)
        ratio = jnp.where(between > 0, delta / jnp.where(between > 0, between, 1), 0)
        pulled = jnp.matmul(ratio, points, precision="highest")
        moved = (jnp.sum(ratio, 1, keepdims=True) * points - pulled) / len(delta)
        return moved, before, jnp.sum((delta - between) ** 2), iteration + 1

    # The stress is that of the points before their last move, which can only have lowered it.
    unknown = jnp.array(jnp.inf), jnp.array(jnp.finfo(delta.dtype).max)
    points, _, last, n_iter = jax.lax.while_loop(going, step, (start, *unknown, jnp.array(0)))
    return points, last, n_iter


def _principal_axes(
    points: Float[np.ndarray, "stimulus component"],
) -> Float[np.ndarray, "stimulus component"]:
    points = points - points.mean(0)
    turned = points @ np.linalg.eigh(points.T @ points)[1][:, ::-1]
    farthest = turned[np.abs(turned).argmax(0), np.arange(turned.shape[1])]
    return turned * np.where(farthest < 0, -1.0, 1.0)


def _stresses(
    delta: Float[np.ndarray, "stimulus stimulus"], points: Float[np.ndarray, "stimulus component"]
) -> tuple[float, Float[np.ndarray, " stimulus"]]:
    """Stress of all pairs, and of the pairs of each stimulus, in float64."""
    error = ((delta - squareform(pdist(points))) ** 2).sum(1)
    size = (delta**2).sum(1)
    return float(np.sqrt(error.sum() / size.sum())), np.sqrt(error / size)
