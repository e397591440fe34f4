"""Checks of numbers and of single values, each with one error message that names the argument."""

from typing import Any

import numpy as np

from ensemble_rsa.errors import InputError, shown
from ensemble_rsa.scalars import is_number, is_whole


def check_finite(name: str, value: Any, advice: str = "", nan: bool = False) -> None:
    """Raise if any entry is NaN or infinite, with their number and the position of the first.

    With `nan`, NaN is accepted. `advice` ends the message.
    """
    array = np.asarray(value)
    finite = ~np.isinf(array) if nan else np.isfinite(array)
    if not finite.all():
        bad = np.argwhere(~finite)
        where = tuple(int(i) for i in bad[0])
        kind = "inf" if nan else "NaN or inf"
        raise InputError(
            f"{name}: expected finite numbers, got {len(bad)} {kind}, the first at {where}{advice}"
        )


def check_varied(name: str, correlations: np.ndarray) -> None:
    """Raise if a row was constant, which `numerics.correlation_matrix` marks by NaN."""
    constant = np.argwhere(np.isnan(np.diagonal(correlations, axis1=-2, axis2=-1)))
    if len(constant):
        position = ", ".join(str(int(i)) for i in constant[0])
        raise InputError(
            f"{name}: expected distances that differ by more than rounding, got {len(constant)} "
            f"constant RDM(s), the first at [{position}]; its correlation with others is "
            f"undefined, so leave it out"
        )


def check_count(name: str, value: Any, least: int) -> int:
    """Return a whole number; raise if it is none, or below `least`."""
    if not is_whole(value) or value < least:
        raise InputError(f"{name}: expected a whole number of at least {least}, got {shown(value)}")
    return int(value)


def check_confidence(name: str, value: Any) -> float:
    """Return the coverage of an interval; raise unless it is strictly between 0 and 1."""
    if not is_number(value) or not 0 < value < 1:
        raise InputError(
            f"{name}: expected a number between 0 and 1, such as 0.95, got {shown(value)}"
        )
    return float(value)


def check_flag(name: str, value: Any) -> bool:
    """Return True or False; raise for anything else."""
    if not isinstance(value, bool | np.bool_):
        raise InputError(f"{name}: expected True or False, got {shown(value)}")
    return bool(value)
