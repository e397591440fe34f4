"""What is refused where an array is expected, with what to give instead."""

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

FROM_RSATOOLBOX = "ensemble_rsa.interop.from_rsatoolbox"


def not_an_array(value: Any) -> str | None:
    """Return what a value that holds no single array is and what to give instead, else None.

    Types are recognised by their attributes and the package that they come from, so that none of
    these packages is imported.

    >>> not_an_array("rdms.h5")
    "str 'rdms.h5'; open the file and give its array"
    >>> not_an_array([1.0, 2.0])
    """
    kind = type(value)
    name = kind.__name__
    advice = None
    if kind.__module__.startswith("rsatoolbox"):
        return _of_rsatoolbox(value)
    if isinstance(value, str | bytes | PurePath):
        return f"{name} {str(value)!r:.60}; open the file and give its array"
    if hasattr(kind, "nnz") or hasattr(kind, "nse"):
        name = f"a sparse array ({name})"
        advice = "give a dense one, such as .toarray() or .todense() returns"
    elif hasattr(kind, "data_vars"):
        advice = "give one of its variables, such as .exemplar"
        name = f"xarray.{name}"
    elif hasattr(kind, "create_dataset") or hasattr(kind, "create_array"):
        advice = "give one of its data sets"
    elif isinstance(value, Mapping):
        advice = "give one of its values"
    elif hasattr(kind, "collect") and not hasattr(kind, "to_numpy"):
        advice = "call .collect() first"
    elif hasattr(kind, "compute") and not hasattr(kind, "dtype") and not hasattr(kind, "columns"):
        advice = "call .compute() first"
    return f"{name}; {advice}" if advice else None


def _of_rsatoolbox(value: Any) -> str:
    name = f"an rsatoolbox {type(value).__name__}"
    if hasattr(value, "dissimilarities"):
        return (
            f"{name}; give its array (.dissimilarities), or convert it by {FROM_RSATOOLBOX}, which "
            "keeps its descriptors"
        )
    if hasattr(value, "measurements"):
        return f"{name}; give its array (.measurements)"
    return f"{name}; give an array"
