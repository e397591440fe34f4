"""Embeddings of many stimuli by landmarks, for RDMs that are read from disk.

Some stimuli, the landmarks, are embedded by SMACOF as `mds` does. Each other stimulus is placed by
its distances to them (de Silva and Tenenbaum 2004, "Sparse multidimensional scaling using landmark
points"): from the triangulation of that paper on, its squared errors Σ(δ − d)² are lowered by the
step of SMACOF with the landmarks fixed. One pass over an RDM suffices.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from ensemble_rsa.analysis.mds import Mds, mds
from ensemble_rsa.arrays import check_count
from ensemble_rsa.arrays.stacks import RdmStack, pair_rows
from ensemble_rsa.errors import InputError
from ensemble_rsa.numerics import blocks, pair_indices
from ensemble_rsa.rng import host_stream

N_LANDMARKS = 500  # ours
_MOST_STEPS, _SMALLEST_STEP = 100, 1e-3  # of the spread of the landmarks


@dataclass(frozen=True)
class LandmarkMds(Mds):
    """An embedding by landmarks; `stress` and `stress_1` are those of the landmarks' pairs.

    Attributes:
        landmarks: the numbers of the stimuli that are landmarks.

    `pointwise_stress` of a stimulus is that of its distances to the landmarks.
    """

    landmarks: Int[np.ndarray, " landmark"]


def landmark_mds(
    rdms: RdmStack,
    n_landmarks: int = N_LANDMARKS,
    n_components: int = 2,
    n_init: int = 4,
    max_iter: int = 300,
    seed: int = 0,
) -> LandmarkMds:
    """Embed the stimuli of RDMs `(...)` on disk in a few dimensions.

    The landmarks are drawn by `seed`, the same for all RDMs. With as many landmarks as stimuli, the
    embedding is that of `mds`, whose other arguments these are.

    Raises:
        InputError: as `mds`; fewer than three landmarks.
    """
    if not isinstance(rdms, RdmStack):
        raise InputError(
            f"rdms: expected RDMs on disk, got {type(rdms).__name__}; use mds for those in memory"
        )
    n = min(check_count("n_landmarks", n_landmarks, 3), rdms.n_stimuli)
    drawn = host_stream(seed, "landmarks").choice(rdms.n_stimuli, n, replace=False)
    chosen = np.sort(drawn)
    found: list[Mds] = []
    for index in np.ndindex(rdms.numbers.shape):
        distances = distances_to(rdms[index], chosen)
        between = distances[:, chosen][pair_indices(n)]
        plane = mds(between, n_components, n_init, max_iter, seed)
        found.append(_with_all(plane, distances, chosen))
    embedding, stress, stress_1, pointwise, n_iter = (
        np.reshape(
            np.stack([np.asarray(getattr(one, name)) for one in found]),
            (*rdms.numbers.shape, *np.shape(getattr(found[0], name))),
        )
        for name in ("embedding", "stress", "stress_1", "pointwise_stress", "n_iter")
    )
    return LandmarkMds(embedding, stress, stress_1, pointwise, n_iter, chosen)


def distances_to(
    rdm: RdmStack, stimuli: Int[np.ndarray, " landmark"]
) -> Float[np.ndarray, "landmark stimulus"]:
    """Distances of some stimuli, in ascending order, to all, from a stack of one RDM."""
    place = {stimulus: k for k, stimulus in enumerate(stimuli.tolist())}
    found = np.zeros((len(stimuli), rdm.n_stimuli), np.float32)
    for pairs, rows in rdm.ranges():
        values = rows[0]
        for row, others, places in pair_rows(pairs, rdm.n_stimuli):
            if row in place:
                found[place[row], others] = values[places]
            first, stop = np.searchsorted(stimuli, [others.start, others.stop])
            found[first:stop, row] = values[places.start + stimuli[first:stop] - others.start]
    return found


def _with_all(
    plane: Mds,
    distances: Float[np.ndarray, "landmark stimulus"],
    landmarks: Int[np.ndarray, " landmark"],
) -> Mds:
    """Place the stimuli that are no landmarks."""
    n_stimuli, anchors = distances.shape[1], np.asarray(plane.embedding)
    embedding = np.empty((n_stimuli, anchors.shape[1]))
    pointwise = np.empty(n_stimuli)
    embedding[landmarks], pointwise[landmarks] = anchors, plane.pointwise_stress
    others = np.setdiff1d(np.arange(n_stimuli), landmarks)
    for block in blocks(len(others), len(landmarks)):
        to_anchors = distances[:, others[block]].T.astype(np.float64)
        embedding[others[block]] = points = _placed(to_anchors, anchors)
        error = np.square(to_anchors - _between(points, anchors)).sum(1)
        size = np.square(to_anchors).sum(1)
        pointwise[others[block]] = np.sqrt(error / np.where(size > 0, size, 1))
    return Mds(embedding, plane.stress, plane.stress_1, pointwise, plane.n_iter)


def _placed(
    distances: Float[np.ndarray, "stimulus landmark"],
    anchors: Float[np.ndarray, "landmark component"],
) -> Float[np.ndarray, "stimulus component"]:
    """Points with these distances to the anchors, which are centred, as nearly as possible.

    The step x⁺ = mean over anchors y of y + δ (x − y) / |x − y| never raises Σ(δ − |x − y|)².
    """
    points = _triangulated(distances, anchors)
    reach = _SMALLEST_STEP * np.sqrt(np.square(anchors).sum(1).mean())
    for _ in range(_MOST_STEPS):
        between = _between(points, anchors)
        ratio = np.divide(distances, between, out=np.zeros_like(between), where=between > 0)
        pulled = ratio.sum(1, keepdims=True) * points - ratio @ anchors
        new = anchors.mean(0) + pulled / len(anchors)
        moved = np.abs(new - points).max(initial=0)
        points = new
        if moved < reach:
            break
    return points


def _triangulated(
    distances: Float[np.ndarray, "stimulus landmark"],
    anchors: Float[np.ndarray, "landmark component"],
) -> Float[np.ndarray, "stimulus component"]:
    """Points x with δ² = |x|² + |y|² − 2 x·y for all anchors y, in the least-squares sense.

    The pseudoinverse of centred anchors maps |x|², the same for all of them, to 0.
    """
    squares = distances**2 - np.square(anchors).sum(1)
    return -0.5 * squares @ np.linalg.pinv(anchors).T


def _between(
    points: Float[np.ndarray, "stimulus component"],
    anchors: Float[np.ndarray, "landmark component"],
) -> Float[np.ndarray, "stimulus landmark"]:
    return np.sqrt(
        sum(np.square(np.subtract.outer(p, a)) for p, a in zip(points.T, anchors.T, strict=True))
    )
