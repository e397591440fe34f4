"""What a check found: its severity, where, and what to do about it."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from ensemble_rsa.errors import InputError

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

    def __str__(self) -> str:
        where = [f"instance {self.instance}"] if self.instance is not None else []
        where += [self.layer] if self.layer is not None else []
        return ": ".join([*where, self.message])


def ordered(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings without repetitions, the most severe ones first.

    >>> note, warning = Finding("note", None, None, "a"), Finding("warn", 3, "fc", "b")
    >>> [str(finding) for finding in ordered([note, warning, note])]
    ['instance 3: fc: b', 'a']
    """
    return sorted(dict.fromkeys(findings), key=lambda one: get_args(Severity).index(one.severity))


def refuse(findings: Iterable[Finding]) -> None:
    """Raise an `InputError` for the findings that stop an import, if there are any."""
    if found := [str(one) for one in findings if one.severity == "refuse"]:
        more = f"; and {len(found) - 3} more" if len(found) > 3 else ""
        raise InputError("source: " + "; ".join(found[:3]) + more)


def some(names: Iterable[Any], n: int = 3) -> str:
    """Return the first names, and how many more there are.

    >>> some("abcde"), some("ab")
    ('a, b, c and 2 more', 'a, b')
    """
    listed = [str(name) for name in names]
    more = len(listed) - n
    return ", ".join(listed[:n]) + (f" and {more} more" if more > 0 else "")
