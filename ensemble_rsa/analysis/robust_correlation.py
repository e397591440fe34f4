"""Outlier-robust correlation of a few points, such as layers."""

import itertools
import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import ndtri, stdtr

from ensemble_rsa.arrays import (
    ArrayLike,
    as_numpy,
    check_agreement,
    check_array,
    check_count,
    check_finite,
)
from ensemble_rsa.errors import InputError, check_name
from ensemble_rsa.rng import host_stream

if TYPE_CHECKING:  # at run time a wrong name is refused by us, with the choices
    MethodName = Literal["skipped", "percentage_bend", "pearson"]
else:
    MethodName = str

_FEWEST = 4  # points: Fisher's interval divides by √(n − 3)
_BEND = 0.2  # the usual share of points that percentage bend pulls in
_CONSTANT = 1e-12  # of the largest value: a spread up to this is rounding
_CONFIDENCE = 0.95
_ROUNDING = 1e-12
MOST_PERMUTED = 20  # points; with more, Student's t is close enough

Points = Float[np.ndarray, " point"]
Outliers = Bool[np.ndarray, " point"]


@dataclass(frozen=True)
class RobustCorrelation:
    """A correlation with its test and interval.

    Attributes:
        r: the correlation.
        p: two-sided: the share of permutations of one series with an r of at least this size, or of
            t = r √((n − 2) / (1 − r²)) with n − 2 degrees of freedom if there are none.
        low: lower end of Fisher's 95% interval tanh(artanh r ± 1.96 / √(n − 3)).
        high: upper end of it.
        n: number of points behind `r`, without outliers.
        outliers: points left out, `(point,)`; none except by `"skipped"`.
        n_permutations: behind `p`; 0 if it is Student's t.
    """

    r: float
    p: float
    low: float
    high: float
    n: int
    outliers: Outliers
    n_permutations: int


def robust_correlation(
    x: ArrayLike,
    y: ArrayLike,
    method: MethodName = "skipped",
    n_permutations: int = 199,
    seed: int = 0,
) -> RobustCorrelation:
    """Correlate two series, such as the clustering index and the consistency of layers.

    Mehrer et al. 2020 (doi:10.1038/s41467-020-19632-w, Fig. S4) do not say which robust correlation
    they use. The default is ours:

    - `"skipped"`: Pearson's r without bivariate outliers, found by projecting the points on the
      lines through each of them and a robust centre (minimum covariance determinant). It depends on
      units: rescaling one series may change the outliers.
    - `"percentage_bend"`: the 20% of values farthest from the median of their series are clipped.
    - `"pearson"`: Pearson's r, for comparison; not robust.

    For up to 20 points, p is that of permutations, which recompute the correlation with its
    outliers. Student's t would treat the remaining points as the whole sample: of 500 pairs of
    unrelated normal series of nine, 10% have p ≤ 0.05 by `"skipped"` and 6% by `"percentage_bend"`.
    The interval does treat them so. Besides, layers are not an independent sample.

    Both series are `(point,)`. `n_permutations` is the largest number of permutations (ours: 199,
    five seconds for `"skipped"`); if there are no more, all are taken. 0 stands for Student's t.
    `seed` determines random ones.

    Raises:
        InputError: series of unequal length or of fewer than four points (without outliers), NaN, a
            constant series (for `"percentage_bend"` also a nearly constant one), an unknown
            method, or a negative number of permutations.

    >>> x, y = np.arange(8.0), np.array([0.1, 0.9, 2.2, 2.8, 4.1, 4.9, 6.1, -9.0])
    >>> result = robust_correlation(x, y, n_permutations=9)
    >>> round(result.r, 3), result.n, np.flatnonzero(result.outliers).tolist()
    (0.998, 7, [7])
    """
    check_name("method", method, METHODS)
    check_count("n_permutations", n_permutations, 0)
    check_agreement({"x": x, "y": y}, matched=True)
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
    p, n_permuted = float(2 * stdtr(n - 2, -t)), 0
    if n_permutations and len(first) <= MOST_PERMUTED:
        p, n_permuted = _permuted(first, second, method, abs(r), n_permutations, seed)
    return RobustCorrelation(r, p, float(low), float(high), n, outliers, n_permuted)


def _permuted(
    x: Points, y: Points, method: MethodName, size: float, n_permutations: int, seed: int
) -> tuple[float, int]:
    """The share of permutations with an |r| of `size` or more, and their number.

    All permutations are taken if there are no more than `n_permutations`. One whose correlation is
    not defined counts as large.
    """
    exact = math.factorial(len(y)) <= n_permutations
    if exact:
        orders = map(list, itertools.permutations(range(len(y))))
    else:
        generator = host_stream(seed, "permuted points")
        orders = (generator.permutation(len(y)) for _ in range(n_permutations))

    def at_least_as_large(order: Any) -> bool:
        try:
            return abs(METHODS[method](x, y[order])[0]) >= size - _ROUNDING
        except InputError:
            return True

    found = [at_least_as_large(order) for order in orders]
    own = not exact  # random permutations need not include the observed order
    return (sum(found) + own) / (len(found) + own), len(found)


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
