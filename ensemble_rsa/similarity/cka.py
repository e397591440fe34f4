"""Centred kernel alignment: whether the same stimuli have similar patterns in two networks."""

import warnings
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float

from ensemble_rsa.arrays import check_flag
from ensemble_rsa.errors import FewStimuliWarning, InputError
from ensemble_rsa.similarity.kernel import (
    Instances,
    Pairs,
    centred_kernels,
    map_pairs,
    open_groups,
)

_ROUNDING = 1e-10  # of the kernel: what rounding leaves of zero is less


def linear_cka(
    activations: Any, others: Any = None, unbiased: bool = True
) -> Float[np.ndarray, "..."]:
    """Linear CKA of every two instances: the cosine between their centred kernels.

    A kernel holds the inner products of all patterns around their mean. A rotation of the units or
    a common scale has no effect, and the number of units may differ. With more units than stimuli,
    as is usual for layers of networks, the biased estimate is high for unrelated networks too,
    because the diagonals of any two kernels agree; hence the default. Independent white noise with
    p and q units and n stimuli gives about `√(p/(n + p) · q/(n + q))` biased, and 0 unbiased.

    Args:
        activations: `(..., instance, stimulus, unit)`: an array, or a data set on disk that is
            read block by block; or a list of `(stimulus, unit)`, one per instance, whose units
            may differ in number.
        others: a second group with the same stimuli and leading axes; None compares the instances
            with each other.
        unbiased: without the diagonal (Song et al., 2012; Nguyen et al., 2021); the result may be
            slightly negative. False: as in Kornblith et al. (2019).

    Returns:
        `(..., instance_pair)` in `itertools.combinations` order, or `(..., instance,
        other_instance)`; float64, at most 1.

    Raises:
        InputError: NaN or inf, wrong rank, stimuli that do not match, fewer than four stimuli
            (biased: three), or an instance with the same pattern for all stimuli (unbiased: or with
            all stimuli equally far apart).

    Warns:
        FewStimuliWarning: biased, with more units than stimuli.

    >>> patterns = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0], [3.0, 4.0]])
    >>> linear_cka([patterns, 5 * patterns[:, ::-1], -patterns]).round(6).tolist()
    [1.0, 1.0, 1.0]
    """
    fewest = 4 if check_flag("unbiased", unbiased) else 3
    first, second = open_groups(activations, others, min_stimuli=fewest)
    n = first.n_stimuli
    most = max(array.shape[-1] for group in (first, second or first) for array in group.arrays)
    if not unbiased and most > n:
        warnings.warn(
            f"biased CKA of {n} stimuli and up to {most} units is high for unrelated networks too: "
            f"about {most / (n + most):.2f} for independent noise; use unbiased=True, or more "
            f"stimuli",
            FewStimuliWarning,
            stacklevel=2,
        )
    return map_pairs(first, second, partial(_kernels, unbiased=unbiased), _cosines)


def _kernels(
    instances: Instances, index: tuple[int, ...], unbiased: bool
) -> Float[np.ndarray, "instance entry"]:
    """One kernel per row; if `unbiased`, with a zero diagonal and all sums zero.

    The product of two such kernels over n(n − 3) is the estimate of Song et al. (2012), since the
    sums that it subtracts are zero.
    """
    n = instances.n_stimuli
    rows = np.empty((len(instances), n**2))
    for k, kernel in enumerate(centred_kernels(instances, index)):
        if unbiased:
            size = np.linalg.norm(kernel)
            np.fill_diagonal(kernel, 0)
            sums = kernel.sum(axis=1)
            kernel -= sums[:, None] / (n - 2)
            kernel -= sums[None, :] / (n - 2)
            kernel += sums.sum() / ((n - 1) * (n - 2))
            np.fill_diagonal(kernel, 0)
            if np.linalg.norm(kernel) < _ROUNDING * size:
                raise InputError(
                    f"{instances.name}{[*index, k]}: unbiased CKA is undefined where all stimuli "
                    f"are equally far apart; leave this instance out"
                )
        rows[k] = kernel.ravel()
    return rows


def _cosines(
    ours: Float[np.ndarray, "instance entry"],
    theirs: Float[np.ndarray, "other entry"],
    pairs: Pairs,
) -> Float[np.ndarray, " instance_pair"]:
    rows, columns = pairs
    products = (ours @ theirs.T)[rows, columns]
    # Kernels fill the memory: a norm along an axis would square a copy of them all.
    lengths = [np.sqrt(np.einsum("ke,ke->k", group, group)) for group in (ours, theirs)]
    return np.clip(products / (lengths[0][rows] * lengths[1][columns]), -1, 1)
