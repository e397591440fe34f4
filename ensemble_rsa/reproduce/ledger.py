"""Ours beside the paper's: a row for each number it prints and each effect it reports."""

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ensemble_rsa import store
from ensemble_rsa.reproduce.experiment import Finding
from ensemble_rsa.reproduce.paper import NUMBERS, TOLERANCE
from ensemble_rsa.reproduce.scales import Scale

Verdict = Literal["met", "not met", "not comparable at this scale"]
MET, NOT_MET, NOT_COMPARABLE = "met", "not met", "not comparable at this scale"
COMPARISON = "comparison.json"


@dataclass(frozen=True)
class Row:
    """One line of the ledger.

    Attributes:
        figure: of the paper.
        quantity: what is compared.
        paper: the printed number; None for an effect, or where only a range is printed.
        low, high: the printed interval or range.
        ours: ours; for an effect the number that should be above zero.
        ours_low, ours_high: its 95 % interval.
        scale: of our networks.
        verdict: whether the paper's number or effect was met.
        note: what a reader should know.
    """

    figure: str
    quantity: str
    paper: float | None
    low: float | None
    high: float | None
    ours: float
    ours_low: float | None
    ours_high: float | None
    scale: str
    verdict: Verdict
    note: str


def compare(finding: Finding, scale: Scale) -> Row:
    """Set a finding beside what the paper prints.

    A number is met if the two intervals touch, or, where the paper prints none, if ours comes
    within 0.02 of it; it is judged at the paper's scale only. An effect is met if the whole
    interval lies above zero; it is judged at every scale whose networks learn something.

    Args:
        finding: ours.
        scale: at which it was found.
    """
    printed = NUMBERS.get((finding.figure, finding.quantity))
    low = finding.value if finding.low is None else finding.low
    high = finding.value if finding.high is None else finding.high
    notes = [finding.note, printed.note if printed else ""]
    if finding.effect:
        verdict = _effect_verdict(low, scale)
        if verdict == NOT_MET:
            notes.append("reversed" if high < 0 else "its interval holds zero")
        return _row(finding, None, None, None, scale, verdict, notes)
    if printed is None:
        return _row(finding, None, None, None, scale, NOT_COMPARABLE, notes)
    wanted = _printed_range(printed.value, printed.low, printed.high)
    met = MET if low <= wanted[1] and high >= wanted[0] else NOT_MET
    verdict = met if scale.comparable else NOT_COMPARABLE
    return _row(finding, printed.value, printed.low, printed.high, scale, verdict, notes)


def _effect_verdict(low: float, scale: Scale) -> Verdict:
    if not scale.learns:
        return NOT_COMPARABLE
    return MET if low > 0 else NOT_MET


def _printed_range(
    value: float | None, low: float | None, high: float | None
) -> tuple[float, float]:
    if low is not None and high is not None:
        return low, high
    assert value is not None  # NUMBERS holds a value or a range
    return value - TOLERANCE, value + TOLERANCE


def _row(
    finding: Finding,
    paper: float | None,
    low: float | None,
    high: float | None,
    scale: Scale,
    verdict: Verdict,
    notes: Iterable[str],
) -> Row:
    return Row(
        finding.figure, finding.quantity, paper, low, high,
        finding.value, finding.low, finding.high,
        scale.name, verdict, "; ".join(note for note in notes if note),
    )  # fmt: skip


def write_comparison(path: Path, scale: Scale, rows: Sequence[Row]) -> None:
    """Write the ledger: `scale`, and `rows`."""
    store.write_json(path, {"scale": scale.name, "rows": [dataclasses.asdict(row) for row in rows]})


def read_comparison(path: Path) -> list[Row]:
    """The rows that `write_comparison` wrote."""
    values: dict[str, Any] = store.read_json(path)
    return [Row(**row) for row in values["rows"]]
