"""The benchmark of training: ways to compute it, precision, growth with size, beside PyTorch."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import jax

from ensemble_rsa.bench import pytorch
from ensemble_rsa.bench.machine import describe_machine, load
from ensemble_rsa.bench.rates import RIVALS, Rate, Turns, measure_rates, with_ratios
from ensemble_rsa.bench.run import NOT_INSTALLED, Progress
from ensemble_rsa.bench.steps import Setup, way_name, ways
from ensemble_rsa.errors import unknown_name
from ensemble_rsa.models.execution import Execution, candidates

VERSIONED = ("ensemble_rsa", "jax", "jaxlib", "flax", "optax", pytorch.PACKAGE)
WAYS = "ways to compute"
GROWTH = "growth with"
STEPS_ON_ACCELERATOR = 10  # in a call, so that starting it does not count


@dataclass(frozen=True)
class Scale:
    """How much is measured.

    Attributes:
        setup: the sizes that the others are varied from.
        at: numbers of instances at which all ways are compared.
        instances: numbers of instances over which the fastest way is followed.
        widths: the same for the width.
        batches: the same for the batch.
        turns: how often each call is timed.
    """

    setup: Setup
    at: tuple[int, ...]
    instances: tuple[int, ...]
    widths: tuple[float, ...]
    batches: tuple[int, ...]
    turns: Turns


_DIGITS = Setup(4, 0.25, (8, 8, 1), 32, steps=5)
_CIFAR10 = Setup(4, 1.0, (32, 32, 3), 128)
SCALES: Mapping[str, Scale] = MappingProxyType(
    {
        "quick": Scale(_DIGITS, (4,), (1, 4, 8), (0.125, 0.25), (32, 64), Turns(5, 1.5)),
        "default": Scale(
            _CIFAR10, (4,), (1, 4, 10, 32), (0.25, 0.5, 1.0), (32, 64, 128), Turns(3, 12.0)
        ),
        "full": Scale(
            _CIFAR10,
            (1, 4, 10),
            (1, 2, 4, 8, 16, 32),
            (0.25, 0.5, 1.0, 2.0),
            (32, 64, 128, 256),
            Turns(5, 60.0),
        ),
    }
)


@dataclass(frozen=True)
class TrainingBench:
    """Every figure of a run, and where it comes from.

    Attributes:
        scale: a name of `SCALES`.
        machine: plain values of `describe_machine`, with the load at the end as well.
        rows: of each part, our ways first.
    """

    scale: str
    machine: Mapping[str, Any]
    rows: list[Rate]


def bench_training(scale: str = "default", progress: Progress | None = None) -> TrainingBench:
    """Measure training in all ways, then how the fastest one grows with instances, width and batch.

    Args:
        scale: `quick` (some two minutes on two cores: digits, a quarter of the channels), `default`
            (ten minutes or so: the paper's sizes) or `full`.
        progress: is told about each measurement.

    Raises:
        InputError: an unknown scale.
    """
    if scale not in SCALES:
        raise unknown_name("scale", scale, SCALES)
    chosen = SCALES[scale]
    machine = describe_machine(VERSIONED)
    first, later = _comparisons(chosen), _growth(chosen)
    total, rows = len(first) + len(later), []
    tell = progress or (lambda done, total, what: None)
    for setup, executions in first:
        tell(len(rows_by_setup(rows)), total, setup_in_words(setup))
        rows += measure_rates(WAYS, setup, executions, tuple(RIVALS), chosen.turns)
    for done, (axis, setup) in enumerate(later, len(first)):
        tell(done, total, f"{GROWTH} {axis}: {setup_in_words(setup)}")
        rows += _followed(rows, f"{GROWTH} {axis}", setup, fastest(rows), chosen.turns)
    tell(total, total, "done")
    return TrainingBench(scale, {**machine, "load_at_the_end": load()}, rows)


def precisions() -> tuple[str, ...]:
    """Those that differ on the device that JAX uses."""
    if jax.default_backend() == "cpu":
        return ("float32", "bfloat16")
    return ("float32", "tensorfloat32", "bfloat16")


def fastest(rows: Sequence[Rate]) -> Execution:
    """Our way with the most images per second, of the first setup in these rows."""
    known = {way_name(way): way for way in ways()}
    rates = {
        row.way: row.summed
        for row in rows
        if row.setup == rows[0].setup and row.way in known and row.summed
    }
    return known[max(rates, key=rates.__getitem__)] if rates else candidates()[0]


def rows_by_setup(rows: Sequence[Rate]) -> dict[tuple[str, Setup], list[Rate]]:
    """Rows of the same part and setup."""
    groups: dict[tuple[str, Setup], list[Rate]] = {}
    for row in rows:
        groups.setdefault((row.part, row.setup), []).append(row)
    return groups


def setup_in_words(setup: Setup) -> str:
    """Sizes in a line.

    >>> setup_in_words(Setup(4, 0.25, (8, 8, 1), 32))
    '4 × all_cnn_c of width 0.25, 8 × 8, batch 32, float32'
    """
    height, wide, _ = setup.image
    return (
        f"{setup.instances} × {setup.model} of width {setup.width:g}, {height} × {wide}, "
        f"batch {setup.batch}, {setup.precision}"
    )


def as_plain(bench: TrainingBench) -> dict[str, Any]:
    """The same as dictionaries and lists, for JSON."""
    return {"bench": "train", **dataclasses.asdict(bench)}


def missing_tools(bench: TrainingBench) -> list[str]:
    """What to give to `pip install` for the tools that were not there."""
    return [pytorch.PACKAGE] if any(row.note == NOT_INSTALLED for row in bench.rows) else []


def on_this_device(setup: Setup) -> Setup:
    """The same with as many steps in a call as this device makes."""
    steps = setup.steps if jax.default_backend() == "cpu" else STEPS_ON_ACCELERATOR
    return replace(setup, steps=steps)


def _comparisons(scale: Scale) -> list[tuple[Setup, Sequence[Execution]]]:
    """All ways in float32; in other precisions those that are worth trying."""
    return [
        (
            replace(on_this_device(scale.setup), instances=n, precision=precision),
            ways() if precision == "float32" else candidates(),
        )
        for n in scale.at
        for precision in precisions()
    ]


def _growth(scale: Scale) -> list[tuple[str, Setup]]:
    axes = {"instances": scale.instances, "width": scale.widths, "batch": scale.batches}
    setup = on_this_device(scale.setup)
    return [(axis, replace(setup, **{axis: n})) for axis, values in axes.items() for n in values]


def _followed(
    rows: Sequence[Rate], part: str, setup: Setup, way: Execution, turns: Turns
) -> Iterator[Rate]:
    """One way and PyTorch, measured unless they have been at this very setup."""
    wanted = [way_name(way), pytorch.ONE_BY_ONE]
    known = {row.way: row for row in rows if row.setup == setup and row.way in wanted}
    if len(known) < len(wanted):
        yield from measure_rates(part, setup, [way], [pytorch.ONE_BY_ONE], turns)
    else:
        yield from with_ratios([replace(known[name], part=part) for name in wanted])
