"""Distances of patterns that are measured with noise: squared Mahalanobis distance and crossnobis.

Units are weighted by the inverse of the noise covariance Σ, which makes their noise independent and
of variance 1. Both distances are squared and divided by the number of units, as in rsatoolbox:

    mahalanobis   (a − b)ᵀ Σ⁻¹ (a − b) / units
    crossnobis    mean over folds of (a − b)ᵀ Σ⁻¹ (a′ − b′) / units

with a, b the mean patterns within a fold and a′, b′ those of all measurements of the other folds.
Noise makes Mahalanobis distances larger. Since the noise of different folds is independent,
crossnobis is 0 on average if two stimuli have the same pattern, and then negative about half of the
time (Walther et al. 2016, doi:10.1016/j.neuroimage.2015.12.012).
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.linalg
from jaxtyping import Float, Int

from ensemble_rsa.arrays import ArrayLike, LabelsLike, as_numpy, check_finite, check_labels
from ensemble_rsa.errors import InputError, shown
from ensemble_rsa.numerics import pair_indices
from ensemble_rsa.rdm.blocks import open_activations
from ensemble_rsa.rdm.noise import check_noise, means_of

NOISE_DISTANCES = ("mahalanobis", "crossnobis")


def noise_weighted_rdm(
    activations: Any,
    distance: str,
    noise: ArrayLike | None,
    stimuli: LabelsLike | None,
    folds: LabelsLike | None,
    flatten: bool | None,
    advice: str,
) -> Float[np.ndarray, "... stimulus_pair"]:
    """See `compute_rdm`; `distance` is one of `NOISE_DISTANCES`."""
    if isinstance(activations, Iterator):
        raise InputError(f"activations: expected an array for {distance!r}, got an iterator")
    array = as_numpy(open_activations("activations", activations, 2, flatten, advice))
    array = array.astype(np.float64)
    check_finite("activations", array)
    n_measurements, n_units = array.shape[-2:]
    factor = None
    if noise is not None:
        factor = check_noise(noise, array.shape[:-2], n_units)
    elif distance == "mahalanobis":
        raise InputError(
            "noise: expected a covariance (unit, unit) for 'mahalanobis', got None; "
            "noise_covariance estimates one from repeated measurements or residuals"
        )
    codes, names = np.arange(n_measurements), np.arange(n_measurements)
    if stimuli is not None:
        codes, names = check_labels("stimuli", stimuli, n_measurements, "measurements")
    if len(names) < 2:
        raise InputError(f"stimuli: expected two stimuli or more, got {shown(names.tolist())}")
    array -= array.mean(-2, keepdims=True)  # differences remain, without a common offset
    if distance == "crossnobis":
        of_fold, n_folds = _folds(stimuli, folds, codes, names)
        return _crossnobis(_whitened(array, factor), codes, of_fold, n_folds)
    if folds is not None:
        raise InputError("folds: expected None for 'mahalanobis', got folds; give 'crossnobis'")
    patterns = means_of(_whitened(array, factor), codes)[0]
    return _distances(patterns, patterns)


def _folds(
    stimuli: LabelsLike | None,
    folds: LabelsLike | None,
    codes: Int[np.ndarray, " measurement"],
    names: np.ndarray,
) -> tuple[Int[np.ndarray, " measurement"], int]:
    """The fold of each measurement as a number, and how many folds there are."""
    for argument, given, what in (("stimuli", stimuli, "stimulus"), ("folds", folds, "fold")):
        if given is None:
            raise InputError(
                f"{argument}: expected the {what} of each measurement for 'crossnobis', got None"
            )
    of_fold, fold_names = check_labels("folds", folds, len(codes), "measurements")
    n_folds, n_stimuli = len(fold_names), len(names)
    if n_folds < 2:
        raise InputError(f"folds: expected two folds or more, got {shown(fold_names.tolist())}")
    counts = np.bincount(of_fold * n_stimuli + codes, minlength=n_folds * n_stimuli)
    if not counts.all():
        fold, stimulus = divmod(int(np.argmin(counts)), n_stimuli)
        raise InputError(
            "folds: expected every stimulus in every fold, got no measurement of stimulus "
            f"{names.tolist()[stimulus]!r} in fold {fold_names.tolist()[fold]!r}"
        )
    return of_fold, n_folds


def _whitened(
    array: Float[np.ndarray, "... measurement unit"],
    factor: Float[np.ndarray, "... unit unit"] | None,
) -> Float[np.ndarray, "... measurement unit"]:
    """Units whose noise is independent, of variance 1, from the lower Cholesky factor of Σ."""
    if factor is None:
        return array
    result = np.empty_like(array)
    for index in np.ndindex(array.shape[:-2]):
        lower = factor[index] if factor.ndim > 2 else factor
        result[index] = scipy.linalg.solve_triangular(lower, array[index].T, lower=True).T
    return result


def _crossnobis(
    array: Float[np.ndarray, "... measurement unit"],
    codes: Int[np.ndarray, " measurement"],
    of_fold: Int[np.ndarray, " measurement"],
    n_folds: int,
) -> Float[np.ndarray, "... stimulus_pair"]:
    each: list[np.ndarray] = []
    for fold in range(n_folds):
        inside = of_fold == fold
        test, train = (means_of(array[..., rows, :], codes[rows])[0] for rows in (inside, ~inside))
        each.append(_distances(train, test))
    return np.mean(each, axis=0)


def _distances(
    one: Float[np.ndarray, "... stimulus unit"], other: Float[np.ndarray, "... stimulus unit"]
) -> Float[np.ndarray, "... stimulus_pair"]:
    """(a − b)·(a′ − b′) / units of every two stimuli, with a, b in `one` and a′, b′ in `other`."""
    products = one @ other.mT
    own = np.diagonal(products, axis1=-2, axis2=-1)
    first, second = pair_indices(one.shape[-2])
    crossed = products[..., first, second] + products[..., second, first]
    return (own[..., first] + own[..., second] - crossed) / one.shape[-1]
