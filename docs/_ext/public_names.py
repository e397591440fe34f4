"""The default role of docstrings: a public name is a link to its page, other text is code."""

from docutils import nodes
from docutils.parsers.rst.states import Inliner
from sphinx.application import Sphinx
from sphinx.domains.python import PyXRefRole
from sphinx.pycode import ModuleAnalyzer

import ensemble_rsa

# Public values that are no functions or classes, and the modules with their documentation.
VALUES = {"DISTANCES": "ensemble_rsa.rdm.distances"}
NAMES = frozenset(ensemble_rsa.__all__)


def public(
    name: str,
    rawtext: str,
    text: str,
    lineno: int,
    inliner: Inliner,
    options: dict | None = None,
    content: tuple = (),
) -> tuple[list[nodes.Node], list[nodes.system_message]]:
    """Return a reference to a public name, or literal text."""
    if text.removeprefix("ersa.").removeprefix("ensemble_rsa.") in NAMES:
        short = text.removeprefix("ersa.").removeprefix("ensemble_rsa.")
        target = f"{text} <ensemble_rsa.{short}>"
        role = PyXRefRole()
        return role("py:obj", f"`{target}`", target, lineno, inliner, options or {}, content)
    return [nodes.literal(rawtext, text)], []


def document_value(
    app: Sphinx, what: str, name: str, value: object, options: object, lines: list[str]
) -> None:
    """Replace the documentation of a value's type by that of the value."""
    short = name.removeprefix("ensemble_rsa.")
    if short in VALUES:
        documented = ModuleAnalyzer.for_module(VALUES[short]).find_attr_docs()
        lines[:] = documented["", short]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the role, and the documentation of values."""
    app.add_role("public", public)
    app.connect("autodoc-process-docstring", document_value)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
