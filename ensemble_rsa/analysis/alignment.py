"""Pictures that can be compared: turning embeddings of the same stimuli onto each other."""

import numpy as np
from jaxtyping import Float

from ensemble_rsa.arrays import ArrayLike, check_array, check_finite
from ensemble_rsa.errors import InputError


def align(
    embedding: ArrayLike, reference: ArrayLike, scale: bool = False
) -> Float[np.ndarray, "... stimulus component"]:
    """Turn, mirror and shift an embedding onto another of the same stimuli (Procrustes).

    Stress does not change, unless `scale` is set, which also stretches the embedding to fit.

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


def align_successive(embeddings: ArrayLike) -> Float[np.ndarray, "step ... stimulus component"]:
    """Align each embedding to the one before it, already aligned, so that a row reads as one story.

    Steps are layers or epochs. The first stays where it is; each of the others is turned, mirrored
    and shifted, never stretched, so its stress does not change and neighbours differ by no more
    than their geometries do. Steps far apart are linked only through those between them.

    Args:
        embeddings: `(step, ..., stimulus, component)`; what lies between, such as instances, is
            aligned each on its own.

    Raises:
        InputError: fewer than three axes, or NaN.

    >>> corner = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 1.0]])
    >>> align_successive(np.stack([corner, -corner, corner[:, ::-1] + 7]))[2].round(6) + 0.0
    array([[0., 0.],
           [2., 0.],
           [0., 1.]])
    """
    points = check_array("embeddings", embeddings, 3, "(step, ..., stimulus, component)")
    check_finite("embeddings", points)
    aligned = [np.asarray(points[0], np.float64)]
    for step in points[1:]:
        aligned.append(align(step, aligned[-1]))
    return np.stack(aligned)
