"""`ensemble-rsa bench analysis` at toy size, and a user's mistakes."""

import io
import json
import platform
import sys

import numpy as np
import pytest
from rich.console import Console

from ensemble_rsa.bench import analysis
from ensemble_rsa.bench.analysis import SCALES, Scale
from ensemble_rsa.bench.jobs import OURS, Job, Routine, Size, Way
from ensemble_rsa.bench.progress import show_jobs
from ensemble_rsa.bench.rdms import rdm_routine
from ensemble_rsa.bench.run import Patience
from ensemble_rsa.cli.main import main


def toy(size):
    way = Way(lambda: np.ones(size.stimuli))
    return Job({OURS: way, "NumPy": way}, error=lambda result: 0.0)


TOY = Routine("toy", toy, lambda size: size.stimuli, lambda size: 8 * size.stimuli)
TINY = Scale(
    plan=[
        (rdm_routine("norm_difference"), [Size(12, 5)]),
        (TOY, [Size(100), Size(1000), Size(10_000)]),
    ],
    patience=Patience(limit=10.0, repeats=1),
)


@pytest.fixture
def bench(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(analysis, "SCALES", {"quick": TINY})
    path = tmp_path / "new" / "bench.json"

    def call(*words):
        status = main(["bench", "analysis", "--quick", "--out", str(path), *words])
        return status, *capsys.readouterr(), path

    return call


def test_the_table_is_printed_and_stored(bench):
    status, out, err, path = bench()
    assert status == 0, err
    assert out.splitlines()[-1] == str(path)
    assert "RDM, norm_difference, 12 × 5" in out
    assert "toy, 10,000" in out
    assert "time ∝ n^" in out
    assert "\x1b" not in out
    assert "4/4 done" in err
    stored = json.loads(path.read_text())
    assert (stored["bench"], stored["scale"]) == ("analysis", "quick")
    assert {row["tool"] for row in stored["rows"]} == {OURS, "NumPy", "SciPy"}
    assert len(stored["rows"]) == 3 + 3 * 2
    assert all(row["seconds"] > 0 and row["error"] < 1e-5 for row in stored["rows"])
    assert {growth["axis"] for growth in stored["growth"]} == {"stimuli"}
    assert list(path.parent.iterdir()) == [path]


def test_the_machine_is_described_without_its_name(bench):
    *_, out, _, path = bench("--quiet")
    machine = json.loads(path.read_text())["machine"]
    assert machine["versions"]["jax"]
    assert machine["cores"] >= 1
    assert {"cpu", "memory_gib", "load", "load_at_the_end", "date"} <= set(machine)
    assert platform.node() not in path.read_text()
    assert str(path.parent) not in path.read_text()
    assert f"jax {machine['versions']['jax']}" in out


def test_markdown_and_silence(bench):
    status, out, err, _ = bench("--markdown", "--quiet")
    assert (status, err) == (0, "")
    assert out.startswith("| routine, stimuli × units |")


def test_missing_tools_are_named_once(bench, monkeypatch):
    tiny = Scale([(rdm_routine("euclidean"), [Size(5, 3), Size(6, 3)])], TINY.patience)
    monkeypatch.setitem(analysis.SCALES, "quick", tiny)
    for module in ("rsatoolbox.data.dataset", "sklearn.metrics"):
        monkeypatch.setitem(sys.modules, module, None)
    status, out, _, path = bench()
    assert status == 0
    assert out.splitlines()[-3:] == [
        "scikit-learn is not installed: pip install scikit-learn",
        "rsatoolbox is not installed: pip install rsatoolbox",
        str(path),
    ]


def test_a_file_that_cannot_be_written_is_told_before_the_work(bench, tmp_path):
    *_, path = bench()
    kept = path.read_text()
    status, out, err, _ = bench()
    assert (status, out) == (2, "")
    assert f"{path} exists; give another --out" in err
    assert path.read_text() == kept
    assert main(["bench", "analysis", "--out", str(path / "below.json")]) == 2


@pytest.mark.parametrize("scale", SCALES)
def test_plans_begin_with_the_smallest_size_and_repeat_none(scale):
    for routine, sizes in SCALES[scale].plan:
        work = [routine.work(size) for size in sizes]
        assert work[0] == min(work), routine.name
        assert len(set(sizes)) == len(sizes), routine.name


def test_the_default_covers_the_promised_sizes():
    sizes = [size for _, sizes in SCALES["default"].plan for size in sizes]
    assert {100, 1000, 10_000} <= {size.stimuli for size in sizes}
    assert {1000, 36_864, 49_152, 100_000} <= {size.units for size in sizes}


def test_a_terminal_shows_a_bar():
    text = io.StringIO()
    with show_jobs(Console(file=text, force_terminal=True, width=80)) as show:
        show(3, 7, "some job")
    assert "3/7" in text.getvalue()
    assert "some job" in text.getvalue()
