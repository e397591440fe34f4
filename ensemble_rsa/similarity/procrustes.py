"""Procrustes distance: what remains between two stacks of patterns after the best rotation."""

import warnings
from typing import Any

import numpy as np
from jaxtyping import Float

from ensemble_rsa.errors import FewStimuliWarning, check_name
from ensemble_rsa.similarity.kernel import (
    Instances,
    map_pairs,
    nuclear_norms,
    open_groups,
    principal_axes,
)

FORMS = {
    "angular": np.arccos,
    "euclidean": lambda similarity: np.sqrt(2 - 2 * similarity),
}


def procrustes_distance(
    activations: Any, others: Any = None, form: str = "angular"
) -> Float[np.ndarray, "..."]:
    """Procrustes distance between every two instances (Williams et al., 2021).

    The patterns X of an instance are centred over stimuli and scaled to a Frobenius norm of 1; then
    the units of one instance are rotated or reflected to fit those of the other best. The
    similarity is the nuclear norm of `XᵀY`, which follows exactly from the kernels. The narrower of
    two instances is padded with silent units. This is a metric: 0 for equal shapes, symmetric, and
    it satisfies the triangle inequality.

    Args:
        activations: as in `linear_cka`.
        others: as in `linear_cka`.
        form: `"angular"`, the arc cosine of the nuclear norm, 0 to π/2 radians; or `"euclidean"`,
            the length of the difference, 0 to √2.

    Returns:
        As in `linear_cka`. Equal shapes give 1e-7 or less: both forms have a root at 0, which
        magnifies rounding.

    Raises:
        InputError: as in `linear_cka`, with three stimuli or more; or an unknown form.

    Warns:
        FewStimuliWarning: as many units as stimuli, or more.

    >>> line, triangle = [[-1.0], [0.0], [1.0]], [[0.0, 0.0], [1.0, 0.0], [0.5, 0.75**0.5]]
    >>> procrustes_distance([line, triangle]).round(6).tolist()  # the cosine is √(1/2)
    [0.785398]
    """
    check_name("form", form, FORMS)
    first, second = open_groups(activations, others, min_stimuli=3)
    n = first.n_stimuli
    most = max(array.shape[-1] for group in (first, second or first) for array in group.arrays)
    if most >= n:
        warnings.warn(
            f"Procrustes distance of {n} stimuli and up to {most} units is small for unrelated "
            "networks too: 0.71 rad for independent noise of 40 stimuli and 40 units, 0.23 of 40 "
            "and 400; use more stimuli, or unbiased CKA",
            FewStimuliWarning,
            stacklevel=2,
        )
    similarity = map_pairs(first, second, _scaled_axes, nuclear_norms)
    return FORMS[form](np.minimum(similarity, 1))


def _scaled_axes(
    instances: Instances, index: tuple[int, ...]
) -> Float[np.ndarray, "instance stimulus axis"]:
    shares, axes = principal_axes(instances, index)
    axes *= np.sqrt(shares)[:, None, :]
    return axes
