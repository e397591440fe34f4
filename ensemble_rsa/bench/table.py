"""The tables of a benchmark, for a terminal and as Markdown."""

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from ensemble_rsa.bench.case import Size
from ensemble_rsa.bench.run import Bench, BenchRow, size_in_words

DASH = "–"
_SHARED_LEGEND = (
    "seconds: median of the calls after the first; first: seconds of the first call, which "
    "compiles; MiB: what a call adds at its peak to the memory of the process, or of the "
    "accelerator where JAX uses one; ~: scaled from a part of the job"
)
_LEGENDS = {
    "analysis": "× ours: seconds over those of ensemble_rsa; error: largest deviation from float64 "
    "relative to the largest value, for MDS the stress",
    "train": "images/s: training images a second of one instance, then of all; times are of a step "
    "of all instances; × PyTorch: images/s of all over those of PyTorch training one network after "
    "the other, of which one is timed",
}
_GROWTH_LEGEND = (
    "Exponents of a power law: a straight line through the logarithms at all sizes. Costs that do "
    "not depend on the size flatten them."
)
_LEAST_POINTS = 3  # for an exponent
_LEAST_MIB = 1.0  # less is noise of the allocator


class Sheet(NamedTuple):
    """A table as strings; the first column holds labels."""

    title: str
    head: Sequence[str]
    lines: Sequence[Sequence[str]]


def make_sheets(bench: Bench) -> list[Sheet | str]:
    """A table for each job, one of exponents, legends and the machine."""
    columns = _COLUMNS[bench.bench]
    sheets: list[Sheet | str] = []
    for case, group in groupby(bench.rows, lambda row: row.case):
        rows = list(group)
        shared = dict(set.intersection(*(set(row.size.items()) for row in rows)))
        shared = {axis: shared[axis] for axis in rows[0].size if axis in shared}
        lines = [[_label(row, shared), *(show(row) for show in columns.values())] for row in rows]
        title = f"{case}: {size_in_words(shared)}" if shared else case
        sheets.append(Sheet(title, ["", *columns], lines))
    sheets.append(f"{_LEGENDS[bench.bench]}; {_SHARED_LEGEND}.")
    if lines := growth(bench.rows):
        head = ["", "time ∝ n^", "memory ∝ n^"]
        sheets += [Sheet("growth of time and memory", head, lines), _GROWTH_LEGEND]
    return [*sheets, _machine_in_words(bench.machine)]


def growth(rows: Sequence[BenchRow]) -> list[list[str]]:
    """Label, exponent of time and of memory, for each axis with three sizes or more.

    >>> growth([BenchRow("a", {"stimuli": n}, "b", seconds=n * n) for n in (10, 20, 40)])
    [['a: b, stimuli 10 to 40', '2.0', '–']]
    """
    groups: dict[tuple[Any, ...], list[BenchRow]] = {}
    for row in rows:
        for axis in row.size if row.seconds is not None else ():
            others = tuple(item for item in row.size.items() if item[0] != axis)
            groups.setdefault((row.case, axis, others, row.way), []).append(row)
    lines = []
    for (case, axis, others, way), members in groups.items():
        sizes = [row.size[axis] for row in members]
        time = _exponent(sizes, [row.seconds for row in members], 0.0)
        if time != DASH:
            at = f" ({size_in_words(dict(others))})" if others else ""
            label = f"{case}: {way}, {axis} {min(sizes):,g} to {max(sizes):,g}{at}"
            memory = _exponent(sizes, [row.extra_mib for row in members], _LEAST_MIB)
            lines.append([label, time, memory])
    return lines


def terminal_tables(bench: Bench) -> Group:
    """All sheets for rich's console."""
    parts: list[Table | Text] = []
    for sheet in make_sheets(bench):
        if isinstance(sheet, str):
            parts.append(Text(f"{sheet}\n"))
            continue
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for i, name in enumerate(sheet.head):
            table.add_column(name, justify="right" if i else "left", no_wrap=i > 0)
        for line in sheet.lines:
            table.add_row(*map(Text, line))
        parts += [Text(sheet.title, style="bold"), table]
    return Group(*parts)


def markdown_tables(bench: Bench) -> str:
    """All sheets in Markdown."""
    parts = []
    for sheet in make_sheets(bench):
        if isinstance(sheet, str):
            parts.append(sheet)
            continue
        cells = [sheet.head, ["---"] * len(sheet.head), *sheet.lines]
        table = "\n".join(f"| {' | '.join(line)} |" for line in cells)
        parts.append(f"{sheet.title}:\n\n{table}")
    return "\n\n".join(parts)


def _machine_in_words(machine: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    return (
        f"{machine['date'][:10]}: {machine['cpu']}, {machine['cores']} cores, "
        f"{machine['memory_gib']} GiB, load {machine['load']} to {machine['load_at_the_end']}; "
        f"jax on {machine['device']}; {versions}"
    )


def _label(row: BenchRow, shared: Size) -> str:
    varying = size_in_words({a: n for a, n in row.size.items() if a not in shared})
    return ": ".join(filter(None, (varying, row.way))) + (f" ({row.note})" if row.note else "")


def _exponent(sizes: Sequence[int | float], values: Sequence[float | None], least: float) -> str:
    """Slope of log value over log size, of the values above `least`."""
    pairs = zip(sizes, values, strict=True)
    points = [(size, value) for size, value in pairs if value is not None and value > least]
    if len({size for size, _ in points}) < _LEAST_POINTS:
        return DASH
    x, y = np.log(np.array(points, float)).T
    return f"{round(float(np.polyfit(x, y, 1)[0]), 1) + 0.0:.1f}"  # no −0.0


def _figure(value: int | float | None, about: bool = False) -> str:
    """Three significant digits, without an exponent where there need not be one.

    >>> _figure(0.01234), _figure(1234.5, about=True), _figure(None)
    ('0.0123', '~1,234', '–')
    """
    if value is None:
        return DASH
    return ("~" if about else "") + (f"{value:,.0f}" if value >= 100 else f"{value:.3g}")


def _rate(row: BenchRow, instances: int | float) -> str:
    return _figure(instances * row.size["batch"] / row.seconds if row.seconds else None)


_COMMON: Mapping[str, Callable[[BenchRow], str]] = {
    "seconds": lambda row: _figure(row.seconds, row.share < 1),
    "first": lambda row: _figure(row.first_seconds, row.share < 1),
    "MiB": lambda row: DASH if row.extra_mib is None else f"{row.extra_mib:,.0f}",
}
_COLUMNS: Mapping[str, Mapping[str, Callable[[BenchRow], str]]] = {
    "analysis": {
        **_COMMON,
        "× ours": lambda row: _figure(row.ratio),
        "error": lambda row: DASH if row.error is None else f"{row.error:.2g}",
    },
    "train": {
        "images/s each": lambda row: _rate(row, 1),
        "images/s": lambda row: _rate(row, row.size["instances"]),
        **_COMMON,
        "× PyTorch": lambda row: _figure(1 / row.ratio if row.ratio else None),
    },
}
