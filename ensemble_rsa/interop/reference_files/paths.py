"""Paths with placeholders such as `{subject}`, whose values become descriptors of RDMs."""

import glob
import re
from pathlib import Path
from typing import NamedTuple

from ensemble_rsa.errors import InputError
from ensemble_rsa.interop.path_patterns import expression, natural, nearest

_FIELD = re.compile(r"\{([A-Za-z]\w*)\}")


class Located(NamedTuple):
    """A file, and what its path says under each placeholder."""

    fields: dict[str, str]
    path: Path


def located(path: Path) -> list[Located]:
    """Return the files that a path with placeholders matches, in the order of their fields.

    A placeholder that occurs twice has the same value at both places. Without placeholders it is
    the path itself, whether there is such a file or not.

    >>> located(Path("brain.h5"))
    [Located(fields={}, path=PosixPath('brain.h5'))]
    """
    text = str(path)
    if path.exists() or not _FIELD.search(text):
        return [Located({}, path)]
    pieces = re.split(r"(\{[A-Za-z]\w*\})", text)
    wild = "".join("*" if _FIELD.fullmatch(piece) else glob.escape(piece) for piece in pieces)
    form = re.compile(expression(pieces, {name: r"[^/\\]+?" for name in _FIELD.findall(text)}))
    found = [
        Located(matched.groupdict(), Path(each))
        for each in glob.glob(wild)
        if (matched := form.fullmatch(each)) and not Path(each).name.startswith(".")
    ]
    if not found:
        raise InputError(f"reference: no file matches {text}; {nearest(text)}")
    return sorted(found, key=lambda one: tuple(map(natural, one.fields.values())))


def filled(path: Path, fields: dict[str, str]) -> Path:
    """Return a path with the values of its placeholders.

    >>> filled(Path("sub-{subject}/mask.nii"), {"subject": "01"}).as_posix()
    'sub-01/mask.nii'

    Raises:
        InputError: a placeholder that has no value.
    """
    text = str(path)
    for name in _FIELD.findall(text):
        if name not in fields:
            known = ", ".join(f"{{{each}}}" for each in fields) or "none"
            raise InputError(
                f"mask: expected only placeholders that the reference has ({known}), got {{{name}}}"
            )
        text = text.replace(f"{{{name}}}", fields[name])
    return Path(text)
