"""Procrustes distance: what is left between two networks after the best rotation of the units."""

from typing import Any

import numpy as np
from jaxtyping import Float

from ensemble_rsa.errors import unknown_name
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
    """Distance between the shapes of every two instances' patterns (Williams et al., 2021).

    Patterns X are measured from their mean and scaled to a Frobenius norm of 1; then the units of
    one instance are rotated (or reflected) onto those of the other as well as can be. What they
    have in common after that is the nuclear norm of `XᵀY`, here from the kernels alone and exact.
    The narrower of two instances is taken to have units that are always silent. A metric: 0 for
    equal shapes, symmetric, and no detour is shorter.

    Args:
        activations: `(..., instance, stimulus, unit)`: an array, or a data set on disk that is
            read block by block; or a list of `(stimulus, unit)`, one per instance, whose units
            may differ in number.
        others: a second group with the same stimuli and leading axes. Without one, instances are
            compared to each other.
        form: `"angular"`, the arc cosine of the nuclear norm, 0 to π/2 radians; or `"euclidean"`,
            the length of what is left, 0 to √2.

    Returns:
        `(..., instance_pair)` in `itertools.combinations` order, or `(..., instance,
        other_instance)`; float64. Equal shapes come out at 1e-7 or less: both forms have a root at
        0, which magnifies rounding.

    Raises:
        InputError: NaN or inf, wrong rank, stimuli that do not match, fewer than three stimuli, an
            instance with the same pattern for all stimuli, or an unknown form.

    >>> line, triangle = [[-1.0], [0.0], [1.0]], [[0.0, 0.0], [1.0, 0.0], [0.5, 0.75**0.5]]
    >>> procrustes_distance([line, triangle]).round(6).tolist()  # the cosine is √(1/2)
    [0.785398]
    """
    if form not in FORMS:
        raise unknown_name("form", form, FORMS)
    first, second = open_groups(activations, others, min_stimuli=3)
    similarity = map_pairs(first, second, _scaled_axes, nuclear_norms)
    return FORMS[form](np.minimum(similarity, 1))


def _scaled_axes(
    instances: Instances, index: tuple[int, ...]
) -> Float[np.ndarray, "instance stimulus axis"]:
    shares, axes = principal_axes(instances, index)
    axes *= np.sqrt(shares)[:, None, :]
    return axes
