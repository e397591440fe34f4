"""The directive `ours`: the flags whose help says that the paper states no default."""

import re

from command_line import markdown_of
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from ensemble_rsa.cli.main import build_parsers

_MARKED = re.compile(r"\bours\b|paper does not say")


class Ours(SphinxDirective):
    """A table of flags of `train` and `analyze`."""

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        lines = ["| command | flag | |", "|---|---|---|"]
        for command in ("train", "analyze"):
            for action in build_parsers()[1][command]._actions:
                text = markdown_of(action.help or "")
                if _MARKED.search(text):
                    lines.append(f"| {command} | `{action.option_strings[0]}` | {text} |")
        return self.parse_text_to_nodes("\n".join(lines))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("ours", Ours)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
