"""Correlations over the points of a figure: layers in Fig. S4, epochs in Figs 9 and S8.

Mehrer et al. 2020 (doi:10.1038/s41467-020-19632-w) report a robust correlation in both; it is most
probably the skipped correlation. The others are computed for comparison.
"""

import numpy as np
import xarray as xr

from ensemble_rsa.analysis.robust_correlation import METHODS, robust_correlation
from ensemble_rsa.errors import InputError
from ensemble_rsa.reproduce.experiment import Finding

ESTIMATOR_NAMES = {
    "skipped": "skipped",
    "percentage_bend": "percentage bend",
    "pearson": "Pearson",
}


def correlate(x: xr.DataArray, y: xr.DataArray) -> xr.Dataset:
    """The correlations of two series by every method; points that are NaN in either are not used.

    Returns:
        `correlation, correlation_low, correlation_high, correlation_p, n_kept (estimator)`,
        `outlier (estimator, …)` and `missing (estimator)`, the reason why a correlation is not
        defined, else "".
    """
    used = np.flatnonzero(np.isfinite(x.values) & np.isfinite(y.values))
    rows: list[xr.Dataset] = []
    for method in METHODS:
        outlier, numbers, n_kept, missing = np.zeros(x.size, np.int8), [np.nan] * 4, 0, ""
        try:
            found = robust_correlation(x.values[used], y.values[used], method)
        except InputError as reason:  # too few points, or all of them alike
            missing = str(reason)
        else:
            numbers, n_kept = [found.r, found.low, found.high, found.p], found.n
            outlier[used[found.outliers]] = 1
        names = ("correlation", "correlation_low", "correlation_high", "correlation_p")
        row = xr.Dataset(dict(zip(names, numbers, strict=True)))
        rows.append(row.assign(n_kept=n_kept, outlier=(x.dims, outlier), missing=missing))
    return xr.concat(rows, xr.Variable("estimator", list(METHODS)))


def correlation_finding(
    figure: str, quantity: str, found: xr.Dataset, points: list[str], what: str, method: str
) -> Finding:
    """What `correlate` found by one method; `points` are called `what`, such as `layers`."""
    chosen = found.sel(estimator=method)
    if not np.isfinite(chosen.correlation):
        note = f"not defined: {chosen.missing.item()}"
    else:
        out = [name for name, outlier in zip(points, chosen.outlier.values, strict=True) if outlier]
        note = f"p = {float(chosen.correlation_p):.2g} with {int(chosen.n_kept)} {what}"
        note += f", outliers left out: {', '.join(out)}" if out else ""
        note += f"; Fisher interval, as if {what} were independent"
    r, low, high = (float(chosen[f"correlation{end}"]) for end in ("", "_low", "_high"))
    return Finding(figure, quantity, r, low, high, note=note)
