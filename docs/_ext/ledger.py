"""The directive `ledger`: the paper's numbers and effects beside ours.

    {ledger} effects small/comparison.json

The file is what `ensemble-rsa reproduce` writes, relative to the page. `effects` and `numbers` are
tables, `summary` is a sentence.
"""

import json
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from ensemble_rsa.figures.wording import bounds, compact, paper_figure

Row = dict[str, Any]


class Ledger(SphinxDirective):
    """Rows of a ledger in the order of the paper's figures, or how many effects are met."""

    required_arguments = 2

    def run(self) -> list[nodes.Node]:
        """Return the nodes of a table or a sentence."""
        what, name = self.arguments
        relative, path = self.env.relfn2path(name)
        self.env.note_dependency(relative)
        rows = json.loads(Path(path).read_text(encoding="utf-8"))["rows"]
        write = {"effects": effects, "numbers": numbers, "summary": summary}[what]
        return self.parse_text_to_nodes(write(rows))


def effects(rows: list[Row]) -> str:
    """A table of all effects."""
    lines = ["| figure | effect | ours [95 % CI] | verdict |", "|---|---|---|---|"]
    for row in of_kind(rows, "effect"):
        stands = ", stands" if stands_corrected(row) else f", does not stand (p {holm(row)})"
        verdict = row["verdict"] + (stands if row["verdict"] == "met" else "")
        lines.append(table_row(row, ours(row), verdict))
    return "\n".join(lines)


def numbers(rows: list[Row]) -> str:
    """A table of all numbers that the paper prints."""
    lines = ["| figure | number | the paper | ours | |", "|---|---|---|---|---|"]
    for row in of_kind(rows, "number"):
        printed = value_and_ends(row["paper"], row["low"], row["high"])
        verdict = row["verdict"] if row["verdict"] in ("met", "not met", "not run") else ""
        lines.append(table_row(row, printed, ours(row), verdict))
    return "\n".join(lines)


def summary(rows: list[Row]) -> str:
    """How many effects are met, and how many also with Holm's correction."""
    found = [row for row in of_kind(rows, "effect") if row["verdict"] != "not run"]
    met = [row for row in found if row["verdict"] == "met"]
    standing = [row for row in met if stands_corrected(row)]
    exact = [row for row in rows if row["kind"] == "exact"]
    holds = sum(row["verdict"] == "met" for row in exact)
    text = (
        f"Of {len(found)} effects in the figures that were run, {len(met)} have a 95 % interval "
        f"above zero (met), and {len(standing)} remain after Holm's correction (stand)."
    )
    if exact:
        text += f" Of {len(exact)} properties of distances (simulated), {holds} are met."
    return text


def of_kind(rows: list[Row], kind: str) -> list[Row]:
    """The rows of a kind, by figure: 2 to 9, then S1 to S8."""
    chosen = [row for row in rows if row["kind"] == kind]
    return sorted(chosen, key=lambda row: row["figure"])


def stands_corrected(row: Row) -> bool:
    """Whether an effect is met with Holm's correction."""
    return row["p_holm"] is not None and row["p_holm"] <= 0.05


def holm(row: Row) -> str:
    """The corrected p of a row."""
    return "not defined" if row["p_holm"] is None else f"= {row['p_holm']:.3f}".replace("0.", ".")


def ours(row: Row) -> str:
    """Our value of a row."""
    return value_and_ends(row["ours"], row["ours_low"], row["ours_high"])


def value_and_ends(value: float | None, low: float | None, high: float | None) -> str:
    """A number with its interval, as far as they are known."""
    texts = [] if value is None else [compact(value).replace("-", "−")]
    if low is not None and high is not None:
        texts.append(bounds((low, high), 3).replace("-", "−"))
    return " ".join(texts) or "–"


def table_row(row: Row, *cells: str) -> str:
    """A line of a table; the row's note stands below its quantity."""
    note = f"<br>*{row['note']}*" if row["note"] else ""
    texts = [paper_figure(row["figure"]), row["quantity"] + note, *cells]
    return f"| {' | '.join(text.replace('|', chr(92) + '|') for text in texts)} |"


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("ledger", Ledger)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
