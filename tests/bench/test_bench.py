"""The benchmarks as a whole at toy size: tables, JSON, growth, and a user's mistakes."""

import json
import platform
import sys

import numpy as np
import pytest

from ensemble_rsa.bench import analysis, gpu_check, training
from ensemble_rsa.bench.analysis import SCALES
from ensemble_rsa.bench.case import NOT_INSTALLED, OURS, Case, Job, Way, ours
from ensemble_rsa.bench.measure import Patience
from ensemble_rsa.bench.rdms import RDMS
from ensemble_rsa.bench.run import Bench, BenchRow
from ensemble_rsa.bench.table import growth, markdown_tables
from ensemble_rsa.bench.training import WAYS, bench_training, compare_ways, way_name
from ensemble_rsa.cli.main import main
from ensemble_rsa.errors import RunError
from ensemble_rsa.models.execution import Execution

FAST = Patience(repeats=1)
MACHINE = {
    "date": "2020-11-12T09:00:00+00:00", "cpu": "X", "cores": 2, "memory_gib": 8.0, "load": 0.1,
    "load_at_the_end": 1.5, "device": "cpu with 2 cores", "versions": {"jax": "1"},
}  # fmt: skip


def toy(n):
    way = {**ours(lambda: np.ones(n)), "NumPy": Way(lambda: np.ones(n))}
    return Case("toy", {"stimuli": n}, lambda: Job(way, error=lambda result: 0.0))


@pytest.fixture
def bench(monkeypatch, tmp_path, capsys):
    cases = [*RDMS["norm_difference"].cases([12]), *map(toy, (100, 1000, 10_000))]
    monkeypatch.setattr(analysis, "SCALES", {"quick": analysis.Scale(cases, FAST)})
    path = tmp_path / "new" / "bench.json"

    def call(*words):
        status = main(["bench", "analysis", "--quick", "--out", str(path), *words])
        return status, *capsys.readouterr(), path

    return call


def test_the_tables_are_printed_and_stored(bench):
    status, out, err, path = bench()
    assert status == 0, err
    assert out.splitlines()[-1] == str(path)
    assert "RDM, norm_difference: stimuli 12, units 1,000" in out
    assert "stimuli 10,000: NumPy" in out
    assert "time ∝ n^" in out
    assert "\x1b" not in out
    assert "4/4 done" in err
    stored = json.loads(path.read_text())
    assert (stored["bench"], stored["scale"]) == ("analysis", "quick")
    assert [row["way"] for row in stored["rows"]] == [OURS, "NumPy", "SciPy", *[OURS, "NumPy"] * 3]
    assert all(row["seconds"] > 0 and row["error"] < 1e-5 for row in stored["rows"])
    assert {"cpu", "cores", "memory_gib", "load_at_the_end", "date"} <= set(stored["machine"])
    assert platform.node() not in path.read_text()
    assert list(path.parent.iterdir()) == [path]
    # the file is kept by a second run
    status, out, err, _ = bench()
    assert (status, out) == (2, "")
    assert f"{path} exists; give another --out" in err
    assert main(["bench", "analysis", "--out", str(path / "below.json")]) == 2


def test_markdown_silence_and_missing_packages(bench, monkeypatch):
    cases = [*RDMS["euclidean"].cases([5])]
    monkeypatch.setitem(analysis.SCALES, "quick", analysis.Scale(cases, FAST))
    for module in ("rsatoolbox.data.dataset", "sklearn.metrics"):
        monkeypatch.setitem(sys.modules, module, None)
    status, out, err, path = bench("--markdown", "--quiet")
    assert (status, err) == (0, "")
    assert out.splitlines()[2:4] == [
        "|  | seconds | first | MiB | × ours | error |", "| --- | --- | --- | --- | --- | --- |",
    ]  # fmt: skip
    assert out.splitlines()[-3:] == [
        "scikit-learn is not installed: pip install scikit-learn",
        "rsatoolbox is not installed: pip install rsatoolbox",
        str(path),
    ]


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


def test_each_axis_has_its_own_exponent_while_the_other_stays():
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


