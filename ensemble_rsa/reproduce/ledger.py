"""The ledger: our findings beside the numbers and effects of the paper, each with a verdict.

- An effect is met if its 95 % interval over instances lies above zero. `p_holm` is its p value by
  Holm's correction over all effects of one report (Holm 1979, Scand. J. Statist. 6:65).
- A number is met if |ours − the paper's| ≤ 1.96 √(se² + se²), with the paper's standard error from
  its printed interval. Where it prints none, `TOLERANCE` stands for half of that interval; where it
  prints the range of its instances, our mean has to lie in that range. Not judged are sizes of the
  experiment, such as the number of instances, and other numbers without a standard error of ours.
- An exact property of distances, shown by a simulation, is met if it holds for every simulated set.
"""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from ensemble_rsa import files
from ensemble_rsa.reproduce.experiment import EXACT, NO_INTERVAL, Finding, Interval
from ensemble_rsa.reproduce.paper import NUMBERS, TOLERANCE, Printed
from ensemble_rsa.reproduce.scales import Scale

Verdict = Literal["met", "not met", "not comparable at this scale", "not judged", "not run"]
Kind = Literal["number", "effect", "exact", "measure"]
MET, NOT_MET, NOT_COMPARABLE = "met", "not met", "not comparable at this scale"
NOT_JUDGED, NOT_RUN = "not judged", "not run"
LEVEL = 0.05
_WITHIN = 1.96  # standard errors: the half width of a 95 % interval


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
        interval: the kind of our interval.
        p: of an effect, two-sided, that it is zero; None where it has no interval.
        p_holm: the same by Holm's correction over all effects of the report.
        scale: of our networks.
        kind: `number` that the paper prints, `effect` that it reports, `exact` property of
            distances, or `measure` of ours.
        verdict: whether the paper's number or effect was met; a measure, a size of the
            experiment and a number that cannot be judged are not.
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
    interval: Interval
    p: float | None
    p_holm: float | None
    scale: str
    kind: Kind
    verdict: Verdict
    note: str

    @property
    def stands(self) -> bool:
        """Whether an effect is met also by Holm's correction."""
        return self.verdict == MET and self.p_holm is not None and self.p_holm <= LEVEL


def compare(finding: Finding, scale: Scale) -> LedgerRow:
    """The row of a finding.

    Effects are judged at scales whose networks learn, numbers where they are comparable, and exact
    properties, in which no network is involved, everywhere.
    """
    printed = NUMBERS.get((finding.figure, finding.quantity))
    kind: Kind = "effect" if finding.effect else "number" if printed else "measure"
    kind = "exact" if finding.interval == EXACT else kind
    chosen = printed is not None and printed.chosen
    verdict: Verdict = NOT_JUDGED if kind == "measure" or chosen else NOT_COMPARABLE
    reason = ""
    if kind == "exact":
        verdict = MET if finding.value > 0 else NOT_MET
    elif kind == "effect" and scale.learns:
        verdict, reason = _judge_effect(finding)
    elif kind == "number" and printed and not chosen and scale.comparable:
        verdict, reason = _judge_number(finding, printed)
    paper = printed or Printed(None)
    ours, low, high = (_defined(value) for value in (finding.value, finding.low, finding.high))
    p = _defined(finding.p) if kind == "effect" else None
    note = "; ".join(part for part in (finding.note, paper.note, reason) if part)
    return LedgerRow(
        finding.figure, finding.quantity, paper.value, paper.low, paper.high, ours, low, high,
        finding.interval, p, None, scale.name, kind, verdict, note,
    )  # fmt: skip


def _judge_effect(finding: Finding) -> tuple[Verdict, str]:
    """An effect is met if its interval lies above zero; one without an interval is not met."""
    low, high = finding.low, finding.high
    if low is None or high is None or not math.isfinite(low):
        return NOT_MET, ""
    if low > 0:
        return MET, ""
    return NOT_MET, "reversed" if high < 0 else "its interval contains zero"


def _judge_number(finding: Finding, printed: Printed) -> tuple[Verdict, str]:
    """A number is met if the two differ by no more than 1.96 standard errors of the difference."""
    if not math.isfinite(finding.value):
        return NOT_JUDGED, ""  # the finding's note says why it is not defined
    if printed.value is None:
        assert printed.low is not None  # NUMBERS holds a value or a range
        assert printed.high is not None
        within = printed.low <= finding.value <= printed.high
        return MET if within else NOT_MET, "judged by our mean, which should lie in the range"
    if finding.standard_error is None or not math.isfinite(finding.standard_error):
        return NOT_JUDGED, "ours has no standard error"
    if printed.low is None or printed.high is None:
        half, how = TOLERANCE, f"no interval printed: {TOLERANCE} (ours) stands for half of it"
    else:
        half, how = (printed.high - printed.low) / 2, ""
    allowed = math.hypot(half, _WITHIN * finding.standard_error)
    difference = finding.value - printed.value
    text = f"difference {difference:+.3g}, at most ±{allowed:.2g}"
    met = abs(difference) <= allowed
    return MET if met else NOT_MET, "; ".join(part for part in (text, how) if part)


def with_holm(rows: Sequence[LedgerRow]) -> list[LedgerRow]:
    """The rows, with the p values of all effects that were judged corrected by Holm's method.

    Effects without a p value are not in the family.
    """
    judged = [row.kind == "effect" and row.verdict in (MET, NOT_MET) for row in rows]
    family = {i: row.p for i, row in enumerate(rows) if judged[i] and row.p is not None}
    corrected = dict(zip(family, holm(list(family.values())), strict=True))
    return [dataclasses.replace(row, p_holm=corrected.get(i)) for i, row in enumerate(rows)]


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p values by Holm's step-down method.

    >>> [round(p, 6) for p in holm([0.01, 0.04, 0.03, 0.005])]
    [0.03, 0.06, 0.06, 0.02]
    """
    p, n = np.asarray(p_values, float), len(p_values)
    order = np.argsort(p)
    adjusted = np.empty(n)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(n, 0, -1)), 1)
    return adjusted.tolist()


def not_run(figures: Sequence[str], scale: Scale) -> list[LedgerRow]:
    """Rows without ours: the paper's numbers for each figure, or one row where it has none."""
    rows = []
    for name in figures:
        numbers = {key[1]: printed for key, printed in NUMBERS.items() if key[0] == name}
        kind: Kind = "number" if numbers else "measure"
        for quantity, printed in (numbers or {"what this figure shows": Printed(None)}).items():
            rows.append(
                LedgerRow(
                    name, quantity, printed.value, printed.low, printed.high, None, None, None,
                    NO_INTERVAL, None, None, scale.name, kind, NOT_RUN, printed.note,
                )
            )  # fmt: skip
    return rows


def _defined(value: float | None) -> float | None:
    """The value, None where it is not finite, which JSON cannot express."""
    return value if value is not None and math.isfinite(value) else None


def write_comparison(path: Path, scale: Scale, rows: Sequence[LedgerRow]) -> None:
    """Write the ledger as JSON: `scale`, and `rows`."""
    files.write_json(path, {"scale": scale.name, "rows": [dataclasses.asdict(row) for row in rows]})
