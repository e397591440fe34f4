"""The benchmark of extraction, at toy size, with and without PyTorch."""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import sys

import pytest

from ensemble_rsa.bench.case import OURS
from ensemble_rsa.bench.extraction import BARE, bench_extraction
from ensemble_rsa.bench.table import markdown_tables


def test_extraction_is_measured_beside_bare_forward_passes():
    pytest.importorskip("torchvision")
    rows = bench_extraction("toy").rows
    assert [row.way for row in rows] == [OURS, BARE]
    assert all(row.seconds and not row.note for row in rows)
    assert rows[1].ratio == 1


def test_without_pytorch_the_command_to_install_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    found = bench_extraction("toy")
    rows = found.rows
    assert "pip install" in markdown_tables(found)
    assert all(
        row.seconds is None and "pip install 'ensemble_rsa[torch]'" in row.note for row in rows
    )
