"""Whole benchmarks at toy size: tables, JSON, growth, and mistakes of users."""

import dataclasses
import json
import platform
import runpy
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from ensemble_rsa.bench import analysis, training
from ensemble_rsa.bench.case import OURS, Case, Way
from ensemble_rsa.bench.measure import Patience
from ensemble_rsa.bench.run import Bench, BenchRow, measure_all
from ensemble_rsa.bench.table import growth, markdown_tables
from ensemble_rsa.bench.training import GROWTH, WAYS, bench_training
from ensemble_rsa.cli.main import main
from ensemble_rsa.models.execution import Execution

GPU_EVIDENCE = Path(__file__).resolve().parents[2] / "scripts" / "gpu_evidence.py"
ONCE = Patience(repeats=1)
MACHINE = {
    "date": "2020-11-12T09:00:00+00:00", "cpu": "X", "cores": 2, "memory_gib": 8.0, "load": 0.1,
    "load_at_the_end": 1.5, "device": "cpu with 2 cores", "versions": {"jax": "1"},
}  # fmt: skip


@pytest.fixture
def bench(monkeypatch, tmp_path, capsys):
    sizes = {"quick": [{"stimuli": n, "units": 20} for n in (10, 20, 40)]}
    routines = [routine for routine in analysis.ROUTINES if routine.name == "RDM, euclidean"]
    short = [dataclasses.replace(routine, sizes=sizes) for routine in routines]
    monkeypatch.setattr(analysis, "ROUTINES", short)
    monkeypatch.setitem(analysis.PATIENCE, "quick", ONCE)
    path = tmp_path / "new" / "bench.json"

    def call(*words):
        status = main(["bench", "analysis", "--quick", "--out", str(path), *words])
        return status, *capsys.readouterr(), path

    return call


def test_the_tables_are_printed_and_stored(bench):
    status, out, err, path = bench()
    assert status == 0, err
    assert out.splitlines()[-1] == str(path)
    assert "RDM, euclidean: units 20" in out
    assert "stimuli 40: rsatoolbox" in out
    assert "time ∝ n^" in out
    assert "\x1b" not in out
    assert "3/3 done" in err
    stored = json.loads(path.read_text())
    assert (stored["bench"], stored["scale"]) == ("analysis", "quick")
    assert [row["way"] for row in stored["rows"]] == [OURS, "NumPy", "SciPy", "rsatoolbox"] * 3
    assert all(row["seconds"] > 0 and row["error"] < 1e-5 for row in stored["rows"])
    assert {"cpu", "cores", "memory_gib", "load_at_the_end", "date"} <= set(stored["machine"])
    assert platform.node() not in path.read_text()
    assert list(path.parent.iterdir()) == [path]
    # the file is kept by a second run
    status, out, err, _ = bench()
    assert (status, out) == (2, "")
    assert f"{path} exists; give another --out" in err
    assert main(["bench", "analysis", "--out", str(path / "below.json")]) == 2


def test_markdown_without_progress_and_without_a_tool(bench, monkeypatch):
    for module in ("rsatoolbox", "rsatoolbox.data.dataset"):
        monkeypatch.setitem(sys.modules, module, None)
    status, out, err, path = bench("--markdown", "--quiet")
    assert (status, err) == (0, "")
    assert out.splitlines()[2] == "|  | seconds | first | MiB | ratio | error |"
    assert "rsatoolbox (failed: ModuleNotFoundError: import of rsatoolbox" in out
    assert out.splitlines()[-1] == str(path)


def test_figures_dashes_and_reasons():
    size = {"stimuli": 1000, "units": 36_864}
    rows = [
        BenchRow("RDM", size, OURS, 0.25, 1.5, 40.2, 1.0, 3e-7),
        BenchRow("RDM", size, "NumPy", 1234.5, 0.2, None, 0.6, share=0.1),
        BenchRow("RDM", size, "SciPy", note="left out: about 50 s a call"),
    ]
    lines = markdown_tables(Bench("analysis", "quick", MACHINE, rows)).splitlines()
    assert lines[0] == "RDM: stimuli 1,000, units 36,864:"
    assert lines[4:7] == [
        f"| {OURS} | 0.25 | 1.5 | 40 | 1 | 3e-07 |",
        "| NumPy | ~1,234 | ~0.2 | – | 0.6 | – |",
        "| SciPy (left out: about 50 s a call) | – | – | – | – | – |",
    ]
    assert lines[-1] == (
        "2020-11-12: X, 2 cores, 8.0 GiB, load 0.1 to 1.5; jax on cpu with 2 cores; jax 1"
    )


