"""Paths with placeholders in braces: their regular expression, order, and what there is instead."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_SHOWN = 5  # names in a message


def natural(text: str) -> tuple[Any, ...]:
    """Return a key that sorts numbers within text by their value.

    >>> sorted(["seed10", "seed2", "seed1"], key=natural)
    ['seed1', 'seed2', 'seed10']
    """
    parts = re.split(r"(\d+)", text)
    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in parts)


def expression(pieces: Sequence[str], forms: Mapping[str, str]) -> str:
    """Return the regular expression of a path, from its placeholders and what is between them.

    Args:
        pieces: in their order; a placeholder that occurs again has the same value.
        forms: what the value of a placeholder looks like, by its name.
    """
    seen: set[str] = set()
    parts = []
    for piece in pieces:
        name = piece[1:-1]
        if piece != f"{{{name}}}" or name not in forms:
            parts.append(re.escape(piece))
        else:
            parts.append(f"(?P={name})" if name in seen else f"(?P<{name}>{forms[name]})")
            seen.add(name)
    return "".join(parts)


def nearest(text: str) -> str:
    """Say what the last folder before the first placeholder that exists holds."""
    folder = Path(text[: text.index("{")] + "x" if "{" in text else text).parent
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    names = sorted((path.name for path in folder.iterdir()), key=natural)
    more = ", …" if len(names) > _SHOWN else ""
    return f"{folder} holds {', '.join(names[:_SHOWN]) or 'nothing'}{more}"
