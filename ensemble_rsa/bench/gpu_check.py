"""What an accelerator does with this package: rates by precision, memory by number of instances."""

import jax

from ensemble_rsa.bench.measure import Patience
from ensemble_rsa.bench.run import Bench, Progress, measure_all
from ensemble_rsa.bench.training import GROWTH, PRECISIONS, Scale, compare_ways, fastest, growth
from ensemble_rsa.device import device_name
from ensemble_rsa.errors import RunError
from ensemble_rsa.models.execution import candidates

_SIZE = {"instances": 10, "width": 1.0, "batch": 128, "side": 32}
FULL_SIZE = Scale((1, 2, 4), (), (), (10,), _SIZE, Patience(3, 5.0))
_TOY_SIZE = {"instances": 2, "width": 0.1, "batch": 10, "side": 8}
TOY = Scale((1, 2), (), (), (2,), _TOY_SIZE, Patience(2, 0.5), channels=1, steps=2)
FEW = 2  # ways tried in other precisions, the fastest in float32


def check_accelerator(
    toy: bool = False, progress: Progress = lambda done, total, what: None
) -> Bench:
    """Measure on the accelerator that JAX uses; at toy size wherever it computes.

    Memory comes first, at ascending numbers of instances, since an accelerator knows only its
    highest peak.

    Args:
        toy: a minute on a CPU, to see that everything runs.
        progress: called before each measurement.

    Raises:
        RunError: there is no accelerator, and this is not a toy.
    """
    if not toy and jax.default_backend() == "cpu":
        raise RunError(
            f"no accelerator: JAX computes on {device_name()}; install jax[cuda12], or test with "
            "--toy that the check itself runs"
        )
    scale = TOY if toy else FULL_SIZE
    float32, *others = PRECISIONS
    stages = [
        lambda rows: growth(scale, candidates()[0]),
        lambda rows: compare_ways(scale, candidates(), float32),
        lambda rows: [
            case
            for precision in others
            for case in compare_ways(scale, fastest(rows)[:FEW], precision)
        ],
    ]
    n_cases = len(scale.instances) + len(PRECISIONS)
    return measure_all("train", "toy" if toy else "gpu", stages, n_cases, scale.patience, progress)


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
