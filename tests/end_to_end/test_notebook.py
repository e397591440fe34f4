"""The notebooks run from top to bottom, small, and their cells end without an error."""

import json
import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from ensemble_rsa.reproduce.catalogue import figure_names
from ensemble_rsa.reproduce.ledger import MET, NOT_COMPARABLE, NOT_JUDGED
from ensemble_rsa.reproduce.paper import NUMBERS

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def shared_programs(monkeypatch):
    """The notebook's process finds what the tests have compiled, and what itself did before."""
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", os.environ["ENSEMBLE_RSA_TEST_CACHE"])
    monkeypatch.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    monkeypatch.setenv("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")


# The kernel's own machinery warns about event loops and files it leaves open.
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_quickstart_runs(monkeypatch):
    monkeypatch.setenv("ENSEMBLE_RSA_TINY", "1")
    monkeypatch.setenv("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    notebook = nbformat.read(ROOT / "notebooks" / "quickstart.ipynb", as_version=4)
    NotebookClient(notebook, timeout=240, kernel_name="python3").execute()
    assert n_pictures(notebook) == 3
    assert notebook.cells[-1].outputs[0].data["text/plain"].startswith("layer")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_networks_of_pytorch_are_imported(monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.setenv("ENSEMBLE_RSA_TINY", "1")
    monkeypatch.setenv("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    notebook = nbformat.read(ROOT / "notebooks" / "your_networks.ipynb", as_version=4)
    NotebookClient(notebook, timeout=240, kernel_name="python3").execute()
    assert n_pictures(notebook) == 2
    assert notebook.cells[-1].outputs[0].data["text/plain"].startswith("layer")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_networks_meet_brains_that_are_made_up(monkeypatch, tmp_path):
    monkeypatch.setenv("ENSEMBLE_RSA_TINY", "1")
    monkeypatch.setenv("ENSEMBLE_RSA_92IMAGES", str(tmp_path))  # an empty folder
    monkeypatch.setenv("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    notebook = nbformat.read(ROOT / "notebooks" / "brains.ipynb", as_version=4)
    NotebookClient(notebook, timeout=240, kernel_name="python3").execute()
    assert n_pictures(notebook) == 2
    outputs = [each for cell in notebook.cells for each in cell.get("outputs", [])]
    printed = "".join(each.get("text", "") for each in outputs)
    assert "data are made up" in printed
    # Two categories are what the made-up people share.
    rows = [line.split() for line in printed.splitlines() if " p 0" in line]
    means = {name: float(mean) for name, mean, *_ in rows if name in ("animacy", "V1")}
    assert means["animacy"] > means["V1"]
    assert "brains" in notebook.cells[-1].outputs[0].data["text/plain"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_the_paper_is_reproduced_from_training_to_ledger(monkeypatch, tmp_path):
    """`reproduce all --scale smoke`, by way of the notebook that shows it."""
    monkeypatch.setenv("ENSEMBLE_RSA_SCALE", "smoke")
    monkeypatch.setenv("ENSEMBLE_RSA_FOLDER", str(tmp_path / "paper"))
    monkeypatch.setenv("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    notebook = nbformat.read(ROOT / "notebooks" / "paper.ipynb", as_version=4)
    NotebookClient(notebook, timeout=900, kernel_name="python3").execute()
    assert n_pictures(notebook) == len(figure_names()) == 16
    ledger = json.loads((tmp_path / "paper" / "comparison.json").read_text(encoding="utf-8"))
    rows = ledger["rows"]
    assert {(row["figure"], row["quantity"]) for row in rows} >= set(NUMBERS)
    learnt = {row["verdict"] for row in rows if row["figure"] not in ("s5", "s6")}
    assert learnt == {NOT_COMPARABLE, NOT_JUDGED}  # the networks are hardly trained
    assert {row["verdict"] for row in rows if row["figure"] in ("s5", "s6")} == {MET}


def n_pictures(notebook) -> int:
    """How many pictures the cells show."""
    return sum(
        "image/png" in output.get("data", {})
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
    )
