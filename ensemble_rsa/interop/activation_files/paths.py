"""From patterns with `{instance}` and `{layer}` to the files of each instance and layer."""

import glob
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ensemble_rsa.errors import InputError, shown
from ensemble_rsa.interop.path_patterns import expression, natural, nearest

PLACEHOLDERS = ("instance", "layer")
FILE_NAMES = "file_names.txt"  # holds ids of stimuli, as thingsvision writes them
_FIELD = re.compile(r"\{(\w*)\}")


class Location(NamedTuple):
    """A file or folder: whose activations it holds, and of which layer if its path says so."""

    instance: str
    layer: str | None
    path: Path


def locations(pattern: Any) -> list[Location]:
    """Return the files that patterns describe, or a mapping of layers to files.

    Files of a mapping, and patterns without `{instance}` that all have `{layer}`, belong to
    instances 0, 1, … in their order.

    Raises:
        InputError: nothing matches, an unknown placeholder, a file that several instances or
            layers claim, or files of which it is not known whose they are.
    """
    if isinstance(pattern, Mapping):
        return _of_mapping(pattern)
    patterns = _as_paths(pattern)
    texts = [str(Path(each).expanduser()) for each in patterns]
    fields = [_fields(text) for text in texts]
    has_instance = {"instance" in found for found in fields}
    if len(has_instance) > 1:
        raise InputError("pattern: expected {instance} in all patterns or in none")
    if has_instance == {False} and len(texts) > 1 and not all("layer" in one for one in fields):
        raise InputError(
            f"pattern: got {len(texts)} paths without {{instance}}; write the part that differs "
            "between instances as {instance}, as in 'acts/seed{instance}.npz' (in quotation marks)"
        )
    found = []
    for number, text in enumerate(texts):
        name = str(number) if len(texts) > 1 else "0"
        found += [one if "{instance}" in text else one._replace(instance=name)
                  for one in _matches(text)]  # fmt: skip
    twice = _first_twice(one.path for one in found)
    if twice is not None:
        raise InputError(f"pattern: {twice} matches more than one of the patterns")
    return sorted(found, key=lambda one: (natural(one.instance), natural(one.layer or "")))


def _as_paths(given: Any) -> list[str | Path]:
    """Return a path, or several, as a list."""
    listed = [given] if isinstance(given, str | Path) else given
    paths = list(listed) if isinstance(listed, Sequence) and not isinstance(listed, bytes) else []
    if not paths or not all(isinstance(one, str | Path) and str(one) for one in paths):
        raise InputError(
            "pattern: expected a path, several, or a mapping of layers to paths, got "
            f"{shown(given)}"
        )
    return paths


def _of_mapping(pattern: Mapping[Any, Any]) -> list[Location]:
    found = []
    for layer, paths in pattern.items():
        found += [
            Location(str(number), str(layer), Path(path).expanduser())
            for number, path in enumerate(_as_paths(paths))
        ]
    if not found:
        raise InputError("pattern: expected a mapping of layers to lists of files, got no file")
    counts = {layer: sum(one.layer == str(layer) for one in found) for layer in pattern}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{count} of {layer}" for layer, count in counts.items())
        raise InputError(
            f"pattern: expected as many files of each layer as there are instances, got {listed}"
        )
    for one in found:
        if not one.path.exists():
            raise InputError(f"pattern: {one.path}: no such file")
    twice = _first_twice(one.path for one in found)
    if twice is not None:
        raise InputError(f"pattern: {twice} stands in more than one place")
    return found


def _fields(text: str) -> set[str]:
    fields = set(_FIELD.findall(text))
    if unknown := sorted(fields - {*PLACEHOLDERS}):
        raise InputError(
            f"pattern: unknown {{{unknown[0]}}} in {text}; expected {{instance}} or {{layer}}"
        )
    return fields


def _matches(text: str) -> list[Location]:
    """Return what one pattern matches; an instance is a number if all could be numbers."""
    pieces = re.split(r"(\{\w+\})", text)
    wild = "".join("*" if _FIELD.fullmatch(piece) else glob.escape(piece) for piece in pieces)
    paths = sorted(
        path
        for path in glob.glob(wild)
        if not Path(path).name.startswith(".") and Path(path).name != FILE_NAMES
    )
    for instance in (r"\d+", r"[^/\\]+?"):
        form = expression(pieces, {"instance": instance, "layer": r"[^/\\]+"})
        matched = [re.fullmatch(form, path) for path in paths]
        if matched and all(matched):
            break
    found = [
        Location(one.groupdict().get("instance", ""), one.groupdict().get("layer"), Path(one[0]))
        for one in matched
        if one
    ]
    if not found:
        raise InputError(f"pattern: no file matches {text}; {nearest(text)}")
    cells = [(one.instance, one.layer) for one in found]
    for one in found:
        if cells.count((one.instance, one.layer)) > 1:
            raise InputError(f"pattern: several files match {text} for {one.path}")
    return found


def _first_twice(paths: Iterable[Path]) -> Path | None:
    seen: set[Path] = set()
    for path in paths:
        if path.resolve() in seen:
            return path
        seen.add(path.resolve())
    return None
