"""Collect evidence on an accelerator in steps, each a process of its own with a limit of time.

Run `scripts/gpu_evidence.sh`, or with `--toy` on any machine to see that it works.

Training is measured in a process for each case. A few of them compile at the same time, and once
the last has done so they are timed one after the other.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
MOST_SECONDS = 540.0  # of a step
GRACE_SECONDS = 20.0  # between being asked to stop and being stopped
LEAST_SECONDS = 30.0  # for which a step is worth starting
PAPER = "paper"  # the last step, which goes on until it is told to stop
TOGETHER = 3  # cases that compile at a time: XLA tries routines on the device while it compiles
Step = Callable[[Path, bool], dict[str, Any]]  # of the folder and whether it is a toy


def main() -> int:
    """Do the steps that have no result yet; the exit status is 1 if one failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/gpu-evidence"), help="the folder")
    parser.add_argument("--minutes", type=float, default=9.0, help="stop after these")
    parser.add_argument("--again", action="store_true", help="repeat steps that failed")
    parser.add_argument("--toy", action="store_true", help="small, on any device")
    parser.add_argument("--step", help="only this one, in this process, without a limit")
    parser.add_argument("--case", type=int, help="only this case of training, when told to go on")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    if options.case is not None:
        return measure_case(options.case, options.out, options.toy)
    if options.step:
        return do_step(options.step, options.out, options.toy)
    return do_all(options.out, 60 * options.minutes, options.toy, options.again)


def do_all(out: Path, seconds: float, toy: bool, again: bool) -> int:
    """Start a process for each step that is left, for as long as there is time."""
    ends = time.monotonic() + seconds
    command = [sys.executable, str(Path(__file__).resolve()), *(["--toy"] if toy else [])]
    for name in steps():
        done, failed = out / f"{name}.json", out / f"{name}.failed.txt"
        if again:
            failed.unlink(missing_ok=True)
        if done.exists() or failed.exists():
            continue
        left = ends - time.monotonic()
        if left < LEAST_SECONDS:
            print(f"{name}: not begun, time is up; the same command continues")
            return 0
        limit = min(MOST_SECONDS, left)
        print(f"{name}: at most {limit:.0f} s", flush=True)
        environment = {**os.environ, "SECONDS_OF_STEP": str(int(limit - 15))}
        words = [*command, "--step", name, "--out", str(out.resolve())]
        status, output = run_within(words, limit, environment)
        if status is None:
            if limit == MOST_SECONDS:  # else there was less time than a step may take
                failed.write_text(f"not done after {limit:.0f} s\n{_tail(output)}")
            print(f"{name}: stopped after {limit:.0f} s")
            continue
        if status:
            failed.write_text(_tail(output))
        last = (output.strip().splitlines() or ["no output"])[-1]
        print(f"{name}: {'failed: ' if status else ''}{last}", flush=True)
    failures = sorted(path.name.removesuffix(".failed.txt") for path in out.glob("*.failed.txt"))
    print(f"failed: {', '.join(failures)}" if failures else f"results in {out}")
    return int(bool(failures))


def run_within(
    words: Sequence[str], seconds: float, environment: Mapping[str, str]
) -> tuple[int | None, str]:
    """Exit status and output of a command; None if it was stopped, with all that it started.

    It is asked to stop some seconds before its time is over, so that training can store its state.
    """
    process = subprocess.Popen(
        words,
        cwd=ROOT,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    grace = min(GRACE_SECONDS, seconds / 4)
    for left, number in ((seconds - grace, signal.SIGTERM), (grace, signal.SIGKILL)):
        try:
            output, _ = process.communicate(timeout=left)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, number)
        else:
            return (process.returncode if number == signal.SIGTERM else None), output
    return None, process.communicate()[0]


def _tail(output: str) -> str:
    return "\n".join(output.splitlines()[-60:])


def do_step(name: str, out: Path, toy: bool) -> int:
    """Do one step and store what it returns; 1 if there is no accelerator, or it failed."""
    import jax

    from ensemble_rsa.device import device_name
    from ensemble_rsa.files import write_json

    if not toy and jax.default_backend() == "cpu":
        print(
            f"no accelerator: JAX computes on {device_name()}; install jax[cuda12], or try with "
            "--toy that the steps run"
        )
        return 1
    began = time.monotonic()
    result = steps()[name](out, toy)
    if result.pop("unfinished", False):
        print(result["summary"])
        return 0
    seconds = round(time.monotonic() - began, 1)
    write_json(out / f"{name}.json", {"device": device_name(), "seconds": seconds, **result})
    print(result["summary"])
    return result.get("status", 0)


