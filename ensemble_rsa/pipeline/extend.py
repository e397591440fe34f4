"""Training of further instances of a finished run."""

import dataclasses
from pathlib import Path

from ensemble_rsa import files
from ensemble_rsa.cluster.opening import opened
from ensemble_rsa.cluster.workers import Workers
from ensemble_rsa.config.extension import extended
from ensemble_rsa.errors import InputError
from ensemble_rsa.pipeline.train import (
    checked_dataset,
    first_manifest,
    tell_of_other_device,
    train_in,
)
from ensemble_rsa.runs import run_folder
from ensemble_rsa.runs.run import Run, fingerprint, load_run, warn_of_changed_module
from ensemble_rsa.runs.taken import EXTENDS
from ensemble_rsa.training.progress import TrainingCallback


def extend_run(
    run: Run | str | Path,
    instances: int,
    out: str | Path | None = None,
    progress: TrainingCallback | None = None,
    cluster: str | Workers | None = None,
) -> Run:
    """Train further instances of a finished run, and store all of them in a new run folder.

    The first instances are those of the run, with their history and the networks of the epochs that
    were kept; only the others are trained. The result is the run that all instances together would
    have given, bit for bit on the same device. `train` with `resume` goes on if it is interrupted.

    Args:
        run: a finished run or its folder, which stays as it is.
        instances: how many there shall be in all.
        out: the new run folder; None for one under `runs/`.
        progress: called about once a second with a `TrainingStatus`.
        cluster: as for `train`.

    Returns:
        The new run, as `load_run` would open it.

    Raises:
        InputError: not a finished run that `train` wrote, other images, no more instances than
            there are, or settings of each instance (as of `sweep`) that do not tell those of
            further ones.
        RunError: as of `train`.
        KeyboardInterrupt: training was interrupted; a checkpoint is stored.
    """
    run = run if isinstance(run, Run) else load_run(run)
    config = extended(run.config, instances, run.seeds, [one.seed for one in run.replaced])
    dataset = checked_dataset(config)
    if fingerprint(dataset) != run.fingerprint:
        raise InputError(
            f"run: {dataset.name} has changed since {run.path} was trained, so that its instances "
            "would have learned two data sets; restore the images"
        )
    warn_of_changed_module(run.path, config)
    before = run_folder.read_manifest(run.path)
    origin = {
        "run": str(run.path.resolve()),
        "instances": len(run.seeds),
        "replaced": [dataclasses.asdict(one) for one in run.replaced],
    }
    known = {EXTENDS: origin, "execution": before["execution"]}
    out = None if out is None else files.as_path("out", out)
    with opened(cluster) as workers:
        tell_of_other_device(config, before, workers)
        folder = run_folder.create_run_folder(config, out)
        with run_folder.lock_run_folder(folder):
            manifest = first_manifest(config, folder, dataset, workers, known)
            return train_in(folder, config, dataset, manifest, progress, workers)
