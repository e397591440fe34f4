"""The tables of compiled programs in Markdown."""

from itertools import groupby

from ensemble_rsa.bench.compiled.cost import in_words
from ensemble_rsa.bench.compiled.run import LAUNCH, CompiledBench, CompiledRow, fastest_first
from ensemble_rsa.bench.compiled.targets import TARGETS
from ensemble_rsa.bench.run import size_in_words
from ensemble_rsa.bench.table import DASH, figure, table

_HEAD = (
    "", "ms at least", "compute", "kernels", "GFLOP", "GB moved", "of it filling", "arguments",
    "temporary GiB", "cuDNN", "cuBLAS", "grouped", "loops", "fusions", "products", "compile s",
)  # fmt: skip
_LEGEND = (
    "Nothing here was run. ms at least: for each kernel the longer of its arithmetic at the "
    "device's peak and its bytes at the bandwidth of its memory, summed over a step, and "
    f"{LAUNCH * 1e6:g} µs for starting each kernel; compute: the arithmetic alone; filling: bytes "
    "that fill the tiles of a TPU; arguments and temporary: GiB, without workspaces that cuDNN "
    "chooses on the device; cuDNN, cuBLAS, grouped (convolutions), loops (without that over "
    "steps), fusions and products: counts in the text of the program, with the type of the "
    "factors; a loop over instances runs its kernels once for each."
)


def compiled_tables(bench: CompiledBench) -> str:
    """A table for each program and size, fastest first by the least time."""
    parts: list[str] = []
    for (program, size), group in groupby(
        bench.rows, lambda row: (row.program, size_in_words(row.size))
    ):
        rows = fastest_first(list(group))
        parts.append(table(f"{program}: {size}", _HEAD, [_line(row) for row in rows]))
    parts.append(_LEGEND)
    machine, target = bench.machine, TARGETS[bench.target]
    peaks = ", ".join(f"{name} {peak / 1e12:,.0f}" for name, peak in target.peaks.items())
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    parts.append(
        f"{machine['date'][:10]}: compiled for {target.title} ({target.bandwidth / 1e12:.2f} TB/s, "
        f"TFLOP/s: {peaks}) on {machine['cpu']}, {machine['cores']} cores; {versions}"
    )
    return "\n\n".join(parts)


def _line(row: CompiledRow) -> list[str]:
    cost = row.cost
    if cost is None:
        return [f"{row.way} ({row.note})", *[DASH] * (len(_HEAD) - 1)]
    return [
        row.way,
        _scaled(row.seconds, 1e-3),
        _scaled(cost.compute_seconds, 1e-3),
        f"{cost.kernels:,}",
        _scaled(cost.flops, 1e9),
        _scaled(cost.n_bytes, 1e9),
        _scaled(cost.filling, 1e9),
        _scaled(row.argument_bytes, 2**30),
        _scaled(row.temporary_bytes, 2**30),
        in_words(cost.cudnn) or DASH,
        str(cost.cublas),
        str(cost.grouped),
        str(cost.loops),
        str(cost.fusions),
        in_words(cost.products) or DASH,
        figure(row.compile_seconds),
    ]


def _scaled(value: int | float | None, unit: int | float) -> str:
    return DASH if value is None else figure(value / unit)
