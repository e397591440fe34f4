"""What readers of reference files share: the choice of a variable, and the check of its RDMs."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from ensemble_rsa.errors import InputError

AXES = "(subject, stimulus_pair)"


def chosen(path: Path, found: Mapping[str, Any], variable: str | None) -> Any:
    """Return the variable of this name, or the only one.

    >>> chosen(Path("a.mat"), {"RDMs": 1}, None)
    1
    """
    listed = ", ".join(found) or "none"
    if variable is not None and variable in found:
        return found[variable]
    if variable is None and len(found) == 1:
        return next(iter(found.values()))
    wanted = "one variable with RDMs" if variable is None else f"a variable {variable!r} with RDMs"
    raise InputError(f"reference: {path.name}: expected {wanted}, there are: {listed}")


def refuse_variable(path: Path, variable: str | None) -> None:
    """Raise if a variable was asked for in a file whose format names none."""
    if variable is not None:
        raise InputError(
            f"variable: expected none for {path.name}, whose RDMs are all read, got {variable!r}"
        )


def same_size(
    path: Path, rows: Sequence[np.ndarray], names: Iterable[str]
) -> Float[np.ndarray, "rdm stimulus_pair"]:
    """Stack condensed RDMs, which must be of equally many stimuli; `names` are for messages."""
    for row, name in zip(rows, names, strict=True):
        if row.shape != rows[0].shape:
            raise InputError(
                f"reference: {path.name}: expected RDMs of the same stimuli, got "
                f"{len(rows[0])} distances in the first and {len(row)} in {name or 'another'!r}"
            )
    return np.stack(rows)
