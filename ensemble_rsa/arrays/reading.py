"""Warnings on arrays that can be read in more than one way: how they were read, what else to do."""

import math
import sys
import warnings
from typing import Any


class ReadingWarning(UserWarning):
    """An array can be read in more than one way; the message says in which it was read."""


def warn_of_reading(message: str) -> None:
    """Warn at the line outside of this package that the call came from."""
    frame, level = sys._getframe(1), 2
    while frame.f_back and frame.f_globals.get("__name__", "").startswith("ensemble_rsa"):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, ReadingWarning, stacklevel=level - 1)


def warn_of_reversed_axes(name: str, array: Any, axes: str) -> None:
    """Warn if this is a data set of a MATLAB v7.3 file, whose axes HDF5 holds in reverse order."""
    if array.ndim > 1 and "MATLAB_class" in getattr(array, "attrs", ()):
        shape = tuple(array.shape)
        warn_of_reading(
            f"{name}: the axes of a MATLAB v7.3 data set are reversed in the file; shape {shape} "
            f"is read as {axes}, so if MATLAB shows {shape[::-1]} in this order, give dataset[()].T"
            ", and else dataset[()]"
        )


def warn_of_maps(name: str, array: Any, advice: str) -> None:
    """Warn that an array of more axes, such as maps, is read as `(..., stimulus, unit)`."""
    *leading, n_stimuli, n_units = array.shape
    warn_of_reading(
        f"{name}: shape {tuple(array.shape)} is read as (..., stimulus, unit), so as "
        f"{math.prod(leading)} sets of {n_stimuli} stimuli and {n_units} units; {advice}"
    )