def test_growth_along_each_axis_while_the_other_stays():
    sizes = [(100, 10), (200, 10), (400, 10), (100, 20), (100, 40)]
    law = lambda n, m: BenchRow(
        "RDM", {"stimuli": n, "units": m}, "a", seconds=1.0 * n**2 * m, extra_mib=0.1 * n
    )
    assert growth([law(*size) for size in sizes]) == [
        ["RDM: a, stimuli 100 to 400 (units 10)", "2.0", "1.0"],
        ["RDM: a, units 10 to 40 (stimuli 100)", "1.0", "0.0"],
    ]
    assert growth([law(*size) for size in sizes[:2]]) == []
    little = [
        BenchRow("RDM", {"n": n}, "a", seconds=1.0 * n, extra_mib=0.01 * n) for n in (10, 20, 40)
    ]
    assert growth(little)[0][1:] == ["1.0", "–"]


@pytest.mark.parametrize("scale", analysis.PATIENCE)
def test_sizes_begin_with_the_smallest_and_are_distinct(scale):
    for routine in analysis.ROUTINES:
        cases = [routine.case(size) for size in routine.sizes[scale]]
        assert cases[0].work == min(case.work for case in cases), routine.name
        assert len({tuple(case.size.items()) for case in cases}) == len(cases), routine.name
    sizes = analysis.ROUTINES[0].sizes[scale]
    assert {"stimuli": 100, "units": 1000} in sizes
    assert {"stimuli": 1000, "units": 36_864} in sizes


@pytest.fixture
def no_training(monkeypatch):
    """Calls return at once; one rival is broken, the other not installed."""

    def absent(config, image_shape, n_steps, stacked):
        raise (RuntimeError("no accelerator\nand a trace") if stacked else ImportError("torch"))

    made = []

    class Call:
        compile = print

        def __init__(self, *arguments):
            made.append(arguments)

        def __call__(self):
            pass

    monkeypatch.setattr(training, "TrainingCall", Call)
    monkeypatch.setattr(training.pytorch, "training_call", absent)
    return made


def test_ways_that_cannot_be_measured_have_a_reason(no_training):
    size = {"instances": 4, "width": 0.25, "batch": 32, "side": 8}
    ways = [Execution("plain_gradients", 1), Execution("xla", 1)]
    case = training._case("name", size, "float32", ways)
    first, xla, one, both = case.prepare()[0].values()
    assert xla == "left out: a minute a step"
    assert one == "failed: ImportError: torch"
    assert both == "failed: RuntimeError: no accelerator"
    assert (first.share, first.compiles) == (1, True)
    ((config, image_shape, execution, steps),) = no_training
    assert (config.training.instances, config.model.width) == (4, 0.25)
    assert (image_shape, execution, steps) == ((8, 8, 3), ways[0], 1)


def test_programs_are_compiled_ahead_if_asked(cleared):
    """Otherwise what earlier cases have compiled is forgotten, so that first calls compile."""
    done = []
    way = Way(lambda: done.append("call"), compile=lambda: done.append("compile"))
    broken = Way(lambda: done.append("broken"), compile=lambda: 1 / 0)
    case = Case("name", {}, lambda: ({OURS: way}, None))
    found = measure_all("b", "s", [case], ONCE, print, lambda: done.append("compiled"))
    assert done[:3] == ["compile", "compiled", "call"]
    assert [row.note for row in found.rows] == [""]
    assert cleared == []
    done.clear()
    measure_all("b", "s", [case], ONCE, print)
    assert set(done) == {"call"}
    assert cleared == [True]
    with pytest.raises(ZeroDivisionError):  # a fault of ours, unlike what XLA refuses
        measure_all(
            "b", "s", [Case("name", {}, lambda: ({OURS: broken}, None))], ONCE, print, print
        )


def fake_measure(case, patience, pace, forget):
    """The n-th way takes n + 1 seconds; PyTorch is not installed."""
    ways = case.prepare()[0]
    seconds = [None if isinstance(way, str) else n + 1.0 for n, way in enumerate(ways.values())]
    return [
        BenchRow(case.name, case.size, name, value, extra_mib=10.0)
        for name, value in zip(ways, seconds, strict=True)
    ]


