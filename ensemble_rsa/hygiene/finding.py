"""What a check found: its severity, where, and what to do about it."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

Severity = Literal["refuse", "warn", "note"]


@dataclass(frozen=True)
class Finding:
    """One finding on the networks or activations of an ensemble.

    Attributes:
        severity: "refuse" stops an import, "warn" calls results into question, "note" says how
            something was read.
        instance: which instance; None for all of them, or none in particular.
        layer: which layer; None as for instances.
        message: a sentence.
    """

    severity: Severity
    instance: Any
    layer: str | None
    message: str

    def as_record(self) -> dict[str, Any]:
        """Return plain values, ready for JSON.

        >>> Finding("note", None, "conv1", "maps were flattened").as_record()["layer"]
        'conv1'
        """
        return asdict(self)
