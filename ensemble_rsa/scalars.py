"""Kinds of numbers, for checks that need no arrays: this module does not import JAX."""

from typing import Any

import numpy as np


def is_whole(value: Any) -> bool:
    """Whether a value is a whole number of Python or NumPy; True and False are none."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Whether a value is a real number of Python or NumPy; True and False are none."""
    return is_whole(value) or isinstance(value, float | np.floating)
