"""The directive `command-line`: every command and flag, from the parsers of the program."""

import argparse
import re

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from ensemble_rsa.cli.main import PROGRAM, build_parsers


class CommandLine(SphinxDirective):
    """A section for each command: its summary, its usage, and a table for each group of flags."""

    def run(self) -> list[nodes.Node]:
        """Return the sections of all commands."""
        text = "\n\n".join(section(name, parser) for name, parser in build_parsers()[1].items())
        return self.parse_text_to_nodes(text, allow_section_headings=True)


def section(name: str, parser: argparse.ArgumentParser) -> str:
    """The text of a command, in Markdown."""
    positional = [a for a in parser._actions if not a.option_strings]
    words = " ".join(
        f"[{a.dest.upper()} …]" if a.nargs == "*" else a.dest.upper() for a in positional
    )
    usage = f"{PROGRAM} {name} {words} [flags]".replace("  ", " ")
    parts = [f"({name}-command)=\n## {name}", parser.description or "", f"```sh\n{usage}\n```"]
    for group in parser._action_groups:
        actions = [a for a in group._group_actions if "--help" not in a.option_strings]
        if actions:
            parts.append(table(group, actions))
    return "\n\n".join(parts)


def table(group: argparse._ArgumentGroup, actions: list[argparse.Action]) -> str:
    """The table of a group of flags, under its title where it is a section of a configuration."""
    rows = [f"| {'argument' if not actions[0].option_strings else 'flag'} | |", "|---|---|"]
    for action in actions:
        words = action.option_strings or [action.dest.upper()]
        flag = ", ".join(f"`{word}`" for word in words)
        value = action.metavar if action.nargs != 0 and action.option_strings else None
        text = markdown_of(action.help or "")
        shown = f" `{value}`".replace("|", "\\|") if value else ""
        rows.append(f"| {flag}{shown} | {text} |")
    is_section = group.description is not None
    title = f"**{group.title}**: {group.description}\n\n" if is_section else ""
    return title + ":::{table}\n:class: flags\n\n" + "\n".join(rows) + "\n:::"


def markdown_of(text: str) -> str:
    """The help of a flag as Markdown: flags that it names are code, signs stand for themselves."""
    text = text.replace("%%", "%").replace("|", "\\|")
    parts = text.split("`")  # every second part is code
    plain = [re.sub(r"([*_<])", r"\\\1", part) for part in parts[::2]]
    plain = [re.sub(r"(?<![\w-])(--[a-z][a-z0-9-]*)", r"`\1`", part) for part in plain]
    parts[::2] = plain
    return "`".join(parts)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("command-line", CommandLine)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
