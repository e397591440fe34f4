"""The table of contents of a page, gathered from its headings while it is rendered."""

import re
from typing import NamedTuple

from markupsafe import Markup


class Entry(NamedTuple):
    """A section: the id of its heading, and the heading."""

    anchor: str
    text: str


class Contents:
    """Headings of a page: templates make them by `heading`, and list `entries` afterwards."""

    def __init__(self):
        self.entries: list[Entry] = []
        self._taken: set[str] = set()

    def heading(self, text: str, level: int = 2) -> Markup:
        """Return a heading with an id of its own; those of level 2 are entries.

        >>> Contents().heading("How to read it")
        Markup('<h2 id="how-to-read-it">How to read it</h2>')
        """
        words = re.sub(r"[^\w]+", "-", text.lower()).strip("-") or "section"
        anchor, number = words, 1
        while anchor in self._taken:
            number += 1
            anchor = f"{words}-{number}"
        self._taken.add(anchor)
        if level == 2:
            self.entries.append(Entry(anchor, text))
        return Markup('<h{0} id="{1}">{2}</h{0}>').format(level, anchor, text)
