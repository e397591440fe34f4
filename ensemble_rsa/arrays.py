"""What an array is here: the axis names of the field, and checks that say what was expected.

Axis names: instance, layer, epoch, dropout, stimulus, unit, category, stimulus_pair, instance_pair.
Rows are stimuli and columns are units; RDMs travel condensed (row-major upper triangle).
"""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Int

from ensemble_rsa.errors import InputError

Labels = Int[np.ndarray, " stimulus"]

__all__ = [
    "ArrayLike", "Labels",
    "check_array", "check_confidence", "check_count", "check_finite", "check_instance_rdms",
    "check_labels", "check_rdms", "check_varied", "stimuli_of_pairs",
]  # fmt: skip


def check_array(name: str, value: Any, min_ndim: int, axes: str) -> Any:
    """Return `value` as an array (JAX and NumPy arrays pass through) of at least `min_ndim` axes.

    Args:
        name: what the argument is called, for the message.
        value: anything `np.asarray` takes.
        min_ndim: the least number of axes.
        axes: the expected axes in words, such as `(..., stimulus, unit)`.

    Raises:
        InputError: fewer axes than that, an empty axis, lists of unequal length, or no real
            numbers.
    """
    array = value
    if not isinstance(getattr(value, "dtype", None), np.dtype) or not hasattr(value, "ndim"):
        try:
            array = np.asarray(value)
        except ValueError:
            raise InputError(
                f"{name}: expected shape {axes}, got lists of unequal length"
            ) from None
    # JAX knows half precisions that NumPy does not.
    if array.dtype != bool and not any(
        jnp.issubdtype(array.dtype, kind) for kind in (np.integer, np.floating)
    ):
        raise InputError(f"{name}: expected real numbers of shape {axes}, got dtype {array.dtype}")
    if array.ndim < min_ndim:
        raise InputError(f"{name}: expected shape {axes}, got {tuple(array.shape)}")
    if 0 in array.shape:
        raise InputError(
            f"{name}: expected shape {axes} with no empty axis, got {tuple(array.shape)}"
        )
    return array


def check_finite(name: str, value: Any) -> None:
    """Raise if any entry is NaN or infinite, and say how many and where the first one is.

    Raises:
        InputError: NaN or inf found.
    """
    finite = np.isfinite(np.asarray(value))
    if not finite.all():
        bad = np.argwhere(~finite)
        where = tuple(int(i) for i in bad[0])
        raise InputError(
            f"{name}: expected finite numbers, got {len(bad)} NaN or inf, the first at {where}"
        )


def check_labels(
    name: str, labels: Sequence[Any] | np.ndarray, n_stimuli: int
) -> tuple[Labels, np.ndarray]:
    """Return labels as integers 0 … n_categories − 1, and the categories in sorted order.

    Raises:
        InputError: not one label per stimulus, NaN, or labels that do not sort.

    >>> codes, categories = check_labels("labels", ["dog", "cat", "dog"], 3)
    >>> codes.tolist(), categories.tolist()
    ([1, 0, 1], ['cat', 'dog'])
    """
    try:
        array = np.asarray(labels)
    except ValueError:
        raise InputError(f"{name}: expected one label per stimulus, got nested lists") from None
    if array.shape != (n_stimuli,):
        raise InputError(
            f"{name}: expected one label for each of {n_stimuli} stimuli, got shape {array.shape}"
        )
    missing = np.flatnonzero(array != array)  # NaN
    if missing.size:
        raise InputError(
            f"{name}: expected a label for each stimulus, got {missing.size} NaN, the first at "
            f"{missing[0]}"
        )
    try:
        categories, codes = np.unique(array, return_inverse=True)
    except TypeError as error:
        raise InputError(f"{name}: expected labels of one kind, which sort, but {error}") from None
    return codes.astype(np.int64), categories


def stimuli_of_pairs(name: str, n_pairs: int) -> int:
    """How many stimuli a condensed RDM of `n_pairs` distances has.

    Raises:
        InputError: no number of stimuli gives that many pairs.

    >>> stimuli_of_pairs("rdms", 45)
    10
    """
    n = (1 + int(round(np.sqrt(1 + 8 * n_pairs)))) // 2
    if n * (n - 1) // 2 != n_pairs or n < 2:
        raise InputError(
            f"{name}: a condensed RDM has n(n − 1)/2 distances, got {n_pairs}, which fits no n"
        )
    return n


def check_rdms(name: str, rdms: Any, min_ndim: int, axes: str) -> tuple[Any, int]:
    """Return condensed RDMs as a finite array, and how many stimuli they have.

    Raises:
        InputError: wrong rank, an impossible number of pairs, NaN or inf.
    """
    array = check_array(name, rdms, min_ndim, axes)
    n_stimuli = stimuli_of_pairs(name, array.shape[-1])
    check_finite(name, array)
    return array, n_stimuli


def check_instance_rdms(name: str, rdms: Any) -> tuple[Any, int]:
    """The same for the RDMs of at least two instances, `(..., instance, stimulus_pair)`.

    Raises:
        InputError: as `check_rdms`, or a single instance.
    """
    axes = "(..., instance, stimulus_pair) with at least two instances"
    array, n_stimuli = check_rdms(name, rdms, 2, axes)
    if array.shape[-2] < 2:
        raise InputError(f"{name}: expected shape {axes}, got {tuple(array.shape)}")
    return array, n_stimuli


def check_varied(name: str, correlations: np.ndarray) -> None:
    """Raise if a row was constant, which `numerics.correlation_matrix` marks by NaN, and say which.

    Raises:
        InputError: a constant row.
    """
    constant = np.argwhere(np.isnan(np.diagonal(correlations, axis1=-2, axis2=-1)))
    if len(constant):
        position = ", ".join(str(int(i)) for i in constant[0])
        raise InputError(
            f"{name}: expected distances that differ, got {len(constant)} constant RDM(s), the "
            f"first at [{position}]; its correlation with others is undefined, so leave it out"
        )


def check_count(name: str, value: Any, least: int) -> int:
    """Return a whole number that is at least `least`.

    Raises:
        InputError: not a whole number, or too small.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise InputError(f"{name}: expected a whole number of at least {least}, got {value!r}")
    return int(value)


def check_confidence(name: str, value: Any) -> float:
    """Return the share of a distribution that an interval covers, such as 0.95.

    Raises:
        InputError: not strictly between 0 and 1.
    """
    if not isinstance(value, int | float | np.number) or not 0 < value < 1:
        raise InputError(f"{name}: expected a number between 0 and 1, such as 0.95, got {value!r}")
    return float(value)
