"""The one normaliser of labels: numbers, strings, bytes, categoricals, from any container."""

from collections.abc import Mapping, Set
from typing import Any

import numpy as np
from jaxtyping import Int

from ensemble_rsa.errors import InputError

LabelsLike = Any  # one label per stimulus, in any container with an order
LabelCodes = Int[np.ndarray, " stimulus"]
_MISSING_SHOWN = 5


def check_labels(
    name: str, labels: LabelsLike, n_stimuli: int | None = None
) -> tuple[LabelCodes, np.ndarray]:
    """Return labels as integers 0 … n_categories − 1, and the categories in sorted order.

    Numbers sort as numbers, everything else as it compares; bytes are decoded as UTF-8.

    Raises:
        InputError: not one label per stimulus, missing labels (None, NaN, NA, masked), or labels
            of several kinds or of a kind that does not sort.

    >>> codes, categories = check_labels("labels", ["dog", b"cat", "dog"], 3)
    >>> codes.tolist(), categories.tolist()
    ([1, 0, 1], ['cat', 'dog'])
    """
    values = [_as_python(value) for value in _listed(name, labels)]
    if any(isinstance(value, list | tuple | np.ndarray) for value in values):
        raise InputError(f"{name}: expected one label per stimulus, got nested lists or two axes")
    if n_stimuli is not None and len(values) != n_stimuli:
        raise InputError(
            f"{name}: expected one label for each of {n_stimuli} stimuli, got {len(values)}"
        )
    missing = [i for i, value in enumerate(values) if _is_missing(value)]
    if missing:
        shown = ", ".join(map(str, missing[:_MISSING_SHOWN]))
        more = ", …" if len(missing) > _MISSING_SHOWN else ""
        raise InputError(
            f"{name}: expected a label for each stimulus, got {len(missing)} missing, at "
            f"position(s) {shown}{more}"
        )
    kinds = {float if isinstance(value, int | float) else type(value) for value in values}
    if len(kinds) > 1:
        names = ", ".join(sorted({type(value).__name__ for value in values}))
        raise InputError(f"{name}: expected labels of one kind, got {names}")
    array = np.asarray(values) if kinds <= {float, str} else np.array(values, object)
    try:
        categories, codes = np.unique(array, return_inverse=True)
    except TypeError as error:
        raise InputError(f"{name}: expected labels that sort, but {error}") from None
    return codes.astype(np.int64), categories


def _listed(name: str, labels: LabelsLike) -> list[Any]:
    if isinstance(labels, str | bytes | Mapping | Set):
        raise InputError(f"{name}: expected a sequence of labels, got {type(labels).__name__}")
    for method in ("tolist", "to_list"):
        if hasattr(labels, method):
            listed = getattr(labels, method)()
            return listed if isinstance(listed, list) else [listed]
    return list(labels) if isinstance(labels, list | tuple) else np.asarray(labels).tolist()


def _as_python(value: Any) -> Any:
    if hasattr(value, "item") and not np.ndim(value):
        value = value.item()
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value


def _is_missing(value: Any) -> bool:
    return value is None or type(value).__name__ == "NAType" or value != value
