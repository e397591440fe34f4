"""The one reader of RDMs, condensed or square."""

from typing import TYPE_CHECKING, Any, Literal

import jax
import numpy as np

from ensemble_rsa.arrays.checks import check_finite
from ensemble_rsa.arrays.convert import ArrayLike, as_numpy, check_array
from ensemble_rsa.arrays.coordinates import DIMENSIONS, dimension_names
from ensemble_rsa.errors import InputError, check_name

if TYPE_CHECKING:  # at run time a wrong name is refused by us, with the choices
    Missing = Literal["refuse", "drop"]
else:
    Missing = str
MISSING = ("refuse", "drop")
_ADVICE = {  # for missing distances
    None: "; every distance is needed here: leave out the stimuli that lack some",
    "refuse": "; missing='drop' (evaluate --missing drop) leaves missing distances (NaN) out",
    "drop": "",
}
_ROUNDING = 1e-6  # of the largest distance: an asymmetry or diagonal up to this is rounding
_SPACING = 2.0**-24  # of 1 − r in float32, however small the distances
_NEARLY = 0.05  # an asymmetry and diagonal up to this suggest a square RDM with an error in it


def stimuli_of_pairs(name: str, n_pairs: int) -> int:
    """How many stimuli a condensed RDM of `n_pairs` distances has; raise if no number fits.

    >>> stimuli_of_pairs("rdms", 45)
    10
    """
    n = (1 + int(round(np.sqrt(1 + 8 * n_pairs)))) // 2
    if n * (n - 1) // 2 != n_pairs or n < 2:
        raise InputError(
            f"{name}: a condensed RDM has n(n − 1)/2 distances, got {n_pairs}, which fits no n"
        )
    return n


def check_rdms(
    name: str, rdms: ArrayLike, min_ndim: int, axes: str, missing: Missing | None = None
) -> tuple[Any, int]:
    """Return RDMs as a finite, condensed array in memory, and how many stimuli they have.

    Where the last two axes are of equal length n, the RDMs are read as square if they are symmetric
    with a zero diagonal, to rounding, and as n condensed ones if neither holds and n is a number of
    pairs. Everything in between is refused, as it is probably a square RDM with an error.

    `axes` are the expected axes, of which there are at least `min_ndim`, when condensed. NaN, for a
    missing distance, is accepted where `missing` is `"drop"`, then also on the diagonal; None says
    that the caller offers no choice.

    >>> square = [[0.0, 1.0, 2.0], [1.0, 0.0, 3.0], [2.0, 3.0, 0.0]]
    >>> check_rdms("rdms", square, 1, "(..., stimulus_pair)")
    (array([1., 2., 3.]), 3)
    """
    if missing is not None:
        check_name("missing", missing, MISSING)
    one = rdms[0] if isinstance(rdms, list | tuple) and rdms else rdms
    condensed = {"stimulus_pair", "category_pair"} & {*dimension_names(one)}
    array = check_array(name, rdms, 1, axes if condensed else _square_axes(one, axes))
    if not isinstance(array, jax.Array):
        array = as_numpy(array)
    check_finite(name, array, _ADVICE[missing], nan=missing == "drop")
    if not condensed and array.ndim >= 2 and _is_square(name, array):
        array = array[..., *np.triu_indices(array.shape[-1], 1)]
    array = check_array(name, array, min_ndim, axes)
    return array, stimuli_of_pairs(name, array.shape[-1])


def check_instance_rdms(
    name: str, rdms: ArrayLike, least: int = 2, missing: Missing | None = None
) -> tuple[Any, int]:
    """The same for `(..., instance, stimulus_pair)` of at least `least` instances."""
    axes = instance_axes(least)
    array, n_stimuli = check_rdms(name, rdms, 2, axes, missing)
    if array.shape[-2] < least:
        raise InputError(f"{name}: expected shape {axes}, got {tuple(array.shape)}")
    return array, n_stimuli


def instance_axes(least: int) -> str:
    """What is expected of RDMs of at least so many instances."""
    wanted = {1: "", 2: " with at least two instances", 3: " with at least three instances"}[least]
    return f"(..., instance, stimulus_pair){wanted}"


def _square_axes(rdms: ArrayLike, axes: str) -> str:
    """`axes` with the names of the two stimulus dimensions of a DataArray of square RDMs."""
    other_meaning = {*DIMENSIONS} - {"stimulus", "category"}
    pair = [each for each in dimension_names(rdms) if each not in other_meaning][-2:]
    if len(pair) == 2 and rdms.sizes[pair[0]] == rdms.sizes[pair[1]]:
        return axes.replace("stimulus_pair", ", ".join(pair))
    return axes


def _is_square(name: str, array: Any) -> bool:
    n = array.shape[-1]
    if array.shape[-2] != n or n < 2:
        return False
    numbers = np.asarray(array, np.float64)
    if np.isnan(numbers).any():  # a distance that only one half lacks is an asymmetry
        numbers = np.where(np.isnan(numbers), 0, numbers)
    largest = np.abs(numbers).max((-2, -1))  # of each RDM
    asymmetry = np.abs(numbers - np.swapaxes(numbers, -1, -2)).max((-2, -1))
    diagonal = np.abs(np.diagonal(numbers, axis1=-2, axis2=-1)).max(-1)
    tolerance = _ROUNDING * largest
    if array.dtype == np.float32 and not np.remainder(numbers, _SPACING).any():
        tolerance = np.maximum(tolerance, 2 * _SPACING)
    failed = [
        f"{what} (by up to {size[size > tolerance].max():.2g})"
        for what, size in (
            ("is not symmetric", asymmetry),
            ("has a diagonal that is not 0", diagonal),
        )
        if (size > tolerance).any()
    ]
    if not failed:
        return True
    is_number_of_pairs = np.isclose(np.sqrt(1 + 8 * n) % 2, 1)
    is_far_from_square = min(asymmetry.max(), diagonal.max()) > _NEARLY * largest.max()
    if is_number_of_pairs and is_far_from_square:
        return False
    raise InputError(
        f"{name}: expected square RDMs to be symmetric with a zero diagonal, got shape "
        f"{tuple(array.shape)}, which {' and '.join(failed)}"
    )
