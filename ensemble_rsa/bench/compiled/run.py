"""What XLA makes of each hot program for an accelerator that is not there."""

import dataclasses
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ensemble_rsa.bench.case import Size
from ensemble_rsa.bench.compiled.cost import Cost, program_cost
from ensemble_rsa.bench.compiled.hlo import read_program
from ensemble_rsa.bench.compiled.programs import (
    WAYS,
    HotProgram,
    network_programs,
    on_device,
    rdm_programs,
    training_programs,
)
from ensemble_rsa.bench.compiled.targets import Target, open_target
from ensemble_rsa.bench.measure import one_line
from ensemble_rsa.bench.run import Progress, describe_machine, size_in_words

_WIDE = {"instances": 10, "width": 1.0, "batch": 128, "side": 32}
_NARROW = {"instances": 10, "width": 0.25, "batch": 32, "side": 32}
_TINY = {"instances": 2, "width": 0.05, "batch": 4, "side": 8}
LAUNCH = 2e-6  # seconds that starting a kernel takes, in which it does nothing (an assumption)


@dataclass(frozen=True)
class CompiledRow:
    """One compiled program; what the compiler does not give is None, `note` says why there is none.

    Attributes:
        program: what it computes.
        size: at which size.
        way: how.
        compile_seconds: on this machine, after tracing.
        argument_bytes, output_bytes, temporary_bytes: of the compiler. Workspaces of cuDNN are
            chosen on the device, and are not among them.
        cost: what was counted in its text.
        compiler_cost: what the compiler itself estimates.
        seconds: the least time of a step, with `LAUNCH` for each kernel.
        note: why it was not compiled.
    """

    program: str
    size: Size
    way: str
    compile_seconds: float | None = None
    argument_bytes: int | None = None
    output_bytes: int | None = None
    temporary_bytes: int | None = None
    cost: Cost | None = None
    compiler_cost: Mapping[str, float] | None = None
    seconds: float | None = None
    note: str = ""


@dataclass(frozen=True)
class CompiledBench:
    """All rows, the target, and the machine that compiled them."""

    bench: str
    scale: str
    target: str
    machine: Mapping[str, Any]
    rows: list[CompiledRow]


def bench_compile(
    target: str, scale: str = "default", progress: Progress = lambda *state: None
) -> CompiledBench:
    """Compile every hot program for a target; `scale` is `toy`, `quick`, `default` or `full`.

    Raises:
        InputError: an unknown target, or one whose compiler is not installed.
    """
    found, device = open_target(target)
    machine = describe_machine()
    programs = list(hot_programs(scale))
    rows = []
    for done, program in enumerate(programs):
        words = f"{program.name}, {size_in_words(program.size)}, {program.way}"
        progress(done, len(programs), words)
        rows.append(compile_program(program, found, device))
    progress(len(programs), len(programs), "done")
    return CompiledBench("compile", scale, found.name, machine, rows)


def hot_programs(scale: str) -> Iterator[HotProgram]:
    """The programs of a scale."""
    if scale == "toy":
        yield from training_programs("all_cnn_c", _TINY, ways=(WAYS[0], WAYS[2]))
        yield from rdm_programs(40, 64)
        return
    yield from training_programs("all_cnn_c", _NARROW)
    if scale == "quick":
        yield from network_programs(_NARROW, 200)
        yield from rdm_programs(200, 1024)
        return
    yield from training_programs("all_cnn_c", _WIDE)
    for precision in ("tensorfloat32", "bfloat16"):
        yield from training_programs("all_cnn_c", _WIDE, precision, WAYS[:3])
    yield from training_programs("resnet18", _WIDE, "float32", WAYS[:3])
    yield from network_programs(_WIDE, 1000)
    yield from rdm_programs(1000, 1024)
    if scale == "full":
        fewer = tuple(dataclasses.replace(WAYS[0], vmap_batch_size=size) for size in (5, 2))
        yield from training_programs("all_cnn_c", _WIDE, "float32", fewer)
        yield from training_programs("resnet20", _WIDE, "float32", WAYS[:3])


def compile_program(program: HotProgram, target: Target, device: Any) -> CompiledRow:
    """Compile one program, and read what came of it."""
    row = CompiledRow(program.name, program.size, program.way)
    try:
        lowered = program.lower(on_device(device))
        began = time.perf_counter()
        compiled = lowered.compile()
        seconds = time.perf_counter() - began
    except Exception as error:  # noqa: BLE001 - a compiler's bug must not end a long run
        return dataclasses.replace(row, note=one_line(error))
    memory = compiled.memory_analysis()
    assert memory is not None  # all backends of this package have it
    cost = program_cost(read_program(compiled.as_text() or ""), target)
    estimate = compiled.cost_analysis()
    chosen = ("flops", "bytes accessed", "optimal_seconds")
    return dataclasses.replace(
        row,
        compile_seconds=seconds,
        argument_bytes=memory.argument_size_in_bytes,
        output_bytes=memory.output_size_in_bytes,
        temporary_bytes=memory.temp_size_in_bytes,
        cost=cost,
        compiler_cost={name: estimate[name] for name in chosen if name in estimate}
        if estimate
        else None,
        seconds=cost.seconds + LAUNCH * cost.kernels,
    )


def fastest_first(rows: Sequence[CompiledRow]) -> list[CompiledRow]:
    """Rows in the order of their least time; those without one last."""
    return sorted(rows, key=lambda row: (row.seconds is None, row.seconds))
