"""Tables of the training benchmark: for the terminal, and as Markdown to paste."""

from collections.abc import Sequence
from itertools import groupby

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from ensemble_rsa.bench.rates import RIVALS, Rate
from ensemble_rsa.bench.steps import Setup
from ensemble_rsa.bench.table import DASH
from ensemble_rsa.bench.training import GROWTH, setup_in_words

LEGEND = (
    "images/s: training images a second of one instance, then of all; ms: a step's time divided by "
    "the instances; × PyTorch: images/s of all over those of PyTorch training one network after "
    "the other, of which one is timed; compile: seconds that the first call took longer; MiB: what "
    "a call adds at its peak to the memory of the process, or of the accelerator."
)
_COLUMNS = ("images/s each", "images/s", "ms", "× PyTorch", "compile", "MiB")
_WIDEST = max(map(len, _COLUMNS)) - 3
_FIRST = 34


def terminal_table(rows: Sequence[Rate]) -> Group:
    """A block for each comparison, and for each size that the fastest way is followed over."""
    parts: list[Table | Text] = []
    for title, lines in _blocks(rows):
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=title, title_justify="left")
        table.title_style = "bold"
        table.add_column("", width=_FIRST)
        for name in _COLUMNS:
            table.add_column(name, justify="right", no_wrap=True, min_width=min(len(name), _WIDEST))
        for label, row in lines:
            table.add_row(Text(label), *_figures(row))
        parts.append(table)
    return Group(*parts, Text(LEGEND))


def markdown_table(rows: Sequence[Rate]) -> str:
    """The same blocks in Markdown.

    >>> row = Rate("ways to compute", Setup(2, 1.0, (8, 8, 1), 32), "patches, loop", 2e3, 1e3, 16.0)
    >>> print(markdown_table([row]).splitlines()[-3])
    | patches, loop | 1,000 | 2,000 | 16 | – | – | – |
    """
    parts = []
    for title, lines in _blocks(rows):
        cells = [["", *_COLUMNS], ["---"] * (1 + len(_COLUMNS))]
        cells += [[label, *_figures(row)] for label, row in lines]
        table = "\n".join(f"| {' | '.join(line)} |" for line in cells)
        parts.append(f"{title[0].upper()}{title[1:]}:\n\n{table}")
    return "\n\n".join([*parts, LEGEND[0].upper() + LEGEND[1:]])


def _blocks(rows: Sequence[Rate]) -> list[tuple[str, list[tuple[str, Rate]]]]:
    """A title, and a label and row for each line: ways at one setup, or one way at several."""
    blocks = []
    for (part, setup), members in groupby(rows, lambda row: (row.part, _shared(row))):
        found = list(members)
        if part.startswith(GROWTH):
            axis = part.removeprefix(GROWTH).strip()
            ours = [row for row in found if row.way not in RIVALS]
            title = f"{part}, other sizes as above: {ours[0].way}"
            lines = [(f"{axis} {getattr(row.setup, axis):g}", row) for row in ours]
        else:
            title = f"{part}: {setup_in_words(setup)}" if setup else part
            lines = [(f"{row.way} ({row.note})" if row.note else row.way, row) for row in found]
        blocks.append((title, lines))
    return blocks


def _shared(row: Rate) -> Setup | None:
    return None if row.part.startswith(GROWTH) else row.setup


def _figures(row: Rate) -> tuple[str, ...]:
    return (
        _number(row.each),
        _number(row.summed),
        _number(row.milliseconds),
        DASH if row.ratio is None else f"{row.ratio:.2f}",
        DASH if row.compile_seconds is None else f"{row.compile_seconds:.1f}",
        DASH if row.extra_mib is None else f"{row.extra_mib:,.0f}",
    )


def _number(value: float | None) -> str:
    if value is None:
        return DASH
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
