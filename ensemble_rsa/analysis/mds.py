"""Metric multidimensional scaling (SMACOF).

"The paper" is Mehrer et al. 2020, doi:10.1038/s41467-020-19632-w.
"""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int
from scipy.spatial.distance import pdist, squareform

from ensemble_rsa.arrays import ArrayLike, check_count, check_rdms, is_number, is_zero
from ensemble_rsa.errors import InputError, shown
from ensemble_rsa.jax_settings import fixed_settings
from ensemble_rsa.rng import host_stream

_POWER_STEPS = 30  # enough for a start, which SMACOF then improves
_NOISE = 1e-3  # of a start's spread: separates coinciding points and points on a line
_ROUNDING = 1e-6  # of the largest distance: negative distances up to this are rounding
_BATCH_BYTES = 2**30  # memory of the starts that an accelerator runs at the same time
_MATRICES_EACH = 4  # per start: given distances, embedded distances, ratios, temporaries


@dataclass(frozen=True)
class Mds:
    """An embedding and its stress; δ are the given distances and d those of the embedding.

    Attributes:
        embedding: `(..., stimulus, component)`, centred, in the units of the distances, rotated to
            its principal axes (widest first); on each axis the farthest stimulus is positive.
        stress: metric stress sqrt(Σ(δ − d)² / Σδ²) over pairs, `(...)`: 0 if all distances are
            reproduced.
        stress_1: Kruskal's stress-1 sqrt(Σ(δ − d)² / Σd²), `(...)`, which other programs report.
        pointwise_stress: sqrt(Σ_j(δ_ij − d_ij)² / Σ_j δ_ij²) of each stimulus i, `(..., stimulus)`.
        n_iter: iterations of the best start, `(...)`.
    """

    embedding: Float[np.ndarray, "... stimulus component"]
    stress: Float[np.ndarray, "..."]
    stress_1: Float[np.ndarray, "..."]
    pointwise_stress: Float[np.ndarray, "... stimulus"]
    n_iter: Int[np.ndarray, "..."]


