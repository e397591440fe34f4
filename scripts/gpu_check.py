"""Check an accelerator: tests, rates beside PyTorch, memory, hours of the paper; one JSON.

Run `scripts/gpu_check.sh`, or with `--toy` on any machine to see that it works.
"""

import argparse
import dataclasses
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import jax
from rich.console import Console
from rich.markdown import Markdown

from ensemble_rsa.bench.run import Bench, Progress
from ensemble_rsa.bench.table import markdown_tables
from ensemble_rsa.bench.training import GROWTH, bench_training
from ensemble_rsa.cli.bench import WIDTH, new_json_path
from ensemble_rsa.cli.progress import case_display
from ensemble_rsa.device import device_name
from ensemble_rsa.errors import InputError, RunError
from ensemble_rsa.files import write_json
from ensemble_rsa.reproduce.estimate import hours
from ensemble_rsa.reproduce.scales import make_scale

ROOT = Path(__file__).resolve().parents[1]
TEST_SECONDS = 200


def main() -> int:
    """Check, print and store; the exit status is that of the tests."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--toy", action="store_true", help="a minute or two, on any device")
    parser.add_argument("--out", type=Path, help="the JSON file; a new one under runs/")
    parser.add_argument("--no-tests", action="store_true", help="only the measurements")
    options = parser.parse_args()
    began = time.monotonic()
    try:
        path = new_json_path("gpu-check", options.out)
        with case_display(Console(stderr=True)) as progress:
            bench = measure(options.toy, progress)
    except (InputError, RunError) as error:
        print(f"gpu_check: {error}", file=sys.stderr)
        return 2
    tests = None if options.no_tests else run_tests(options.toy)
    needed = {name: paper_hours(rate) for name, rate in rates(bench).items()}
    seconds = round(time.monotonic() - began, 1)
    stored = dataclasses.asdict(bench) | {
        "hours": needed,
        "tests": tests,
        "seconds_in_all": seconds,
    }
    write_json(path, stored)
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    console.print(Markdown(markdown_tables(bench)))
    for line in (*memory_in_words(bench), *hours_in_words(needed)):
        print(line)
    if options.toy:
        print("toy size: these figures mean nothing")
    if tests:
        print(f"tests: {tests['summary']}")
    print(path)
    return int(bool(tests and tests["status"]))


def measure(toy: bool, progress: Progress) -> Bench:
    """Benchmark training on the accelerator that JAX uses; at toy size on any device.

    Raises:
        RunError: there is no accelerator, and this is not a toy.
    """
    if not toy and jax.default_backend() == "cpu":
        raise RunError(
            f"no accelerator: JAX computes on {device_name()}; install jax[cuda12], or test with "
            "--toy that the check itself runs"
        )
    return bench_training("toy" if toy else "gpu", progress)


def rates(bench: Bench) -> dict[str, float]:
    """Precision → training images per second of our fastest way, over all instances."""
    found: dict[str, float] = {}
    for row in bench.rows:
        if row.seconds and not row.case.startswith(GROWTH) and not row.way.startswith("PyTorch"):
            precision = row.case.rpartition(", ")[2]
            rate = row.size["instances"] * row.size["batch"] / row.seconds
            found[precision] = max(rate, found.get(precision, 0.0))
    return found


def memory_by_instances(bench: Bench) -> dict[int, float]:
    """Number of instances → MiB that a step adds at its peak, where that is known."""
    ours = [row for row in bench.rows if not row.way.startswith("PyTorch")]
    grown = [row for row in ours if row.case.startswith(GROWTH) and row.extra_mib is not None]
    return {int(row.size["instances"]): row.extra_mib or 0.0 for row in grown}


def paper_hours(rate: float) -> dict[str, float]:
    """Ensemble of the paper's scale → hours of training, from images per second of All-CNN-C."""
    ensembles = make_scale("paper").ensembles
    return hours(ensembles, ensembles["all_cnn_c"], rate)


def hours_in_words(needed: dict[str, dict[str, float]]) -> Iterator[str]:
    """The sum for each precision, and each ensemble's part."""
    for precision, parts in needed.items():
        yield f"the whole paper in {precision}: {sum(parts.values()):,.1f} hours, of which"
        yield "  " + ", ".join(f"{name} {value:,.1f}" for name, value in parts.items())


def memory_in_words(bench: Bench) -> Iterator[str]:
    """Memory by number of instances, and by how much it grows."""
    known = memory_by_instances(bench)
    if len(known) > 1:
        low, high = min(known), max(known)
        each = (known[high] - known[low]) / (high - low)
        parts = ", ".join(f"{n} instances {mib:,.0f} MiB" for n, mib in known.items())
        yield f"memory of a step: {parts}; {each:,.0f} MiB more for each instance"


def run_tests(toy: bool) -> dict[str, object]:
    """The tests marked `gpu`, in a process of their own."""
    words = ["-m", "pytest", "-q", "-m", "gpu", "tests/gpu", *(["--any-device"] if toy else [])]
    try:
        done = subprocess.run(
            [sys.executable, *words],
            cwd=ROOT,
            timeout=TEST_SECONDS,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
    except subprocess.TimeoutExpired:
        return {"status": 1, "summary": f"not done after {TEST_SECONDS} s", "output": ""}
    lines = done.stdout.strip().splitlines() or ["no output"]
    return {"status": done.returncode, "summary": lines[-1], "output": "\n".join(lines[-60:])}


if __name__ == "__main__":
    sys.exit(main())
