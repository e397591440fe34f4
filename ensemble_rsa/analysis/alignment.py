"""Procrustes alignment of embeddings of the same stimuli, so that pictures can be compared."""

import numpy as np
from jaxtyping import Float

from ensemble_rsa.arrays import ArrayLike, as_numpy, check_agreement, check_array, check_finite
from ensemble_rsa.errors import InputError


def align(
    embedding: ArrayLike, reference: ArrayLike
) -> Float[np.ndarray, "... stimulus component"]:
    """Rotate, reflect and shift an embedding onto another one of the same stimuli (Procrustes).

    Distances, and so the stress, do not change. The reference has the shape of the embedding,
    `(..., stimulus, component)`, or is one `(stimulus, component)` for all.

    >>> align(np.array([[0.0, 0.0], [0.0, 2.0]]), np.array([[5.0, 1.0], [7.0, 1.0]])).round(6)
    array([[5., 1.],
           [7., 1.]])
    """
    check_agreement({"embedding": embedding, "reference": reference}, matched=True)
    points, target = (
        as_numpy(check_array(name, value, 2, "(..., stimulus, component)")).astype(np.float64)
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
    left, _, right = np.linalg.svd(np.swapaxes(points, -1, -2) @ (target - centre))
    return points @ (left @ right) + centre


def align_successive(embeddings: ArrayLike) -> Float[np.ndarray, "step ... stimulus component"]:
    """Align each embedding to the aligned one before it, for example along layers or epochs.

    Positions between step and stimulus, such as instances, are aligned separately.

    >>> corner = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 1.0]])
    >>> align_successive(np.stack([corner, -corner, corner[:, ::-1] + 7]))[2].round(6) + 0.0
    array([[0., 0.],
           [2., 0.],
           [0., 1.]])
    """
    points = as_numpy(check_array("embeddings", embeddings, 3, "(step, ..., stimulus, component)"))
    check_finite("embeddings", points)
    aligned = [np.asarray(points[0], np.float64)]
    for step in points[1:]:
        aligned.append(align(step, aligned[-1]))
    return np.stack(aligned)