@fixed_settings()
def mds(
    rdm: ArrayLike,
    n_components: int = 2,
    n_init: int = 4,
    max_iter: int = 300,
    seed: int = 0,
    tolerance: float = 1e-6,
) -> Mds:
    """Embed stimuli by SMACOF so that their distances match an RDM (metric stress; paper, Fig. 2).

    The first start is close to classical scaling, the others are random, and the start with the
    least stress is returned. A start ends when an iteration lowers Σ(δ − d)² by less than
    `tolerance` of itself (to first order), or after `max_iter` iterations. Leading positions are
    separate problems with the same random starts. On a CPU starts run one after the other, on an
    accelerator at the same time, with the same result.

    Args:
        rdm: RDMs `(..., stimulus_pair)`, or square, such as second-level distances.
        n_components: dimensions of the embedding.
        n_init: number of starts (4 is ours, as are the next two defaults).
        max_iter: the largest number of iterations per start.
        seed: of the random starts.
        tolerance: the relative drop of Σ(δ − d)² below which a start ends.

    Raises:
        InputError: NaN, negative distances, all distances 0 to rounding (also those of one
            stimulus to all others), a square matrix that is not symmetric with a zero diagonal,
            or a count below 1.

    >>> result = mds(np.array([3.0, 4.0, 5.0]))
    >>> result.embedding.shape, bool(result.stress < 1e-3)
    ((3, 2), True)
    """
    array, n_stimuli = check_rdms("rdm", rdm, 1, "(..., stimulus_pair)")
    distances = np.asarray(array, np.float64)
    lowest = distances.min(-1)
    negative = lowest < -_ROUNDING * np.abs(distances).max(-1)
    if negative.any():
        raise InputError(f"rdm: expected distances of at least 0, got {lowest[negative].min():g}")
    leading = distances.shape[:-1]
    problems = np.maximum(distances, 0).reshape(-1, distances.shape[-1])
    for index, problem in zip(np.ndindex(*leading), problems, strict=True):
        largest = np.array([0]) if is_zero(problem) else squareform(problem).max(0)
        alone = np.flatnonzero(largest == 0)
        if len(alone):
            raise InputError(
                f"rdm: expected each stimulus to differ from another, got stimulus {alone[0]} of "
                f"RDM {list(index)} at distance 0 from all: its stress is undefined, leave it out"
            )
    n_components = check_count("n_components", n_components, 1)
    if n_components > n_stimuli:
        raise InputError(
            f"n_components: expected at most {n_stimuli}, one per stimulus, got {n_components}"
        )
    n_init = check_count("n_init", n_init, 1)
    max_iter = check_count("max_iter", max_iter, 1)
    if not is_number(tolerance) or not 0 <= tolerance < 1:
        raise InputError(f"tolerance: expected a number from 0 to below 1, got {shown(tolerance)}")
    shape = (n_init, n_stimuli, n_components)
    noise = host_stream(seed, "mds").standard_normal(shape, np.float32)
    at_once = starts_at_once(n_stimuli, jax.default_backend() == "cpu")
    n_together = max(1, at_once // n_init)
    solved = []
    for first in range(0, len(problems), n_together):
        squares = np.stack([squareform(each) for each in problems[first : first + n_together]])
        scales = squares.max((1, 2), keepdims=True)
        points, n_iter = best_of_starts(
            jnp.asarray(squares / scales, jnp.float32),
            jnp.asarray(noise),
            max_iter,
            tolerance,
            at_once,
        )
        for square, placed, n in zip(squares, np.asarray(points) * scales, n_iter, strict=True):
            embedding = _principal_axes(placed)
            solved.append((embedding, *_stresses(square, embedding), int(n)))
    embedding, stress, stress_1, pointwise, n_iter = (
        np.reshape(np.stack(parts), (*leading, *np.shape(parts[0])))
        for parts in zip(*solved, strict=True)
    )
    return Mds(embedding, stress, stress_1, pointwise, n_iter)


def starts_at_once(n_stimuli: int, on_cpu: bool) -> int:
    """One on a CPU, where batches are slower; elsewhere as many as fit into memory."""
    if on_cpu:
        return 1
    return max(1, _BATCH_BYTES // (4 * _MATRICES_EACH * n_stimuli**2))


@partial(jax.jit, static_argnames="at_once")
def best_of_starts(
    deltas: Float[Array, "problem stimulus stimulus"],
    noise: Float[Array, "start stimulus component"],
    max_iter: int | Array,
    tolerance: float | Array,
    at_once: int,
) -> tuple[Float[Array, "problem stimulus component"], Int[Array, " problem"]]:
    """Points and iterations of the best start of each problem; `at_once` starts in a batch."""
    n_problems, n_init = len(deltas), len(noise)
    starts = jax.lax.map(lambda delta: _starts(delta, noise), deltas, batch_size=at_once)
    runs = (jnp.repeat(jnp.arange(n_problems), n_init), starts.reshape(-1, *noise.shape[1:]))
    solved = jax.lax.map(
        lambda run: smacof(deltas[run[0]], run[1], max_iter, tolerance), runs, batch_size=at_once
    )
    points, stresses, n_iter = (
        part.reshape(n_problems, n_init, *part.shape[1:]) for part in solved
    )
    each, best = jnp.arange(n_problems), jnp.argmin(stresses, 1)
    return points[each, best], n_iter[each, best]


def _starts(
    delta: Float[Array, "stimulus stimulus"], noise: Float[Array, "start stimulus component"]
) -> Float[Array, "start stimulus component"]:
    """The first near classical scaling, the others random.

    Classical scaling has coordinates on the leading eigenvectors of −½ J δ² J, which some steps of
    subspace iteration approximate.
    """
    squared = delta**2
    means = jnp.mean(squared, 0)
    gram = -0.5 * (squared - means[:, None] - means[None, :] + jnp.mean(means))
    multiply = lambda basis: jnp.matmul(gram, basis, precision="highest")
    step = lambda _, basis: jnp.linalg.qr(multiply(basis))[0]
    spread = noise * jnp.std(delta)
    basis = jax.lax.fori_loop(0, _POWER_STEPS, step, spread[0])
    values, turn = jnp.linalg.eigh(jnp.matmul(basis.T, multiply(basis), precision="highest"))
    near = jnp.matmul(basis, turn) * jnp.sqrt(jnp.clip(values, 0))[None, :]
    return spread.at[0].multiply(_NOISE).at[0].add(near)


def smacof(
    delta: Float[Array, "stimulus stimulus"],
    start: Float[Array, "stimulus component"],
    max_iter: int | Array,
    tolerance: float | Array,
) -> tuple[Float[Array, "stimulus component"], Float[Array, ""], Int[Array, ""]]:
    """Guttman transforms X⁺ = B(X) X / n until S = Σ(δ − d)² stalls: points, S, iterations.

    The gradient of S over pairs is 2n (X − X⁺), so a step lowers S by 2n |X − X⁺|² to first order,
    and S = Σδ² − 2 tr XᵀB(X)X + n |X|². Summing (δ − d)² in each iteration would nearly double its
    time. Rounding of the difference matters only below Σδ² times float32's epsilon.
    """

    def not_converged(state):
        _, drop, now, iteration = state
        return (iteration < max_iter) & (drop > tolerance * now)

    def step(state):
        points, *_, iteration = state
        between = distances_between(points)
        ratio = jnp.where(between > 0, delta / jnp.where(between > 0, between, 1), 0)
        # With a column of ones, the product also sums the rows, which is faster than a second pass.
        product = jnp.matmul(ratio, jnp.concatenate([points, ones], 1), precision="highest")
        new_points = (product[:, -1:] * points - product[:, :-1]) / n
        drop = 2 * n * jnp.sum((points - new_points) ** 2)
        now = size + n * jnp.sum(points * (points - 2 * new_points))
        return new_points, drop, jnp.maximum(now, least), iteration + 1

    n = len(delta)
    ones = jnp.ones((n, 1), delta.dtype)
    size = jnp.sum(delta**2) / 2
    least = size * jnp.finfo(delta.dtype).eps
    state = (start - jnp.mean(start, 0, keepdims=True), jnp.array(jnp.inf), size, jnp.array(0))
    points, _, _, n_iter = jax.lax.while_loop(not_converged, step, state)
    return points, jnp.sum((delta - distances_between(points)) ** 2) / 2, n_iter


def distances_between(
    points: Float[Array, "stimulus component"],
) -> Float[Array, "stimulus stimulus"]:
    """Euclidean distances of all points."""
    # Component by component, which XLA fuses; a sum over a short last axis is 15 times slower.
    return jnp.sqrt(
        sum((points[:, None, c] - points[None, :, c]) ** 2 for c in range(points.shape[1]))
    )


def _principal_axes(
    points: Float[np.ndarray, "stimulus component"],
) -> Float[np.ndarray, "stimulus component"]:
    points = points - points.mean(0)
    turned = points @ np.linalg.eigh(points.T @ points)[1][:, ::-1]
    farthest = turned[np.abs(turned).argmax(0), np.arange(turned.shape[1])]
    return turned * np.where(farthest < 0, -1.0, 1.0)


def _stresses(
    delta: Float[np.ndarray, "stimulus stimulus"], points: Float[np.ndarray, "stimulus component"]
) -> tuple[float, float, Float[np.ndarray, " stimulus"]]:
    """Stress and stress-1 of all pairs, and stress of the pairs of each stimulus, in float64."""
    placed = squareform(pdist(points))
    error, size = ((delta - placed) ** 2).sum(1), (delta**2).sum(1)
    stress = float(np.sqrt(error.sum() / size.sum()))
    return stress, float(np.sqrt(error.sum() / (placed**2).sum())), np.sqrt(error / size)
