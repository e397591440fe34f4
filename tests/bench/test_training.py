"""`bench train`: what rows are made from, what the tables say, and the hours of the paper."""

import io
import json

import pytest
from rich.console import Console

from ensemble_rsa.bench import gpu_check, pytorch, rates, steps, training
from ensemble_rsa.bench.measure import Turn
from ensemble_rsa.bench.paper import CIFAR10, IMAGENET, paper_hours, products, total_hours
from ensemble_rsa.bench.rates import RIVALS, Rate, Turns, measure_rates
from ensemble_rsa.bench.run import NOT_INSTALLED
from ensemble_rsa.bench.steps import Setup, ready_to_train, way_name
from ensemble_rsa.bench.training import Scale, bench_training
from ensemble_rsa.bench.training_table import markdown_table, terminal_table
from ensemble_rsa.errors import InputError, RunError
from ensemble_rsa.models.execution import Execution

SETUP = Setup(4, 0.25, (8, 8, 1), 32, steps=5)
LOOP, STACK = Execution("plain_gradients", 1), Execution("patches", None)
SECONDS = {"first": 3.0, "later": [0.5, 0.7, 0.6]}


@pytest.fixture
def clock(monkeypatch):
    """Calls are not made; each takes what its name says."""
    made = {}

    def turn(call, memory=True):
        taken = made.setdefault(call, [])
        taken.append(SECONDS["first"] if not taken else SECONDS["later"][len(taken) - 1])
        return None, Turn(taken[-1], 7.0 if memory else None)

    def broken(setup):
        raise RuntimeError("out of memory\nand a trace")

    def missing(setup):
        raise ImportError("torch")

    monkeypatch.setattr(rates, "take_turn", turn)
    new = lambda *arguments: lambda: None
    monkeypatch.setattr(rates, "ready_to_train", new)
    fakes = {pytorch.ONE_BY_ONE: new, pytorch.STACKED: broken, "none": missing}
    monkeypatch.setattr(rates, "RIVALS", fakes)
    return made


def test_rates_count_every_instance_and_of_pytorch_one(clock):
    tried = [LOOP, Execution("xla", 1)]
    rows = measure_rates("part", SETUP, tried, list(rates.RIVALS), Turns(3, 60.0))
    ours, left_out, one, broken, missing = rows
    # 0.6 s is the median; 4 instances made 5 steps of 32 images in it
    assert ours.summed == pytest.approx(4 * 5 * 32 / 0.6)
    assert ours.each == pytest.approx(5 * 32 / 0.6)
    assert ours.milliseconds == pytest.approx(1e3 * 0.6 / 5 / 4)
    assert ours.compile_seconds == pytest.approx(2.4)
    assert ours.extra_mib == 7.0
    assert (one.summed, one.ratio) == (pytest.approx(5 * 32 / 0.6), 1.0)
    assert ours.ratio == pytest.approx(4)
    assert one.each == pytest.approx(one.summed / 4)
    assert one.compile_seconds is None
    assert left_out.note.startswith("left out")
    assert broken.note == "failed: RuntimeError: out of memory"
    assert missing.note == NOT_INSTALLED
    assert {row.summed for row in (left_out, broken, missing)} == {None}


def test_patience_ends_the_turns(clock):
    measure_rates("part", SETUP, [LOOP], [], Turns(3, 1.0))
    assert [len(taken) for taken in clock.values()] == [3]  # the first, 0.5 and 0.7 s


def test_a_way_larger_than_memory_is_left_out(monkeypatch, clock):
    monkeypatch.setattr(steps.memory, "free_bytes", lambda: 2e6)
    loop, stack = measure_rates("part", SETUP, [LOOP, STACK], [], Turns(1, 1.0))
    assert "GB of memory" in stack.note
    assert clock == {}
    monkeypatch.setattr(steps.memory, "free_bytes", lambda: 1e9)
    assert not measure_rates("part", SETUP, [STACK], [], Turns(1, 1.0))[0].note
    assert loop.way == "plain_gradients, loop"


def test_a_call_trains_further(tiny_model, quick_execution):
    setup = Setup(2, 0.2, (8, 8, 3), 10, steps=3, model=tiny_model)
    call = ready_to_train(setup, quick_execution)
    losses = [float(call().loss.sum()) for _ in range(3)]
    assert losses[0] > losses[1] > losses[2]


def fake_rates(part, setup, executions, rivals, turns):
    """The second way is the fastest; tasks grow with their sizes."""
    rows = [
        Rate(part, setup, way_name(way), 100.0 * (i + 1), 25.0 * (i + 1), 1.0, 2.0, 3.0)
        for i, way in enumerate(executions[:2])
    ]
    return rates.with_ratios([*rows, *(Rate(part, setup, name, 50.0, 12.5) for name in rivals)])


TINY = Scale(SETUP, (4,), (1, 4), (0.25, 0.5), (32,), Turns(1, 1.0))


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.setattr(training, "SCALES", {"quick": TINY})
    monkeypatch.setattr(training, "measure_rates", fake_rates)
    told = []
    return bench_training("quick", lambda *words: told.append(words)), told


