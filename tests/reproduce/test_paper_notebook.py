"""The notebook's words leave to the ledger what a run shows."""

import json
import re
from itertools import pairwise
from pathlib import Path

from ensemble_rsa.reproduce.catalogue import figure_names

NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "paper.ipynb"


def test_each_figure_has_two_sentences_on_the_paper_and_where_this_run_is_judged():
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    shown = []
    for words, code in pairwise("".join(cell["source"]) for cell in cells):
        if not code.startswith('show("'):
            continue
        names = re.findall(r'"(\w+)"', code)
        _, prose = words.split("\n\n")
        assert len(re.findall(r"\.(?: |$)", prose)) == 2, names
        assert re.search(r"[Tt]he paper finds", prose), names
        assert "the ledger" in prose, names
        # of S1, the strain of Fig. 2's picture, the paper reports no effect
        assert re.findall(r"`(\w+)`", prose) == [name for name in names if name != "s1"]
        shown += names
    assert sorted(shown) == sorted(figure_names())
