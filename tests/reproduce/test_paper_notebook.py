"""The notebook shows every figure once, and its text leaves the verdict to the ledger."""

import json
import re
from itertools import pairwise
from pathlib import Path

from ensemble_rsa.reproduce.catalogue import figure_names

NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "paper.ipynb"


def test_every_figure_is_shown_after_a_text_that_names_the_ledger():
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    shown = []
    for text, code in pairwise("".join(cell["source"]) for cell in cells):
        if code.startswith('show("'):
            assert "the ledger" in text
            shown += re.findall(r'"(\w+)"', code)
    assert sorted(shown) == sorted(figure_names())