@pytest.mark.parametrize("scale", SCALES)
def test_cases_of_a_name_begin_with_the_smallest_and_repeat_none(scale):
    by_name = {}
    for case in SCALES[scale].cases:
        by_name.setdefault(case.name, []).append(case)
    for name, cases in by_name.items():
        assert cases[0].work == min(case.work for case in cases), name
        sizes = [tuple(case.size.items()) for case in cases]
        assert len(set(sizes)) == len(sizes), name
    if scale == "default":
        assert {100, 1000, 10_000} <= {case.size["stimuli"] for case in SCALES[scale].cases}
        units = {case.size.get("units") for case in SCALES[scale].cases}
        assert {1000, 36_864, 49_152, 100_000} <= units


LOOP, STACK = Execution("plain_gradients", 1), Execution("patches", None)
SIZE = {"instances": 4, "width": 0.25, "batch": 32, "side": 8}
TINY = training.Scale((1, 4), (0.25, 0.5), (32,), (4,), SIZE, FAST, channels=1, steps=5)


@pytest.fixture
def calls(monkeypatch):
    """No training: calls return at once, and one rival is broken, the other absent."""

    def broken(*arguments):
        raise RuntimeError("no accelerator\nand a trace")

    def absent(*arguments):
        raise ImportError("torch")

    one, stack = training.RIVALS
    made = []
    new = lambda *arguments: made.append(arguments) or (lambda: None)
    monkeypatch.setattr(training, "training_call", new)
    monkeypatch.setattr(training, "RIVALS", {one: absent, stack: broken})
    return made


def test_ways_that_cannot_be_tried_have_a_reason(calls, monkeypatch):
    (case,) = compare_ways(TINY, [LOOP, Execution("xla", 1), STACK], "float32")
    monkeypatch.setattr(training.memory, "free_bytes", lambda: 2e7)
    loop, xla, stack, one, both = case.prepare().ways.values()
    assert (loop.share, loop.compiles) == (5, True)
    assert xla == "left out: a minute a step"
    assert stack.startswith("left out: may need")
    assert one == NOT_INSTALLED
    assert both == "failed: no accelerator"
    (config, image_shape, execution, steps), *_ = calls
    assert (config.training.instances, config.model.width) == (4, 0.25)
    assert (image_shape, execution, steps) == ((8, 8, 1), LOOP, 5)


@pytest.fixture
def fake_costs(calls, monkeypatch):
    monkeypatch.setattr(training, "_too_large", lambda *arguments: "")
    monkeypatch.setattr("ensemble_rsa.bench.run.run_cases", fake_rows)


def fake_rows(cases, patience, progress):
    """The second way is the fastest: 2, 1, then 4 s, which is PyTorch's."""
    rows = []
    for case in cases:
        progress(case.name)
        for name, way in case.prepare().ways.items():
            n = len([row for row in rows if row.size == case.size and row.case == case.name])
            seconds = None if isinstance(way, str) else (2.0, 1.0, 4.0)[min(n, 2)]
            rows.append(BenchRow(case.name, case.size, name, seconds, extra_mib=10.0 + n))
    return rows


def test_the_fastest_way_is_followed_over_every_size_once(fake_costs, monkeypatch):
    monkeypatch.setattr(training, "SCALES", {"quick": TINY})
    told = []
    found = bench_training("quick", lambda *words: told.append(words[:2]))
    compared = [row for row in found.rows if row.case.startswith(WAYS)]
    assert {row.case for row in compared} == {
        f"{WAYS} all_cnn_c, float32", f"{WAYS} all_cnn_c, bfloat16",
    }  # fmt: skip
    second = way_name(training.candidates()[1])
    followed = [row for row in found.rows if row not in compared and row.seconds]
    assert {row.way for row in followed} == {second}
    sizes = [(row.size["instances"], row.size["width"]) for row in followed]
    assert sizes == [(1, 0.25), (4, 0.25), (4, 0.5)]
    assert told == [(done, 5) for done in range(6)]
    json.dumps(found.as_dict())
    assert "| 32 | 128 |" in markdown_tables(found)  # 4 × 32 images in 1 s


def test_the_check_needs_an_accelerator_unless_it_is_a_toy(fake_costs):
    with pytest.raises(RunError, match="no accelerator"):
        gpu_check.check_accelerator()
    found = gpu_check.check_accelerator(toy=True)
    # 2 instances, batches of 10
    assert gpu_check.rates(found) == {"float32": 20, "tensorfloat32": 20, "bfloat16": 20}
    assert gpu_check.memory_by_instances(found) == {1: 10.0, 2: 10.0}
    third = [row.way for row in found.rows if row.case.endswith("bfloat16")]
    assert len(third) == 2 + len(training.RIVALS)
