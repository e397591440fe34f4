"""Tutorials from `notebooks/`: copied beside the other pages before the site is built.

A badge that a browser would fetch from another host becomes a link.
"""

import json
import re
from pathlib import Path

from sphinx.application import Sphinx

NOTEBOOKS = ("quickstart", "your_networks", "brains", "paper")
_BADGE = re.compile(r"\[!\[Open in Colab\]\([^)]*\)\]\(([^)]*)\)")


def copy_notebooks(app: Sphinx) -> None:
    """Write `tutorials/NAME.ipynb` for every notebook, where its content has changed."""
    docs = Path(app.srcdir)
    for name in NOTEBOOKS:
        content = (docs.parent / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8")
        notebook = json.loads(content)
        for cell in notebook["cells"]:
            if cell["cell_type"] == "markdown":
                text = _BADGE.sub(r"[Open in Colab](\1)", "".join(cell["source"]))
                cell["source"] = text.replace("](../docs/", "](../")
        target = docs / "tutorials" / f"{name}.ipynb"
        text = json.dumps(notebook)
        if not target.is_file() or target.read_text(encoding="utf-8") != text:
            target.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Copy before pages are looked for."""
    app.connect("config-inited", lambda app, config: copy_notebooks(app))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
