"""Ours beside the paper's: a row for each number it prints and each effect it reports."""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ensemble_rsa import files
from ensemble_rsa.reproduce.experiment import Finding
from ensemble_rsa.reproduce.paper import NUMBERS, TOLERANCE, Printed
from ensemble_rsa.reproduce.scales import Scale

Verdict = Literal["met", "not met", "not comparable at this scale", "not judged", "not run"]
Kind = Literal["number", "effect", "measure"]
MET, NOT_MET, NOT_COMPARABLE = "met", "not met", "not comparable at this scale"
NOT_JUDGED, NOT_RUN = "not judged", "not run"


@dataclass(frozen=True)
class Row:
    """One line of the ledger.

    Attributes:
        figure: of the paper.
        quantity: what is compared.
        paper: the printed number; None for an effect, or where only a range is printed.
        low, high: the printed interval or range.
        ours: ours; for an effect the number that should be above zero; None where not defined.
        ours_low, ours_high: its 95 % interval.
        scale: of our networks.
        kind: `number` that the paper prints, `effect` that it reports, or `measure` of ours alone.
        verdict: whether the paper's number or effect was met; a measure is not judged.
        note: what a reader should know.
    """

    figure: str
    quantity: str
    paper: float | None
    low: float | None
    high: float | None
    ours: float | None
    ours_low: float | None
    ours_high: float | None
    scale: str
    kind: Kind
    verdict: Verdict
    note: str


def compare(finding: Finding, scale: Scale, simulated: bool = False) -> Row:
    """Set a finding beside what the paper prints.

    A number is met if the two intervals touch, or, where the paper prints none, if ours comes
    within 0.02 of it; where it prints the range of its instances, if our mean lies in it. It is
    judged at the paper's scale only. An effect is met if the whole
    interval lies above zero; it is judged at every scale whose networks learn something, and
    wherever it is simulated without networks.

    Args:
        finding: ours.
        scale: at which it was found.
        simulated: whether no network has a part in it.
    """
    printed = NUMBERS.get((finding.figure, finding.quantity))
    low = finding.value if finding.low is None else finding.low
    high = finding.value if finding.high is None else finding.high
    notes = [finding.note, printed.note if printed else ""]
    kind: Kind = "effect" if finding.effect else "number" if printed else "measure"
    verdict: Verdict = NOT_JUDGED if kind == "measure" else NOT_COMPARABLE
    if finding.effect and (scale.learns or simulated):
        verdict = MET if low > 0 else NOT_MET
        if low <= 0:  # neither where it is not defined
            notes.append("reversed" if high < 0 else "its interval holds zero")
    elif printed and not finding.effect and scale.comparable:
        from_, to = _printed_range(printed)
        inside = from_ <= finding.value <= to
        touching = low <= to and high >= from_ and printed.value is not None
        verdict = MET if inside or touching else NOT_MET
        if touching and not inside:
            notes.append("ours lies outside, but the intervals overlap")
    return Row(
        figure=finding.figure,
        quantity=finding.quantity,
        paper=printed.value if printed else None,
        low=printed.low if printed else None,
        high=printed.high if printed else None,
        ours=_defined(finding.value),
        ours_low=_defined(finding.low),
        ours_high=_defined(finding.high),
        scale=scale.name,
        kind=kind,
        verdict=verdict,
        note="; ".join(note for note in notes if note),
    )


def not_run(figures: Sequence[str], scale: Scale) -> list[Row]:
    """The numbers that the paper prints for these figures, without ours."""
    return [
        Row(
            figure, quantity, printed.value, printed.low, printed.high, None, None, None,
            scale.name, "number", NOT_RUN, printed.note,
        )
        for (figure, quantity), printed in NUMBERS.items()
        if figure in figures
    ]  # fmt: skip


def _defined(value: float | None) -> float | None:
    """JSON has no word for what is not a number."""
    return value if value is not None and math.isfinite(value) else None


def _printed_range(printed: Printed) -> tuple[float, float]:
    if printed.low is not None and printed.high is not None:
        return printed.low, printed.high
    assert printed.value is not None  # NUMBERS holds a value or a range
    return printed.value - TOLERANCE, printed.value + TOLERANCE


def write_comparison(path: Path, scale: Scale, rows: Sequence[Row]) -> None:
    """Write the ledger: `scale`, and `rows`."""
    files.write_json(path, {"scale": scale.name, "rows": [dataclasses.asdict(row) for row in rows]})
