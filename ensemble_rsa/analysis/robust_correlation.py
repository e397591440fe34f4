"""Correlation of a few points, such as layers, that a single one of them does not decide."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import ndtri, stdtr

from ensemble_rsa.arrays import ArrayLike, check_array, check_finite
from ensemble_rsa.errors import InputError, unknown_name

_FEWEST = 4  # points with a Fisher interval
_BEND = 0.2  # the share of points that percentage bend may bend, as in the literature
_CONSTANT = 1e-12  # of the largest value: a spread up to this is rounding
_CONFIDENCE = 0.95

Outliers = Bool[np.ndarray, " point"]
Method = Callable[
    [Float[np.ndarray, " point"], Float[np.ndarray, " point"]], tuple[float, Outliers]
]


@dataclass(frozen=True)
class RobustCorrelation:
    """A correlation and how sure it is.

    Attributes:
        r: the correlation.
        p: two-sided, of t = r √((n − 2) / (1 − r²)) with n − 2 degrees of freedom.
        low: lower end of the 95% interval tanh(artanh r ± 1.96 / √(n − 3)), Fisher's.
        high: upper end of it.
        n: how many points `r` rests on, outliers left out.
        outliers: which points were left out, `(point,)`; none except by `"skipped"`.
    """

    r: float
    p: float
    low: float
    high: float
    n: int
    outliers: Outliers


def robust_correlation(x: ArrayLike, y: ArrayLike, method: str = "skipped") -> RobustCorrelation:
    """Correlate two series of numbers, one pair a point, such as index and consistency of layers.

    The paper's robust correlation (paper.md §5.11) is one of these; it does not say which:

    - `"skipped"`: Pearson's r without bivariate outliers. Points are projected on the lines through
      each of them and a robust centre (minimum covariance determinant); what is far out on any of
      these is an outlier. Lines depend on units: rescaling one series may change who is out.
    - `"percentage_bend"`: values far from their series' middle are pulled in, 20% of them at most.
    - `"pearson"`: Pearson's r, for comparison; not robust.

    p and interval treat the points that are kept as if they had been the whole sample. That is
    optimistic with few points: of 500 pairs of unrelated normal series of nine, 10% had p ≤ 0.05 by
    `"skipped"` and 6% by `"percentage_bend"`. Layers are no independent sample either.

    Args:
        x: `(point,)`.
        y: `(point,)`.
        method: `"skipped"`, `"percentage_bend"` or `"pearson"`.

    Raises:
        InputError: series of unequal length or of fewer than four points (outliers left out), NaN,
            a constant series, for `"percentage_bend"` one whose values are nearly all the same, or
            an unknown method.

    >>> x, y = np.arange(8.0), np.array([0.1, 0.9, 2.2, 2.8, 4.1, 4.9, 6.1, -9.0])
    >>> result = robust_correlation(x, y)
    >>> round(result.r, 3), result.n, np.flatnonzero(result.outliers).tolist()
    (0.998, 7, [7])
    """
    if method not in METHODS:
        raise unknown_name("method", method, METHODS)
    first, second = _series("x", x), _series("y", y)
    if len(first) != len(second):
        raise InputError(
            f"y: expected one value for each of {len(first)} points, got {len(second)}"
        )
    for name, series in (("x", first), ("y", second)):
        _check_series(name, series, "")
    r, outliers = METHODS[method](first, second)
    r, n = float(np.clip(r, -1, 1)), int((~outliers).sum())
    reach = ndtri((1 + _CONFIDENCE) / 2) / np.sqrt(n - 3)
    with np.errstate(divide="ignore"):  # r of exactly 1 has p of 0 and an interval without width
        t = np.abs(r) * np.sqrt(np.divide(n - 2, 1 - r**2))
        low, high = np.tanh(np.arctanh(r) + [-reach, reach])
    return RobustCorrelation(r, float(2 * stdtr(n - 2, -t)), float(low), float(high), n, outliers)


def _series(name: str, values: ArrayLike) -> Float[np.ndarray, " point"]:
    series = check_array(name, values, 1, "(point,)")
    if series.ndim != 1:
        raise InputError(f"{name}: expected shape (point,), got {tuple(series.shape)}")
    check_finite(name, series)
    return np.asarray(series, np.float64)


def _check_series(name: str, series: Float[np.ndarray, " point"], which: str) -> None:
    if len(series) < _FEWEST:
        raise InputError(f"{name}: expected at least {_FEWEST} points{which}, got {len(series)}")
    if np.ptp(series) <= _CONSTANT * np.abs(series).max():
        raise InputError(
            f"{name}: expected values that differ{which}, got {series[0]:g} throughout"
        )


def _pearson(
    x: Float[np.ndarray, " point"], y: Float[np.ndarray, " point"]
) -> tuple[float, Outliers]:
    return float(np.corrcoef(x, y)[0, 1]), np.zeros(len(x), bool)


def _skipped(
    x: Float[np.ndarray, " point"], y: Float[np.ndarray, " point"]
) -> tuple[float, Outliers]:
    from pingouin.correlation import skipped  # here, since it imports for seconds

    with warnings.catch_warnings():
        # That MATLAB's centre differs a little, and that most points lie on one line.
        warnings.filterwarnings("ignore", "The skipped correlation relies")
        warnings.filterwarnings("ignore", "The covariance matrix associated")
        # It correlates what is left, too, even if that is constant: we check before we do.
        warnings.filterwarnings("ignore", "An input array is")
        outliers = np.asarray(skipped(x, y, corr_type="pearson")[2], bool)
    kept = x[~outliers], y[~outliers]
    for name, series in zip("xy", kept, strict=True):
        _check_series(name, series, f" beside {outliers.sum()} outlier(s)")
    return _pearson(*kept)[0], outliers


def _percentage_bend(
    x: Float[np.ndarray, " point"], y: Float[np.ndarray, " point"]
) -> tuple[float, Outliers]:
    from pingouin.correlation import percbend  # here, since it imports for seconds

    for name, series in (("x", x), ("y", y)):
        deviations = np.sort(np.abs(series - np.median(series)))
        if deviations[int((1 - _BEND) * len(series)) - 1] == 0:
            raise InputError(
                f"{name}: expected fewer equal values for 'percentage_bend', got mostly "
                f"{np.median(series):g}; use 'pearson'"
            )
    return float(percbend(x, y, beta=_BEND)[0]), np.zeros(len(x), bool)


METHODS: Mapping[str, Method] = MappingProxyType(
    {"skipped": _skipped, "percentage_bend": _percentage_bend, "pearson": _pearson}
)
