"""A finished run as the first instances of a larger one."""

from pathlib import Path

import numpy as np

from ensemble_rsa.models.network import Parameters
from ensemble_rsa.runs.run import kept_epochs, load_history, load_networks, load_run
from ensemble_rsa.training.taken import TakenInstances


def taken_instances(path: str | Path) -> TakenInstances:
    """The networks and the history of the run in a folder; networks are read when asked for.

    Raises:
        InputError: not the folder of a finished run.
    """
    run = load_run(path)
    stored = load_history(run)
    history = [stored[name].values for name in ("train_loss", "train_accuracy", "test_accuracy")]

    def networks(epoch: int | None) -> Parameters:
        return load_networks(run, "xla", epoch)[1]

    return TakenInstances(networks, kept_epochs(run), np.stack(history, axis=1))
