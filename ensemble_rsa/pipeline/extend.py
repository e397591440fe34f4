"""Training of further instances of a finished run."""

import dataclasses
import logging
from pathlib import Path
from typing import Any

from ensemble_rsa import files
from ensemble_rsa.cluster.opening import gpus_shared, opened
from ensemble_rsa.cluster.workers import Workers
from ensemble_rsa.config.extension import extended
from ensemble_rsa.device import device_name
from ensemble_rsa.errors import InputError
from ensemble_rsa.pipeline.train import (
    checked_dataset,
    first_manifest,
    train_in,
    with_absolute_paths,
)
from ensemble_rsa.runs import run_folder
from ensemble_rsa.runs.run import Run, changed_module, fingerprint, load_run
from ensemble_rsa.training.progress import TrainingCallback

log = logging.getLogger(__name__)


def extend_run(
    run: Run | str | Path,
    instances: int,
    out: str | Path | None = None,
    progress: TrainingCallback | None = None,
    cluster: str | Workers | None = None,
) -> Run:
    """Train further instances of a finished run, and store all of them in a new run folder.

    The first instances are those of the run, with their history and the networks of the epochs that
    were kept; only the others are trained. These are the networks of one training of all instances:
    to rounding, and bit for bit if it is computed in the same way on the same device. Only where
    instances were replaced are the seeds of further ones others. `train` with `resume` goes on if
    it is interrupted.

    Args:
        run: a finished run or its folder, which stays as it is.
        instances: how many there shall be in all.
        out: the new run folder; None for one under `runs/`.
        progress: called about once a second with a `TrainingStatus`.
        cluster: as for `train`.

    Returns:
        The new run, as `load_run` would open it.

    Raises:
        InputError: not a finished run that `train` wrote, other images or another module, no more
            instances than there are, or settings of each instance (as of `sweep`) that do not tell
            those of further ones.
        RunError: as of `train`.
        KeyboardInterrupt: training was interrupted; a checkpoint is stored.
    """
    run = run if isinstance(run, Run) else load_run(run)
    config = extended(run.config, instances, run.seeds if run.replaced else None)
    config = with_absolute_paths(config)  # earlier versions stored `data_dir` as it was given
    if file := changed_module(run.path, config):
        raise InputError(
            f"run: {file} has changed since {run.path} was trained, so that its instances would be "
            "two kinds of networks; restore it"
        )
    out = None if out is None else files.as_path("out", out)
    with gpus_shared(cluster):
        dataset = checked_dataset(config)
    if fingerprint(dataset) != run.fingerprint:
        raise InputError(
            f"run: {dataset.name} has changed since {run.path} was trained, so that its instances "
            "would have learned two data sets; restore the images"
        )
    before = run_folder.read_manifest(run.path)
    origin = {
        "run": str(run.path.resolve()),
        "instances": len(run.seeds),
        "replaced": [dataclasses.asdict(one) for one in run.replaced],
        "manifest": before,
    }
    with opened(cluster) as workers:
        _tell_of_other_device(before, workers)
        folder = run_folder.create_run_folder(config, out)
        with run_folder.lock_run_folder(folder):
            manifest = first_manifest(
                config, folder, dataset, workers, {run_folder.EXTENDS: origin}
            )
            return train_in(folder, config, dataset, manifest, progress, workers)


def _tell_of_other_device(before: dict[str, Any], workers: Workers | None) -> None:
    """Warn if the first instances were trained on another kind of device, or by workers."""
    begun = before.get("workers", {}).get("device") or before.get("device")
    now = device_name() if workers is None else workers.device
    if begun != now:
        log.warning(
            "the instances that are there were trained on %s, and the others are trained on %s: "
            "they are those of one training to rounding only",
            begun,
            now,
        )
