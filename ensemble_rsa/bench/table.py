"""Tables of a benchmark: for the terminal, and as Markdown to paste."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from ensemble_rsa.bench.growth import Growth
from ensemble_rsa.bench.jobs import OURS, RIVALS
from ensemble_rsa.bench.run import NOT_INSTALLED, Row, size_in_words

DASH = "–"
WIDTH = 100  # where there is no terminal that has one
LEGEND = (
    "seconds: median of the calls after the first; first: seconds of the first call, which "
    "compiles; MiB: what a call adds to the process at its peak, its result included; error: "
    "largest deviation from float64 relative to the largest value, for MDS the stress; "
    "~: scaled from a part of the job."
)
EXPONENTS_LEGEND = (
    "Exponents of time and of memory, from a straight line through the logarithms at all sizes; "
    "what every call costs, however small the job, flattens them."
)
_COLUMNS = ("seconds", "× ours", "first", "MiB", "error")


def terminal_tables(rows: Sequence[Row], growth: Sequence[Growth]) -> Group:
    """A table with a block for each job, and one of exponents."""
    figures = Table("routine, stimuli × units", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in _COLUMNS:
        figures.add_column(name, justify="right", no_wrap=True)
    for job, members in _jobs(rows):
        figures.add_row(Text(job, style="bold"))
        for row in members:
            figures.add_row(Text(f"  {row.tool}{_reason(row)}"), *_figures(row))
    exponents = Table("time and memory grow with", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("time ∝ n^", "memory ∝ n^"):
        exponents.add_column(name, justify="right", no_wrap=True)
    for (routine, axis), members in groupby(growth, lambda one: (one.routine, one.axis)):
        exponents.add_row(Text(f"{routine}: {axis}", style="bold"))
        for one in members:
            exponents.add_row(
                f"  {one.tool}, {_range(one)}", _exponent(one.time), _exponent(one.memory)
            )
    return Group(figures, Text(LEGEND), Text(), exponents, Text(EXPONENTS_LEGEND))


def markdown_tables(rows: Sequence[Row], growth: Sequence[Growth]) -> str:
    """A line for each job, other tools in columns, and a table of exponents.

    >>> rows = [
    ...     Row("MDS", 100, 0, "ensemble_rsa", 0.5, 2.0, 3.0, 1.0),
    ...     Row("MDS", 100, 0, "scikit-learn", 5.0, 6.0, 4.0, 10.0),
    ... ]
    >>> print(markdown_tables(rows, []).splitlines()[2])
    | MDS, 100 | 0.5 | 2 | 3 | – | – | – | 10, 4 MiB | – |
    """
    head = ["routine, stimuli × units", "seconds", "first call", "MiB", "error", *RIVALS]
    lines = []
    for job, members in _jobs(rows):
        by_tool = {row.tool: row for row in members}
        ours = by_tool[OURS]
        if ours.note:
            job = f"{job} ({ours.note})"
        seconds, _, first, extra, error = _figures(ours)
        rivals = [_rival(by_tool.get(tool)) for tool in RIVALS]
        lines.append([job, seconds, first, extra, error, *rivals])
    parts = [
        _markdown(head, lines),
        "Other tools: seconds over ours, and MiB. " + LEGEND[0].upper() + LEGEND[1:],
    ]
    if growth:
        names = ["routine", "growth with n", "ensemble_rsa", *RIVALS]
        parts.append(_markdown(names, _exponents_by_tool(growth)))
        parts.append(EXPONENTS_LEGEND)
    return "\n\n".join(parts)


def machine_in_words(machine: Mapping[str, Any]) -> str:
    """Processor, memory, load and versions in a line.

    >>> machine_in_words({"date": "2020-11-12T09:00:00+00:00", "cpu": "X", "cores": 2,
    ...     "memory_gib": 8.0, "load": 0.1, "load_at_the_end": 1.5, "device": "cpu with 2 cores",
    ...     "versions": {"jax": "1", "rsatoolbox": None}})
    '2020-11-12: X, 2 cores, 8.0 GiB, load 0.1 to 1.5; jax on cpu with 2 cores; jax 1'
    """
    versions = ", ".join(
        f"{name} {version}" for name, version in machine["versions"].items() if version
    )
    return (
        f"{machine['date'][:10]}: {machine['cpu']}, {machine['cores']} cores, "
        f"{machine['memory_gib']} GiB, load {machine['load']} to {machine['load_at_the_end']}; "
        f"jax on {machine['device']}; {versions}"
    )


def _jobs(rows: Sequence[Row]) -> Iterable[tuple[str, list[Row]]]:
    key = lambda row: f"{row.routine}, {size_in_words(row.stimuli, row.units)}"
    return [(job, list(members)) for job, members in groupby(rows, key)]


def _figures(row: Row) -> tuple[str, str, str, str, str]:
    about = "~" if row.share < 1 else ""
    return (
        _number(row.seconds, about),
        DASH if row.tool == OURS else _ratio(row.ratio),
        _number(row.first_seconds, about),
        DASH if row.extra_mib is None else f"{row.extra_mib:.0f}",
        DASH if row.error is None else f"{row.error:.{1 if row.error < 1e-3 else 4}g}",
    )


def _rival(row: Row | None) -> str:
    if row is None or row.note == NOT_INSTALLED:
        return DASH
    if row.note:
        return f"{DASH}{_reason(row)}"
    _, ratio, _, extra, _ = _figures(row)
    return f"{'~' if row.share < 1 else ''}{ratio}, {extra} MiB"


def _exponents_by_tool(growth: Sequence[Growth]) -> list[list[str]]:
    """A line for each routine and axis."""
    lines = []
    for _, members in groupby(growth, lambda one: (one.routine, one.axis, one.other)):
        by_tool = {one.tool: one for one in members}
        first = next(iter(by_tool.values()))
        cells = []
        for tool in (OURS, *RIVALS):
            one = by_tool.get(tool)
            shorter = f" (to {one.high:,})" if one and one.high != first.high else ""
            both = f"{_exponent(one.time)}, {_exponent(one.memory)}" if one else DASH
            cells.append(f"{both}{shorter}")
        lines.append([first.routine, f"{first.axis}, {_range(first)}", *cells])
    return lines


def _reason(row: Row) -> str:
    return f" ({row.note})" if row.note else ""


def _number(value: float | None, about: str = "") -> str:
    """Three digits that count, without an exponent where there need not be one.

    >>> _number(0.01234), _number(1234.5, "~"), _number(None)
    ('0.0123', '~1,234', '–')
    """
    if value is None:
        return DASH
    return f"{about}{value:,.0f}" if value >= 100 else f"{about}{value:.3g}"


def _ratio(value: float | None) -> str:
    if value is None:
        return DASH
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def _exponent(value: float | None) -> str:
    return DASH if value is None else f"{round(value, 1) + 0.0:.1f}"  # no −0.0


def _range(growth: Growth) -> str:
    return f"{growth.low:,} to {growth.high:,}" + (
        f" at {growth.other:,} {'units' if growth.axis == 'stimuli' else 'stimuli'}"
        if growth.other
        else ""
    )


def _markdown(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rule = ["---"] * len(head)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *lines))