def test_training_is_measured_over_sizes_and_precisions(no_training, monkeypatch):
    monkeypatch.setattr("ensemble_rsa.bench.run._measure", fake_measure)
    told = []
    found = bench_training("quick", lambda *words: told.append(words[:2]))
    assert told == [(done, 7) for done in range(8)]
    compared = {row.case for row in found.rows if row.case.startswith(WAYS)}
    assert compared == {f"{WAYS} all_cnn_c, float32", f"{WAYS} all_cnn_c, bfloat16"}
    followed = [row for row in found.rows if row.case.startswith(GROWTH) and row.seconds]
    sizes = [(row.size["instances"], row.size["width"], row.size["batch"]) for row in followed]
    assert sizes == [(1, 0.25, 32), (4, 0.25, 32), (8, 0.25, 32), (4, 0.125, 32), (4, 0.25, 64)]
    assert "| 128 |" in markdown_tables(found)  # 4 × 32 images in 1 s


@pytest.fixture
def evidence(no_training, monkeypatch):
    monkeypatch.setattr("ensemble_rsa.bench.run._measure", fake_measure)
    return runpy.run_path(str(GPU_EVIDENCE))


def test_evidence_needs_an_accelerator_unless_it_is_a_toy(evidence, tmp_path, capsys):
    assert evidence["do_step"]("training", tmp_path, False) == 1
    assert "no accelerator" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_hours_follow_from_the_cases_that_were_measured(evidence, tmp_path, capsys, monkeypatch):
    """Each waits for a line of its parent once its programs are compiled."""
    asked = []
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(readline=lambda: asked.append(True)))
    for number in (0, 2):
        assert evidence["measure_case"](number, tmp_path, True) == 0
    assert asked == [True, True]
    assert "images/s: " in capsys.readouterr().out
    assert evidence["do_step"]("hours", tmp_path, True) == 0
    stored = json.loads((tmp_path / "hours.json").read_text())
    assert stored["rates"] == {"float32": 64}  # 2 instances, batches of 32, in 1 s
    assert stored["extra MiB by instances"] == {"1": 10.0}


def test_cases_that_are_left_are_measured_a_few_at_a_time(evidence, tmp_path, monkeypatch):
    """Of eight cases one has a result, one fails; then the time is up after the first few."""
    step, together = evidence["training"], []

    def measure(numbers, out, toy):
        together.append(list(numbers))
        for number in numbers:
            if number != 6:
                (out / f"training-{number:02d}.json").write_text("{}")

    monkeypatch.setitem(step.__globals__, "n_cases", lambda toy: 8)
    monkeypatch.setitem(step.__globals__, "_measure_together", measure)
    (tmp_path / "training-01.json").write_text("{}")
    assert step(tmp_path, True) == {"status": 1, "summary": "failed: case 6"}
    assert together == [[0, 2, 3], [4, 5, 6], [7]]
    assert step(tmp_path, True)["summary"] == "failed: case 6"
    assert together[3:] == [[6]]
    (tmp_path / "training-07.json").unlink()
    monkeypatch.setenv("SECONDS_OF_STEP", "-1")
    found = step(tmp_path, True)
    assert found == {"unfinished": True, "summary": "6 of 8 cases are measured"}


def test_steps_of_evidence_are_done_once_and_failures_are_kept(evidence, tmp_path, monkeypatch):
    """Three steps: done before, fails, succeeds."""
    called = []

    def run_within(words, seconds, environment):
        called.append(words[-3])
        if called[-1] == "third":
            (tmp_path / "third.json").touch()
        return int(called[-1] == "second"), "no\nyes\n"

    (tmp_path / "first.json").touch()
    do_all = evidence["do_all"]
    monkeypatch.setitem(do_all.__globals__, "run_within", run_within)
    names = dict.fromkeys(["first", "second", "third"])
    monkeypatch.setitem(do_all.__globals__, "steps", lambda: names)
    assert do_all(tmp_path, 600.0, True, False) == 1
    assert called == ["second", "third"]
    assert "yes" in (tmp_path / "second.failed.txt").read_text()
    called.clear()
    assert do_all(tmp_path, 600.0, True, False) == 1
    assert called == []
    assert do_all(tmp_path, 600.0, True, True) == 1
    assert called == ["second"]
    (tmp_path / "second.failed.txt").unlink()
    assert do_all(tmp_path, 10.0, True, False) == 0  # no time to begin the second
    assert called == ["second"]


def test_a_step_without_time_is_stopped_with_all_that_it_started(evidence):
    """A shell that starts a process, which keeps its output open."""
    run_within = evidence["run_within"]
    began = time.monotonic()
    assert run_within(["sh", "-c", "echo begun; sleep 60 & wait"], 0.4, {}) == (None, "begun\n")
    assert time.monotonic() - began < 20
    assert run_within(["sh", "-c", "echo done; exit 3"], 20.0, {}) == (3, "done\n")
