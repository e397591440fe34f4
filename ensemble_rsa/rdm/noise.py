"""Covariance of measurement noise over units, for distances that weight units by their noise."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from jaxtyping import Float

from ensemble_rsa.arrays import (
    ArrayLike,
    LabelsLike,
    as_numpy,
    check_array,
    check_count,
    check_finite,
    check_labels,
)
from ensemble_rsa.errors import InputError, check_name

Residuals = Float[np.ndarray, "measurement unit"]
Covariance = Float[np.ndarray, "unit unit"]
_ROUNDING = 2.0**-49  # of a value: repetitions that differ less are equal
_MOST_ASYMMETRY = 1e-6  # of the largest entry: that of a covariance in float32


def noise_covariance(
    measurements: ArrayLike,
    stimuli: LabelsLike | None = None,
    method: str = "shrinkage_diag",
    dof: int | None = None,
) -> Float[np.ndarray, "... unit unit"]:
    """Return the noise covariance of units, estimated from repeated measurements or residuals.

    With fewer residuals than some times the number of units, the sample covariance is unreliable or
    has no inverse, so it is shrunk towards a simpler matrix, as far as the data say.

    Args:
        measurements: `(..., measurement, unit)`: several measurements of each stimulus, from which
            the mean of the same stimulus is subtracted; or, without `stimuli`, residuals of a
            model, from which their mean is subtracted.
        stimuli: which stimulus each measurement is of.
        method: `"shrinkage_diag"` shrinks correlations towards 0 and keeps variances (Schäfer and
            Strimmer 2005, doi:10.2202/1544-6115.1175), `"shrinkage_eye"` shrinks towards equal
            variances without correlations (Ledoit and Wolf 2004,
            doi:10.1016/S0047-259X(03)00096-4), `"full"` is the sample covariance, `"diag"` its
            diagonal. The names are those of rsatoolbox, the default too.
        dof: degrees of freedom of the residuals; by default the number of measurements minus that
            of the means that are subtracted. For residuals of a linear model, the number of time
            points minus that of regressors.

    Returns:
        `(..., unit, unit)`, float64.

    Raises:
        InputError: NaN or inf, not one label per measurement, no stimulus with two measurements, a
            unit whose residuals are all 0, an unknown method, or for `"full"` fewer degrees of
            freedom than units.

    >>> noise_covariance([[1.0, 0.0], [3.0, 1.0], [5.0, 2.0], [7.0, 1.0]], list("aabb")).tolist()
    [[2.0, 0.0], [0.0, 0.5]]
    """
    array = check_array("measurements", measurements, 2, "(..., stimulus, unit)")
    array = as_numpy(array).astype(np.float64)
    check_finite("measurements", array)
    check_name("method", method, _ESTIMATES)
    n_measurements, n_units = array.shape[-2:]
    codes = np.zeros(n_measurements, np.int64)
    if stimuli is not None:
        codes, _ = check_labels("stimuli", stimuli, n_measurements, "measurements")
    means, counts = means_of(array, codes)
    natural = n_measurements - len(counts)
    if natural < 1:
        what = "one residual" if stimuli is None else "one measurement of each stimulus"
        raise InputError(f"measurements: expected repetitions, got {what}, which has no noise")
    dof = natural if dof is None else check_count("dof", dof, 1)
    if method == "full" and dof < n_units:
        raise InputError(
            f"measurements: expected at least {n_units} degrees of freedom for the full covariance "
            f"of {n_units} units, got {dof}; give method='shrinkage_diag'"
        )
    residuals = array - means[..., codes, :]
    silent = np.argwhere(np.abs(residuals).max(-2) <= _ROUNDING * np.abs(array).max(-2))
    if len(silent):
        raise InputError(
            f"measurements: expected noise in every unit, got {len(silent)} unit(s) whose "
            f"repetitions are equal, the first at {tuple(silent[0].tolist())}; leave them out"
        )
    result = np.empty((*array.shape[:-2], n_units, n_units))
    for index in np.ndindex(array.shape[:-2]):
        result[index] = _ESTIMATES[method](residuals[index], dof)
    return result


def means_of(
    array: Float[np.ndarray, "... measurement unit"], codes: np.ndarray
) -> tuple[Float[np.ndarray, "... group unit"], np.ndarray]:
    """Mean of the measurements of each group, and their numbers."""
    counts = np.bincount(codes)
    membership = (np.arange(len(counts))[:, None] == codes).astype(np.float64)
    return membership @ array / counts[:, None], counts


def check_noise(
    noise: ArrayLike, leading: tuple[int, ...], n_units: int
) -> Float[np.ndarray, "... unit unit"]:
    """Return the lower Cholesky factor of a noise covariance, or of one for each position.

    Raises:
        InputError: another size, NaN, or a matrix that is not symmetric and positive definite.
    """
    array = as_numpy(check_array("noise", noise, 2, "(..., unit, unit)")).astype(np.float64)
    if array.shape[-2:] != (n_units, n_units) or array.shape[:-2] not in ((), leading):
        every = f" or {(*leading, n_units, n_units)}" if leading else ""
        raise InputError(
            f"noise: expected a covariance of shape {(n_units, n_units)}{every} for {n_units} "
            f"units, got {array.shape}"
        )
    check_finite("noise", array)
    asymmetry = np.abs(array - array.mT).max((-2, -1))
    if (asymmetry > _MOST_ASYMMETRY * np.abs(array).max((-2, -1))).any():
        raise InputError("noise: expected a symmetric covariance, got a matrix that is not")
    try:
        return np.linalg.cholesky(array)
    except np.linalg.LinAlgError:
        raise InputError(
            "noise: expected a positive definite covariance, got one with a variance of 0 or less "
            "in some direction; estimate it by noise_covariance(..., method='shrinkage_diag')"
        ) from None


def _full(residuals: Residuals, dof: int) -> Covariance:
    return residuals.T @ residuals / dof


def _variances(residuals: Residuals, dof: int) -> Covariance:
    return np.diag((residuals**2).sum(0) / dof)


def _towards_identity(residuals: Residuals, dof: int) -> Covariance:
    n, n_units = residuals.shape
    sample, squares = residuals.T @ residuals / n, residuals**2
    target = np.trace(sample) / n_units * np.eye(n_units)
    distance = np.sum((sample - target) ** 2)
    error = np.sum(squares.T @ squares / n - sample**2) / n
    weight = min(error, distance) / distance if distance > 0 else 1.0
    return (weight * target + (1 - weight) * sample) * n / dof


def _towards_diagonal(residuals: Residuals, dof: int) -> Covariance:
    n, n_units = residuals.shape
    sample = residuals.T @ residuals / dof
    scaled = residuals / np.sqrt(np.diag(sample))
    squares = scaled**2
    mean = scaled.T @ scaled / (n - 1)
    error = n / dof**2 * (squares.T @ squares / (n - 1) - mean**2)
    apart = ~np.eye(n_units, dtype=bool)
    signal = np.sum(mean[apart] ** 2)
    weight = np.clip(np.sum(error[apart]) / signal, 0, 1) if signal > 0 else 1.0
    return np.where(apart, (1 - weight) * sample, sample)


_ESTIMATES: Mapping[str, Callable[[Residuals, Any], Covariance]] = MappingProxyType(
    {
        "shrinkage_diag": _towards_diagonal,
        "shrinkage_eye": _towards_identity,
        "full": _full,
        "diag": _variances,
    }
)
