"""What a ledger says, in sentences: of each figure, and of the whole report."""

from collections.abc import Sequence

from ensemble_rsa.figures.wording import paper_figure
from ensemble_rsa.reproduce.ledger import MET, NOT_COMPARABLE, NOT_MET, NOT_RUN, LedgerRow

_NAMED = 3  # effects that are named where some are not reproduced


def verdict_of_figure(rows: Sequence[LedgerRow]) -> str:
    """One figure's verdict: its effects, its numbers and its exact properties.

    >>> verdict_of_figure([])
    'Nothing in this figure is judged.'
    """
    parts = [_effects(rows), _exact(rows), _numbers(rows)]
    return " ".join(part for part in parts if part) or "Nothing in this figure is judged."


def summary(rows: Sequence[LedgerRow]) -> str:
    """How many effects, exact properties and numbers of the report are met."""
    parts = [_effects(rows, named=False), _exact(rows), _numbers(rows)]
    missing = dict.fromkeys(paper_figure(row.figure) for row in rows if row.verdict == NOT_RUN)
    if missing:
        parts.append(f"Not run: {', '.join(missing)}.")
    return " ".join(part for part in parts if part)


def _judged(rows: Sequence[LedgerRow], kind: str) -> list[LedgerRow]:
    return [row for row in rows if row.kind == kind and row.verdict in (MET, NOT_MET)]


def _effects(rows: Sequence[LedgerRow], named: bool = True) -> str:
    judged = _judged(rows, "effect")
    if not judged:
        return "Effects are not judged at this scale." if _has(rows, "effect") else ""
    met = [row for row in judged if row.verdict == MET]
    standing = [row for row in met if row.stands]
    text = f"{_of(len(met), len(judged), 'effect')} reproduced"
    if met:
        text += f", {_count(len(standing), len(met))} after Holm's correction over the report"
    missing = [row for row in judged if row.verdict == NOT_MET]
    if named and missing:
        names = [f"{row.quantity} ({_why(row)})" for row in missing[:_NAMED]]
        more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        text += f". Not reproduced: {'; '.join(names)}{more}"
    return f"{text}."


def _why(row: LedgerRow) -> str:
    if row.ours is None:
        return "not defined"
    if row.ours_high is not None and row.ours_high < 0:
        return "reversed"
    return "no interval" if row.ours_low is None else "its interval contains zero"


def _exact(rows: Sequence[LedgerRow]) -> str:
    judged = _judged(rows, "exact")
    met = sum(row.verdict == MET for row in judged)
    what = ("property of distances", "properties of distances")
    return f"{_of(met, len(judged), *what)} shown by simulation." if judged else ""


def _numbers(rows: Sequence[LedgerRow]) -> str:
    judged = _judged(rows, "number")
    if judged:
        met = sum(row.verdict == MET for row in judged)
        return f"{_of(met, len(judged), 'printed number')} met."
    if any(row.kind == "number" and row.verdict == NOT_COMPARABLE for row in rows):
        return "Printed numbers are not judged at this scale."
    return "No printed number is judged." if _has(rows, "number") else ""


def _has(rows: Sequence[LedgerRow], kind: str) -> bool:
    """Whether there is such a row that was run."""
    return any(row.kind == kind and row.verdict != NOT_RUN for row in rows)


def _of(n: int, total: int, singular: str, plural: str = "") -> str:
    """Such as `All 4 effects are` or `2 of 3 effects are`."""
    plural = plural or f"{singular}s"
    if total == 1:
        return f"The {singular} is{'' if n else ' not'}"
    if n == total:
        return f"All {total} {plural} are"
    return f"{n or 'None'} of {total} {plural} {'is' if n == 1 else 'are'}"


def _count(n: int, total: int) -> str:
    if n == total:
        return "also" if total == 1 else "all of them also"
    return "but not" if n == 0 and total == 1 else f"{n or 'none'} of them also"
