"""Correlations over the points of a figure: layers in Fig. S4, epochs in Figs 9 and S8.

Mehrer et al. 2020 (doi:10.1038/s41467-020-19632-w) report a robust correlation in both; it is most
probably the skipped correlation. The others are computed for comparison. Layers and epochs of one
ensemble are no independent sample, so intervals and p values are over instances: the correlation is
recomputed without each of them, on Fisher's z. Which points are outliers is decided once, with all
instances, since the jackknife needs a statistic that changes smoothly.
"""

import numpy as np
import xarray as xr
from jaxtyping import Bool, Float

from ensemble_rsa.analysis.bootstrap.jackknife import FEWEST, jackknife_statistic
from ensemble_rsa.analysis.robust_correlation import METHODS, MethodName, robust_correlation
from ensemble_rsa.errors import InputError
from ensemble_rsa.numerics import pair_indices
from ensemble_rsa.reproduce.experiment import JACKKNIFE, Finding

ESTIMATOR_NAMES = {
    "skipped": "skipped",
    "percentage_bend": "percentage bend",
    "pearson": "Pearson",
}
_NUMBERS = ("", "_low", "_high", "_error", "_p")


def correlate(
    by_instance: Float[np.ndarray, "point instance"],
    by_pair: Float[np.ndarray, "point instance_pair"],
    used: Bool[np.ndarray, " point"],
    axis: str,
    confidence: float = 0.95,
) -> xr.Dataset:
    """Correlate the mean over instances with the mean over instance pairs, by every method.

    `used` says which points are, and `axis` is the name of their dimension.

    Returns:
        `correlation, correlation_low, correlation_high, correlation_error, correlation_p, n_kept
        (estimator)`, `outlier (estimator, axis)` and `missing (estimator)`, the reason why a
        correlation is not defined, else "". Interval, standard error and p are NaN for fewer than
        three instances.
    """
    places = np.flatnonzero(used)
    rows: list[xr.Dataset] = []
    for method in METHODS:
        outlier, numbers, n_kept, missing = np.zeros(len(used), np.int8), [np.nan] * 5, 0, ""
        x, y = by_instance[places], by_pair[places]
        try:
            found = robust_correlation(x.mean(-1), y.mean(-1), method, n_permutations=0)
        except InputError as reason:  # too few points, or all of them alike
            missing = str(reason)
        else:
            n_kept, outlier[places[found.outliers]] = found.n, 1
            numbers = [found.r, *_interval(x, y, ~found.outliers, method, confidence)]
        row = xr.Dataset(
            {f"correlation{end}": value for end, value in zip(_NUMBERS, numbers, strict=True)}
        )
        rows.append(row.assign(n_kept=n_kept, outlier=(axis, outlier), missing=missing))
    return xr.concat(rows, xr.Variable("estimator", list(METHODS)))


def _interval(
    x: Float[np.ndarray, "point instance"],
    y: Float[np.ndarray, "point instance_pair"],
    kept: Bool[np.ndarray, " point"],
    method: MethodName,
    confidence: float,
) -> list[float]:
    """Low, high, standard error and p of the jackknife over instances."""
    n = x.shape[-1]
    if n < FEWEST:
        return [np.nan] * 4
    first, second = pair_indices(n)
    # the skipped correlation is Pearson's of the points that it keeps
    of_kept: MethodName = "pearson" if method == "skipped" else method

    def r(instances: np.ndarray) -> float:
        pairs = np.isin(first, instances) & np.isin(second, instances)
        means = x[kept][:, instances].mean(-1), y[kept][:, pairs].mean(-1)
        try:
            return robust_correlation(*means, of_kept, n_permutations=0).r
        except InputError:  # alike without one instance
            return np.nan

    found = jackknife_statistic(r, n, confidence, "correlation")
    return [float(v) for v in (found.low, found.high, found.standard_error, found.p)]


def correlation_finding(
    figure: str, quantity: str, found: xr.Dataset, points: list[str], what: str, method: str
) -> Finding:
    """What `correlate` found by one method; `points` are called `what`, such as `layers`.

    `found` also has the dimension `instance`.
    """
    chosen = found.sel(estimator=method)
    if not np.isfinite(chosen.correlation):
        return Finding(figure, quantity, np.nan, note=f"not defined: {chosen.missing.item()}")
    out = [name for name, outlier in zip(points, chosen.outlier.values, strict=True) if outlier]
    note = f"over {int(chosen.n_kept)} {what}"
    note += f", outliers left out: {', '.join(out)}" if out else ""
    r, low, high, error, p = (float(chosen[f"correlation{end}"]) for end in _NUMBERS)
    if not np.isfinite(error):
        few = found.sizes["instance"] < FEWEST
        why = "fewer than three instances" if few else "not defined without one of the instances"
        return Finding(figure, quantity, r, note=f"{note}; {why}: no interval")
    return Finding(figure, quantity, r, low, high, False, note, error, p, JACKKNIFE)
