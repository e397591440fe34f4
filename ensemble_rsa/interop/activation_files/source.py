"""A source of activations from files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ensemble_rsa.extraction.sources import ActivationSource


def from_files(
    pattern: str | Path | Sequence[str | Path] | Mapping[str, Sequence[str | Path]],
    labels: Any = None,
    stimuli: Any = None,
    layers: Sequence[str] | None = None,
    flatten: bool = False,
) -> ActivationSource:
    """Return activations in files as a source for `ensemble_rsa.extract`."""
    raise NotImplementedError
