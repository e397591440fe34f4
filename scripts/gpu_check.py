"""Check an accelerator: tests, rates beside PyTorch, memory, hours of the paper; one JSON.

Run `scripts/gpu_check.sh`, or with `--toy` on any machine to see that it works.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console

from ensemble_rsa.bench import gpu_check, output, training_table
from ensemble_rsa.bench.table import WIDTH, machine_in_words
from ensemble_rsa.errors import InputError, RunError
from ensemble_rsa.files import write_json

ROOT = Path(__file__).resolve().parents[1]
TEST_SECONDS = 200


def main() -> int:
    """Check, print and store; the exit status is that of the tests."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--toy", action="store_true", help="a minute or two, on any device")
    parser.add_argument("--out", type=Path, help="the JSON file; a new one under runs/")
    parser.add_argument("--no-tests", action="store_true", help="only the measurements")
    options = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    began = time.monotonic()
    try:
        path = output.new_json_path("gpu-check", options.out)
        log = Console(stderr=True)
        show = lambda done, total, what: log.print(f"{done}/{total} {what}", soft_wrap=True)
        check = gpu_check.check_accelerator(options.toy, show)
    except (InputError, RunError) as error:
        print(f"gpu_check: {error}", file=sys.stderr)
        return 2
    tests = None if options.no_tests else run_tests(options.toy)
    seconds = round(time.monotonic() - began, 1)
    write_json(path, {**gpu_check.as_plain(check), "tests": tests, "seconds_in_all": seconds})
    console.print(training_table.terminal_table(check.rows))
    for line in gpu_check.in_words(check):
        print(line)
    print(machine_in_words(check.machine))
    if tests:
        print(f"tests: {tests['summary']}")
    print(path)
    return int(bool(tests and tests["status"]))


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
