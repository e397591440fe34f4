"""The directive `ledger`: a table of the paper's numbers and effects beside ours.

Its argument is a `comparison.json`, as `ensemble-rsa reproduce` writes it, relative to the page;
`:kind:` is `effect` or `number`.
"""

import json
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from ensemble_rsa.figures.wording import bounds, compact, p_value, paper_figure


class Ledger(SphinxDirective):
    """A row for each effect (or number) of the file, in the order of the paper's figures."""

    required_arguments = 1
    option_spec = {"kind": lambda text: directives.choice(text, ("effect", "number"))}

    def run(self) -> list[nodes.Node]:
        """Return a table of a `comparison.json`."""
        relative, path = self.env.relfn2path(self.arguments[0])
        self.env.note_dependency(relative)
        kind = self.options.get("kind", "effect")
        rows = json.loads(Path(path).read_text(encoding="utf-8"))["rows"]
        chosen = [row for row in rows if row["kind"] == kind]
        lines = [
            "| figure | quantity | ours | the paper | p, Holm | verdict |",
            "|---|---|---|---|---|---|",
        ]
        lines += [f"| {' | '.join(cells(row))} |" for row in chosen]
        return self.parse_text_to_nodes("\n".join(lines))


def cells(row: dict) -> list[str]:
    """The texts of a row of the table."""
    ours = "–" if row["ours"] is None else compact(row["ours"])
    if row["ours_low"] is not None and row["ours_high"] is not None:
        ours += f" {bounds((row['ours_low'], row['ours_high']), 3)}"
    paper = "–" if row["paper"] is None else compact(row["paper"])
    holm = "–" if row["p_holm"] is None else p_value(row["p_holm"])
    note = f"; {row['note']}" if row["note"] else ""
    texts = [paper_figure(row["figure"]), row["quantity"], ours, paper, holm, row["verdict"] + note]
    return [text.replace("|", "\\|") for text in texts]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("ledger", Ledger)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