def steps() -> dict[str, Step]:
    """All steps by name, in their order."""
    return {
        "device": device,
        "training": training,
        "precision": precision,
        "tests": tests,
        "hours": hours,
        PAPER: train_at_paper_scale,
    }


def scale(toy: bool) -> str:
    """The sizes of `bench train`."""
    return "toy" if toy else "gpu"


def n_cases(toy: bool) -> int:
    """How many cases of training are measured, each in a step."""
    from ensemble_rsa.bench.training import training_cases

    return len(training_cases(scale(toy)))


def device(out: Path, toy: bool) -> dict[str, Any]:
    """The machine, and what the driver says of the device."""
    from ensemble_rsa.bench.run import describe_machine

    try:
        driver = subprocess.run(["nvidia-smi"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        driver = f"{type(error).__name__}"
    machine = describe_machine()
    return {"machine": machine, "driver": driver, "summary": machine["device"]}


def tests(out: Path, toy: bool) -> dict[str, Any]:
    """The tests marked `gpu`, in a process of their own."""
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "gpu", "tests/gpu"]
    chosen = ["--any-device", "-k", "rdms_are_those"] if toy else ["-n", "4"]
    done = subprocess.run(
        [sys.executable, *words, *chosen],
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    lines = done.stdout.strip().splitlines() or ["no output"]
    return {"status": done.returncode, "output": lines[-60:], "summary": lines[-1]}


def precision(out: Path, toy: bool) -> dict[str, Any]:
    """Largest errors of RDMs, relative to the largest distance in float64 by NumPy, and seconds."""
    import jax
    import numpy as np

    from ensemble_rsa.bench.peers import numpy_rdm
    from ensemble_rsa.rdm.build import compute_rdm
    from ensemble_rsa.rdm.distances import PRECISIONS

    n_stimuli, n_units = (30, 200) if toy else (1000, 36_864)
    patterns = np.random.default_rng(0).standard_normal((n_stimuli, n_units), np.float32)
    rows = []
    for offset in (0.0, 10.0):
        shifted = (np.maximum(patterns, 0) + np.float32(offset)).astype(np.float32)
        placed = jax.device_put(shifted)
        for distance in ("correlation", "euclidean"):
            exact = np.asarray(numpy_rdm(shifted.astype(np.float64), distance))
            for name in PRECISIONS:
                compute_rdm(placed, distance, name)
                began = time.perf_counter()
                found = np.asarray(compute_rdm(placed, distance, name), np.float64)
                seconds = time.perf_counter() - began
                error = float(np.abs(found - exact).max() / exact.max())
                row = {"distance": distance, "offset": offset, "precision": name}
                rows.append({**row, "error": error, "seconds": seconds})
    worst = max(row["error"] for row in rows if row["precision"] == "float32")
    return {"rows": rows, "summary": f"float32 RDMs are within {worst:.1e} of float64"}


def training(out: Path, toy: bool) -> dict[str, Any]:
    """Measure the cases of training that have no result yet, for as long as there is time."""
    ends = time.monotonic() + float(os.environ.get("SECONDS_OF_STEP", MOST_SECONDS))
    files = {number: case_file(out, number) for number in range(n_cases(toy))}
    left = [number for number, file in files.items() if not file.exists()]
    longest = 0.0
    for first in range(0, len(left), TOGETHER):
        began = time.monotonic()
        if began + longest > ends:
            done = len(files) - len(left) + first
            return {"unfinished": True, "summary": f"{done} of {len(files)} cases are measured"}
        _measure_together(left[first : first + TOGETHER], out, toy)
        longest = max(longest, time.monotonic() - began)
    missing = [str(number) for number, file in files.items() if not file.exists()]
    if missing:
        return {"status": 1, "summary": f"failed: case {', '.join(missing)}"}
    return {"summary": f"{len(files)} cases are measured, each in a file of its own"}


def _measure_together(numbers: Sequence[int], out: Path, toy: bool) -> None:
    """Let some cases compile side by side, then time them in turn."""
    words = [sys.executable, str(Path(__file__).resolve()), *(["--toy"] if toy else [])]
    cases = [
        subprocess.Popen(
            [*words, "--out", str(out), "--case", str(number)],
            cwd=ROOT,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for number in numbers
    ]
    for process in cases:
        assert process.stdout is not None  # a pipe
        process.stdout.readline()  # compiled, or ended
    for number, process in zip(numbers, cases, strict=True):
        output, _ = process.communicate("go\n" if process.poll() is None else None)
        print(f"case {number}: {output.strip() or 'failed'}", flush=True)


def case_file(out: Path, number: int) -> Path:
    """The result of a case of training."""
    return out / f"training-{number:02d}.json"


def measure_case(number: int, out: Path, toy: bool) -> int:
    """Compile all ways of a case, wait for a line from the parent, time them beside PyTorch's."""
    import dataclasses
    import logging

    from ensemble_rsa.bench.run import measure_all
    from ensemble_rsa.bench.training import SCALES, training_cases
    from ensemble_rsa.device import device_name
    from ensemble_rsa.files import write_json

    logging.basicConfig(level=logging.WARNING)
    chosen, began = scale(toy), time.monotonic()
    case, compiling = training_cases(chosen)[number], []

    def compiled() -> None:
        compiling.append(round(time.monotonic() - began, 1))
        print("compiled", flush=True)
        sys.stdin.readline()

    patience = SCALES[chosen].patience
    bench = measure_all("train", chosen, [case], patience, lambda *state: None, compiled)
    parts = [f"{row.way} {images_per_second(row):,.0f}" for row in bench.rows if row.seconds]
    summary = f"{case.name}, images/s: " + "; ".join(parts)
    result = {"device": device_name(), "seconds to compile": compiling[0]}
    write_json(case_file(out, number), result | {"bench": dataclasses.asdict(bench)})
    print(summary)
    return 0


def images_per_second(row: Any) -> float:
    """Training images per second of a row, summed over instances."""
    return row.size["instances"] * row.size["batch"] / row.seconds


def hours(out: Path, toy: bool) -> dict[str, Any]:
    """Hours of the paper's trainings in each precision, at our fastest rate."""
    from ensemble_rsa.bench.training import GROWTH, WAYS
    from ensemble_rsa.files import read_json
    from ensemble_rsa.reproduce.estimate import hours as hours_of
    from ensemble_rsa.reproduce.scales import make_scale

    best: dict[str, float] = {}
    memory: dict[str, float] = {}
    for path in sorted(out.glob("training-*.json")):
        for row in read_json(path)["bench"]["rows"]:
            ours = not row["way"].startswith("PyTorch")
            if ours and row["case"].startswith(GROWTH) and row["extra_mib"] is not None:
                memory[str(row["size"]["instances"])] = row["extra_mib"]
            # the paper's network; the others of these cases are narrower
            elif ours and row["seconds"] and row["case"].startswith(f"{WAYS} all_cnn_c"):
                if not toy and row["size"]["width"] != 1:
                    continue
                name = row["case"].rpartition(", ")[2]
                rate = row["size"]["instances"] * row["size"]["batch"] / row["seconds"]
                best[name] = max(rate, best.get(name, 0.0))
    ensembles = make_scale("paper").ensembles
    needed = {
        name: hours_of(ensembles, ensembles["all_cnn_c"], rate) for name, rate in best.items()
    }
    totals = ", ".join(f"{name} {sum(parts.values()):,.1f}" for name, parts in needed.items())
    summary = f"hours of the whole paper: {totals or 'not measured'}"
    return {"rates": best, "hours": needed, "extra MiB by instances": memory, "summary": summary}


def train_at_paper_scale(out: Path, toy: bool) -> dict[str, Any]:
    """Reproduce Fig. 2 at the scale `paper`, in bfloat16; the next call goes on."""
    seconds = float(os.environ.get("SECONDS_OF_STEP", MOST_SECONDS))
    done = subprocess.run(
        [
            sys.executable, "-m", "ensemble_rsa", "reproduce", "fig2",
            "--scale", "smoke" if toy else "paper", "--out", str(out.resolve() / PAPER),
            "--precision", "bfloat16",
            "--minutes", f"{max(0.1, (seconds - 60) / 60):.2f}", "--quiet",
        ],
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )  # fmt: skip
    lines = done.stdout.strip().splitlines() or ["no output"]
    unfinished = "continue with the same command" in done.stdout
    return {
        "status": done.returncode,
        "output": lines[-60:],
        "summary": "the same command continues" if unfinished else lines[-1],
        "unfinished": unfinished,
    }


if __name__ == "__main__":
    sys.exit(main())