def test_the_fastest_way_is_followed_and_nothing_is_measured_twice(bench):
    found, told = bench
    parts = {row.part for row in found.rows}
    axes = ("instances", "width", "batch")
    assert parts == {training.WAYS, *(f"{training.GROWTH} {axis}" for axis in axes)}
    compared = [row for row in found.rows if row.part == training.WAYS]
    best = max((row for row in compared if row.way not in RIVALS), key=lambda row: row.summed)
    followed = {row.way for row in found.rows if row.part != training.WAYS} - set(RIVALS)
    assert followed == {best.way}
    same = [row for row in found.rows if row.setup == best.setup and row.way == best.way]
    assert len(same) == 4
    assert {row.summed for row in same} == {best.summed}  # measured anew it would be the first
    assert told[-1] == (7, 7, "done")
    assert [done for done, *_ in told] == list(range(8))


def test_tables_and_json_hold_every_row(bench):
    found, _ = bench
    stored = json.loads(json.dumps(training.as_plain(found)))
    assert (stored["bench"], len(stored["rows"])) == ("train", len(found.rows))
    assert stored["machine"]["versions"]["jax"]
    out = io.StringIO()
    Console(file=out, width=100).print(terminal_table(found.rows))
    for text in (out.getvalue(), markdown_table(found.rows)):
        assert "float32" in text
        assert "bfloat16" in text
        assert pytorch.ONE_BY_ONE in text
        assert "width 0.5" in text
        assert "4.00" in text  # 200 over PyTorch's 50
    assert max(map(len, out.getvalue().splitlines())) <= 100


def test_unknown_scale():
    with pytest.raises(InputError, match="quick"):
        bench_training("fast")


def test_products_and_hours_of_the_paper():
    # side², window², channels before and after, by hand
    by_hand = 1024 * 9 * 3 * 96 + 1024 * 9 * 96 * 96 + 256 * 9 * 96 * 96 + 256 * 9 * 96 * 192
    by_hand += 256 * 9 * 192 * 192 + 64 * 9 * 192 * 192 + 36 * 9 * 192 * 192
    by_hand += 36 * 192 * 192 + 36 * 192 * 10
    assert products(CIFAR10) == by_hand
    by_hand = 54**2 * 11**2 * 3 * 64 + 26**2 * 5**2 * 64 * 192 + 12**2 * 3**2 * 192 * 384
    by_hand += 12**2 * 3**2 * 384 * 384 + 12**2 * 3**2 * 384 * 256
    by_hand += 5**2 * 256 * 4096 + 4096 * 4096 + 4096 * 1000
    assert products(IMAGENET) == by_hand
    rows = paper_hours({"all_cnn_c": 1000.0, "all_cnn_7": 2000.0})
    assert [row.number for row in rows] == [10, 10, 90, 20, 20, 10]
    assert rows[1].hours == pytest.approx(10 * 350 * 50_000 / 2000 / 3600)
    rate = 1000 * products(CIFAR10) / by_hand
    assert rows[-1].hours == pytest.approx(10 * 90 * 1_281_167 / rate / 3600)
    assert [row.estimated for row in rows] == [False] * 5 + [True]
    assert total_hours(rows) == pytest.approx(sum(row.hours for row in rows))
    assert total_hours(paper_hours({"all_cnn_c": 1000.0})) is None
    measured = paper_hours({"all_cnn_c": 1000.0, "alexnet": 500.0})[-1]
    assert (measured.hours, measured.estimated) == (
        pytest.approx(10 * 90 * 1_281_167 / 500 / 3600),
        False,
    )


def test_check_without_an_accelerator():
    with pytest.raises(RunError, match="no accelerator"):
        gpu_check.check_accelerator()


def test_check_at_toy_size(monkeypatch):
    monkeypatch.setattr(gpu_check, "measure_rates", fake_rates)
    monkeypatch.setattr(
        gpu_check, "TOY", gpu_check.Plan(SETUP, (1, 2), (None, 1), Turns(1, 1.0), 60.0)
    )
    check = gpu_check.check_accelerator(toy=True)
    plain = json.loads(json.dumps(gpu_check.as_plain(check)))
    assert set(plain["total_hours"]) == set(gpu_check.PRECISIONS)
    # 200 images a second in float32; in the others, where one way is tried, 100
    assert check.hours["float32"][0].hours == pytest.approx(10 * 350 * 50_000 / 200 / 3600)
    assert check.hours["bfloat16"][0].hours == pytest.approx(10 * 350 * 50_000 / 100 / 3600)
    assert check.hours["bfloat16"][1].hours == pytest.approx(10 * 350 * 50_000 / 50 / 3600)
    assert check.memory.at == {1: 3.0, 2: 3.0}
    assert check.memory.mib_per_instance == 0
    words = "\n".join(gpu_check.in_words(check))
    assert "90 All-CNN-C with nine rates of dropout" in words
    assert "10 AlexNet" in words
    assert "estimated by multiplications" in words
    assert "mean nothing" in words


def test_check_begins_nothing_once_time_is_over(monkeypatch):
    monkeypatch.setattr(gpu_check, "measure_rates", fake_rates)
    monkeypatch.setattr(
        gpu_check, "TOY", gpu_check.Plan(SETUP, (1, 2), (None, 1), Turns(1, 1.0), -1.0)
    )
    check = gpu_check.check_accelerator(toy=True)
    assert check.rows == []
    assert len(check.left_out) == 6
    assert "unknown" in "\n".join(gpu_check.in_words(check))


@pytest.mark.slow
def test_check_at_toy_size_for_real():
    check = gpu_check.check_accelerator(toy=True)
    ours = [row for row in check.rows if row.way not in RIVALS]
    assert all(row.summed for row in ours)
    assert total_hours(check.hours["float32"]) is not None
