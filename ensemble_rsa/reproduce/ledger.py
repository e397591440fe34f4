"""The ledger: our findings beside the numbers and effects of the paper, each with a verdict."""

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
class LedgerRow:
    """One row of the ledger.

    Attributes:
        figure: of the paper.
        quantity: what is compared.
        paper: the printed number; None for an effect, or where only a range is printed.
        low, high: the printed interval or range.
        ours: our value; None where it is not defined or not run.
        ours_low, ours_high: its interval.
        scale: of our networks.
        kind: `number` that the paper prints, `effect` that it reports, or `measure` of ours.
        verdict: whether the paper's number or effect was met; a measure is not judged.
        note: for the reader.
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


def compare(finding: Finding, scale: Scale, simulated: bool = False) -> LedgerRow:
    """The row of a finding.

    Effects are judged at scales whose networks learn, and where no network is involved (they are
    `simulated`); numbers where they are comparable.
    """
    printed = NUMBERS.get((finding.figure, finding.quantity))
    kind: Kind = "effect" if finding.effect else "number" if printed else "measure"
    verdict: Verdict = NOT_JUDGED if kind == "measure" else NOT_COMPARABLE
    reason = ""
    if kind == "effect" and (scale.learns or simulated):
        verdict, reason = _judge_effect(finding)
    elif kind == "number" and printed and scale.comparable:
        verdict, reason = _judge_number(finding, printed)
    paper = printed or Printed(None)
    ours, low, high = (_defined(value) for value in (finding.value, finding.low, finding.high))
    note = "; ".join(part for part in (finding.note, paper.note, reason) if part)
    return LedgerRow(
        finding.figure, finding.quantity, paper.value, paper.low, paper.high, ours, low, high,
        scale.name, kind, verdict, note,
    )  # fmt: skip


def _interval(finding: Finding) -> tuple[float, float]:
    low, high = finding.low, finding.high
    return finding.value if low is None else low, finding.value if high is None else high


def _judge_effect(finding: Finding) -> tuple[Verdict, str]:
    """An effect is met if its interval lies above zero."""
    low, high = _interval(finding)
    if low > 0:
        return MET, ""
    if low <= 0:
        return NOT_MET, "reversed" if high < 0 else "its interval contains zero"
    return NOT_MET, ""  # not defined


def _judge_number(finding: Finding, printed: Printed) -> tuple[Verdict, str]:
    """A number is met if the two intervals overlap.

    Without a printed interval it is met if ours is within `TOLERANCE`. Where the paper prints only
    the range of its instances, our mean must be in that range.
    """
    if printed.low is not None and printed.high is not None:
        from_, to = printed.low, printed.high
    else:
        assert printed.value is not None  # NUMBERS holds a value or a range
        from_, to = printed.value - TOLERANCE, printed.value + TOLERANCE
    if from_ <= finding.value <= to:
        return MET, ""
    low, high = _interval(finding)
    if low <= to and high >= from_ and printed.value is not None:
        return MET, "ours lies outside, but the intervals overlap"
    return NOT_MET, ""


def not_run(figures: Sequence[str], scale: Scale) -> list[LedgerRow]:
    """Rows with the numbers that the paper prints for these figures, without ours."""
    return [
        LedgerRow(
            figure, quantity, printed.value, printed.low, printed.high, None, None, None,
            scale.name, "number", NOT_RUN, printed.note,
        )
        for (figure, quantity), printed in NUMBERS.items()
        if figure in figures
    ]  # fmt: skip


def _defined(value: float | None) -> float | None:
    """The value, None where it is not finite, which JSON cannot express."""
    return value if value is not None and math.isfinite(value) else None


def write_comparison(path: Path, scale: Scale, rows: Sequence[LedgerRow]) -> None:
    """Write the ledger as JSON: `scale`, and `rows`."""
    files.write_json(path, {"scale": scale.name, "rows": [dataclasses.asdict(row) for row in rows]})
