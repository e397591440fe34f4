"""Outlier-robust correlation of a few points, such as layers."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import ndtri, stdtr

from ensemble_rsa.arrays import ArrayLike, as_numpy, check_array, check_finite
from ensemble_rsa.errors import InputError, check_name

if TYPE_CHECKING:  # at run time a wrong name is refused by us, with the choices
    MethodName = Literal["skipped", "percentage_bend", "pearson"]
else:
    MethodName = str

_FEWEST = 4  # points: Fisher's interval divides by √(n − 3)
_BEND = 0.2  # the usual share of points that percentage bend pulls in
_CONSTANT = 1e-12  # of the largest value: a spread up to this is rounding
_CONFIDENCE = 0.95

Points = Float[np.ndarray, " point"]
Outliers = Bool[np.ndarray, " point"]


@dataclass(frozen=True)
class RobustCorrelation:
    """A correlation with its test and interval.

    Attributes:
        r: the correlation.
        p: two-sided, of t = r √((n − 2) / (1 − r²)) with n − 2 degrees of freedom.
        low: lower end of Fisher's 95% interval tanh(artanh r ± 1.96 / √(n − 3)).
        high: upper end of it.
        n: number of points behind `r`, without outliers.
        outliers: points left out, `(point,)`; none except by `"skipped"`.
    """

    r: float
    p: float
    low: float
    high: float
    n: int
    outliers: Outliers


def robust_correlation(
    x: ArrayLike, y: ArrayLike, method: MethodName = "skipped"
) -> RobustCorrelation:
    """Correlate two series, such as the clustering index and the consistency of layers.

    Mehrer et al. 2020 (doi:10.1038/s41467-020-19632-w, Fig. S4) do not say which robust correlation
    they use. The default is ours:

    - `"skipped"`: Pearson's r without bivariate outliers, found by projecting the points on the
      lines through each of them and a robust centre (minimum covariance determinant). It depends on
      units: rescaling one series may change the outliers.
    - `"percentage_bend"`: the 20% of values farthest from the median of their series are clipped.
    - `"pearson"`: Pearson's r, for comparison; not robust.

    p and interval treat the remaining points as the whole sample, which is optimistic with few
    points: of 500 pairs of unrelated normal series of nine, 10% have p ≤ 0.05 by `"skipped"` and 6%
    by `"percentage_bend"`. Besides, layers are not an independent sample.

    Both series are `(point,)`.

    Raises:
        InputError: series of unequal length or of fewer than four points (without outliers), NaN, a
            constant series (for `"percentage_bend"` also a nearly constant one), or an unknown
            method.

    >>> x, y = np.arange(8.0), np.array([0.1, 0.9, 2.2, 2.8, 4.1, 4.9, 6.1, -9.0])
    >>> result = robust_correlation(x, y)
    >>> round(result.r, 3), result.n, np.flatnonzero(result.outliers).tolist()
    (0.998, 7, [7])
    """
    check_name("method", method, METHODS)
    first, second = _series("x", x), _series("y", y)
    if len(first) != len(second):
        raise InputError(
            f"y: expected one value for each of {len(first)} points, got {len(second)}"
        )
    _check_enough(first, second)
    r, outliers = METHODS[method](first, second)
    r, n = float(np.clip(r, -1, 1)), int((~outliers).sum())
    reach = ndtri((1 + _CONFIDENCE) / 2) / np.sqrt(n - 3)
    with np.errstate(divide="ignore"):  # r = ±1 has p = 0 and an interval of no width
        t = np.abs(r) * np.sqrt(np.divide(n - 2, 1 - r**2))
        low, high = np.tanh(np.arctanh(r) + [-reach, reach])
    return RobustCorrelation(r, float(2 * stdtr(n - 2, -t)), float(low), float(high), n, outliers)


def _series(name: str, values: ArrayLike) -> Points:
    series = as_numpy(check_array(name, values, 1, "(point,)"))
    if series.ndim != 1:
        raise InputError(f"{name}: expected shape (point,), got {tuple(series.shape)}")
    check_finite(name, series)
    return series.astype(np.float64)


def _check_enough(x: Points, y: Points, which: str = "") -> None:
    for name, series in (("x", x), ("y", y)):
        if len(series) < _FEWEST:
            got = f"got {len(series)}"
            raise InputError(f"{name}: expected at least {_FEWEST} points{which}, {got}")
        if np.ptp(series) <= _CONSTANT * np.abs(series).max():
            got = f"got {series[0]:g} throughout"
            raise InputError(f"{name}: expected values that differ{which}, {got}")


def _pearson(x: Points, y: Points) -> tuple[float, Outliers]:
    return float(np.corrcoef(x, y)[0, 1]), np.zeros(len(x), bool)


def _skipped(x: Points, y: Points) -> tuple[float, Outliers]:
    from pingouin.correlation import skipped  # slow to import

    with warnings.catch_warnings():
        # That MATLAB's centre differs slightly, and that most points lie on one line.
        warnings.filterwarnings("ignore", "The skipped correlation relies")
        warnings.filterwarnings("ignore", "The covariance matrix associated")
        # That the remaining points are constant, which is checked below.
        warnings.filterwarnings("ignore", "An input array is")
        outliers = np.asarray(skipped(x, y, corr_type="pearson")[2], bool)
    kept = x[~outliers], y[~outliers]
    _check_enough(*kept, f" beside {outliers.sum()} outlier(s)")
    return _pearson(*kept)[0], outliers


def _percentage_bend(x: Points, y: Points) -> tuple[float, Outliers]:
    from pingouin.correlation import percbend  # slow to import

    for name, series in (("x", x), ("y", y)):
        deviations = np.sort(np.abs(series - np.median(series)))
        if deviations[int((1 - _BEND) * len(series)) - 1] == 0:
            raise InputError(
                f"{name}: expected fewer equal values for 'percentage_bend', got mostly "
                f"{np.median(series):g}; use 'pearson'"
            )
    return float(percbend(x, y, beta=_BEND)[0]), np.zeros(len(x), bool)


METHODS: Mapping[MethodName, Callable[[Points, Points], tuple[float, Outliers]]] = MappingProxyType(
    {"skipped": _skipped, "percentage_bend": _percentage_bend, "pearson": _pearson}
)
