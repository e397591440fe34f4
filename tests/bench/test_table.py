"""What a reader sees: figures, dashes, reasons."""

import io

import pytest
from rich.console import Console

from ensemble_rsa.bench.growth import Growth
from ensemble_rsa.bench.jobs import OURS
from ensemble_rsa.bench.run import NOT_INSTALLED, Row
from ensemble_rsa.bench.table import markdown_tables, terminal_tables

ROWS = [
    Row("RDM, cosine", 1000, 36864, OURS, 0.25, 1.5, 40.0, 1.0, 3e-7),
    Row("RDM, cosine", 1000, 36864, "NumPy", 0.15, 0.2, 281.0, 0.6, 2e-7),
    Row("RDM, cosine", 1000, 36864, "SciPy", note="left out: about 50 s a call"),
    Row("RDM, cosine", 1000, 36864, "rsatoolbox", note=NOT_INSTALLED),
    Row("MDS", 300, 0, OURS, 1.0, 2.0, None, 1.0, 0.40094),
    Row("MDS", 300, 0, "scikit-learn", 1234.5, 1234.5, 3.0, 1234.5, None, share=0.1),
]
GROWTH = [
    Growth("MDS", OURS, "stimuli", 100, 1000, 0, 1.94, None),
    Growth("MDS", "scikit-learn", "stimuli", 100, 300, 0, 2.0, 1.5),
]


@pytest.fixture
def terminal():
    def show(rows, growth=()):
        text = io.StringIO()
        Console(file=text, width=100).print(terminal_tables(rows, list(growth)))
        return text.getvalue()

    return show


def line(text, start):
    return next(row.split() for row in text.splitlines() if row.strip().startswith(start))


def test_the_terminal_has_a_block_for_each_job(terminal):
    text = terminal(ROWS, GROWTH)
    assert "RDM, cosine, 1,000 × 36,864\n" in "\n".join(map(str.strip, text.splitlines()))
    assert line(text, OURS) == [OURS, "0.25", "–", "1.5", "40", "3e-07"]
    assert line(text, "NumPy") == ["NumPy", "0.15", "0.60", "0.2", "281", "2e-07"]
    assert line(text, "scikit-learn") == ["scikit-learn", "~1,234", "1,234", "~1,234", "3", "–"]
    assert "0.4009" in text
    assert line(text, f"{OURS}, 100 to 1,000") == f"{OURS}, 100 to 1,000 1.9 –".split()


def test_what_was_not_measured_is_a_dash_with_a_reason(terminal):
    text = terminal(ROWS)
    assert line(text, "SciPy (left out: about 50 s a call)")[-5:] == ["–"] * 5
    assert line(text, "rsatoolbox (not installed)")[-5:] == ["–"] * 5


def test_a_file_gets_no_colours(terminal):
    assert "\x1b" not in terminal(ROWS, GROWTH)


def test_markdown_has_a_line_for_each_job_and_a_column_for_each_tool():
    lines = markdown_tables(ROWS, GROWTH).splitlines()
    assert [cell.strip() for cell in lines[0].split("|")[-5:-1]] == [
        "NumPy", "SciPy", "scikit-learn", "rsatoolbox",
    ]  # fmt: skip
    assert lines[2] == (
        "| RDM, cosine, 1,000 × 36,864 | 0.25 | 1.5 | 40 | 3e-07 "
        "| 0.60, 281 MiB | – (left out: about 50 s a call) | – | – |"
    )
    assert lines[3] == "| MDS, 300 | 1 | 2 | – | 0.4009 | – | – | ~1,234, 3 MiB | – |"
    row = "| MDS | stimuli, 100 to 1,000 | 1.9, – | – | – | 2.0, 1.5 (to 300) | – |"
    assert row in lines


def test_a_whole_job_that_was_left_out_says_why():
    (_, _, job, *_) = markdown_tables([Row("RDM", 10, 20, OURS, note="no disk")], []).splitlines()
    assert job.startswith("| RDM, 10 × 20 (no disk) | – |")
