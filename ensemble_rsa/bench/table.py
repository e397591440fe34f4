"""The tables of a benchmark in Markdown, which rich shows in a terminal."""

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from ensemble_rsa.bench.case import Size
from ensemble_rsa.bench.run import Bench, BenchRow, size_in_words

DASH = "–"
_LEGEND = (
    "seconds: median of the calls after the first, in training for a step of all instances; first: "
    "the first call, which compiles; MiB: memory at the peak of a call beyond that in use before, "
    "of the process, or of the accelerator where JAX uses one; ratio: seconds over those of "
    "ensemble_rsa, in training of PyTorch training one network after the other, of which one is "
    "timed; error: largest deviation from float64 relative to the largest value, for MDS the "
    "stress; ~: scaled from a part of the computation; images/s: summed over instances; n^: slope "
    "of a straight line through the logarithms, which costs that do not depend on size reduce."
)
_LEAST_MIB = 1.0  # less is noise of the allocator


def markdown_tables(bench: Bench) -> str:
    """A table for each name of cases, one of exponents, legends and the machine."""
    columns = {**_COLUMNS, **_LAST_COLUMN[bench.bench]}
    parts: list[str] = []
    for case, group in groupby(bench.rows, lambda row: row.case):
        rows = list(group)
        shared = {
            axis: number
            for axis, number in rows[0].size.items()
            if all(row.size[axis] == number for row in rows)
        }
        lines = [
            [_label(row, shared), *(format_cell(row) for format_cell in columns.values())]
            for row in rows
        ]
        title = f"{case}: {size_in_words(shared)}" if shared else case
        parts.append(table(title, ["", *columns], lines))
    if lines := growth(bench.rows):
        head = ["", "time ∝ n^", "memory ∝ n^"]
        parts.append(table("growth of time and memory", head, lines))
    parts.append(_LEGEND)
    machine = bench.machine
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    parts.append(
        f"{machine['date'][:10]}: {machine['cpu']}, {machine['cores']} cores, "
        f"{machine['memory_gib']} GiB, load {machine['load']} to {machine['load_at_the_end']}; "
        f"jax on {machine['device']}; {versions}"
    )
    return "\n\n".join(parts)


def growth(rows: Sequence[BenchRow]) -> list[list[str]]:
    """Label, exponent of time and of memory, for each axis with three sizes or more."""
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


def _exponent(sizes: Sequence[int | float], values: Sequence[float | None], least: float) -> str:
    """Slope of log value over log size, of the values above `least`."""
    pairs = zip(sizes, values, strict=True)
    points = [(size, value) for size, value in pairs if value is not None and value > least]
    if len({size for size, _ in points}) < 3:
        return DASH
    x, y = np.log(np.array(points, float)).T
    return f"{round(float(np.polyfit(x, y, 1)[0]), 1) + 0.0:.1f}"  # no −0.0


def table(title: str, head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A Markdown table under its title; the first column holds words, the others figures."""
    rule = ["---", *["--:"] * (len(head) - 1)]
    rows = "\n".join(f"| {' | '.join(line)} |" for line in (head, rule, *lines))
    return f"{title}:\n\n{rows}"


def _label(row: BenchRow, shared: Size) -> str:
    varying = size_in_words({a: n for a, n in row.size.items() if a not in shared})
    return ": ".join(filter(None, (varying, row.way))) + (f" ({row.note})" if row.note else "")


def figure(value: int | float | None, about: bool = False) -> str:
    """Three significant digits, without an exponent where there need not be one.

    >>> figure(0.01234), figure(1234.5, about=True), figure(None)
    ('0.0123', '~1,234', '–')
    """
    if value is None:
        return DASH
    return ("~" if about else "") + (f"{value:,.0f}" if value >= 100 else f"{value:.3g}")


_COLUMNS: Mapping[str, Callable[[BenchRow], str]] = {
    "seconds": lambda row: figure(row.seconds, row.share < 1),
    "first": lambda row: figure(row.first_seconds, row.share < 1),
    "MiB": lambda row: DASH if row.extra_mib is None else f"{row.extra_mib:,.0f}",
    "ratio": lambda row: figure(row.ratio),
}
_LAST_COLUMN: Mapping[str, Mapping[str, Callable[[BenchRow], str]]] = {
    "analysis": {"error": lambda row: DASH if row.error is None else f"{row.error:.2g}"},
    "train": {
        "images/s": lambda row: figure(
            row.size["instances"] * row.size["batch"] / row.seconds if row.seconds else None
        )
    },
    "extract": {
        "images/s": lambda row: figure(row.size["stimuli"] / row.seconds if row.seconds else None)
    },
}
