"""Instances of a finished training that are the first ones of a larger ensemble.

They are stored like instances that have been trained to the last epoch, so that the training goes
on from them as it does after an interruption: with those that are not there yet.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import jax
import numpy as np
from jaxtyping import Float

from ensemble_rsa.errors import RunError
from ensemble_rsa.jax_settings import fixed_settings
from ensemble_rsa.models.checkpoints import save_parameters
from ensemble_rsa.models.network import Parameters
from ensemble_rsa.training.interrupts import TrainingInterrupted
from ensemble_rsa.training.loop import STATES, InstanceGroup, TrainingSetup, epoch_folder
from ensemble_rsa.training.recovery import TrainingPosition, save_state
from ensemble_rsa.training.step import StoredState


@dataclass(frozen=True)
class TakenInstances:
    """Networks and history of a finished training.

    Attributes:
        networks: epoch, or None for the end → stacked parameters of all its instances.
        epochs: whose networks were kept.
        history: `(epoch, value, instance)`: loss, training accuracy and test accuracy.
    """

    networks: Callable[[int | None], Parameters]
    epochs: Sequence[int]
    history: Float[np.ndarray, "epoch value instance"]

    @property
    def number(self) -> int:
        """How many instances there are."""
        return self.history.shape[2]


@fixed_settings()
def store_taken(
    setup: TrainingSetup, groups: Sequence[InstanceGroup], taken: TakenInstances
) -> None:
    """Store the instances of these groups as trained to the last epoch.

    Raises:
        RunError: they could not be written.
        TrainingInterrupted: on Ctrl-C; the same call begins again.
    """
    try:
        _store(setup, groups, taken)
    except KeyboardInterrupt:
        raise TrainingInterrupted("interrupted before the first epoch") from None


def _store(setup: TrainingSetup, groups: Sequence[InstanceGroup], taken: TakenInstances) -> None:
    for epoch in (*taken.epochs, None):
        networks = jax.device_get(taken.networks(epoch))
        for group in groups:
            assert group.folder is not None
            own = jax.tree.map(lambda leaf, group=group: leaf[list(group.instances)], networks)
            if epoch is not None:
                save_parameters(epoch_folder(group.folder, epoch), own)
                continue
            # the optimiser makes no step any more, so that its state before the first one serves
            state = StoredState(*jax.device_get(setup.programs(None).start(own)))
            rows = taken.history[:, :, list(group.instances)].tolist()
            at_end = TrainingPosition.at_start(len(rows) + 1, len(group.seeds), rows)
            save_state(group.folder / STATES, state, at_end, group.seeds)
            if not any((group.folder / STATES).glob("[0-9]*")):
                raise RunError(
                    f"out: the trained instances could not be copied to {group.folder}; continue "
                    "once there is room"
                )
