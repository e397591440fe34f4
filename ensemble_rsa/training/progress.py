"""Status of a training, passed to a callback about once a second."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from ensemble_rsa.training.recovery import TrainingPosition

SECONDS_PER_CALL = 1.0


@dataclass(frozen=True)
class TrainingStatus:
    """How far training has come, with the latest loss and accuracies."""

    step: int
    steps: int
    epoch: int
    epoch_ended: bool
    seeds: tuple[int, ...]
    train_loss: Float[np.ndarray, " instance"]
    train_accuracy: Float[np.ndarray, " instance"]
    test_accuracy: Float[np.ndarray, " instance"] | None


TrainingCallback = Callable[[TrainingStatus], None]


class Reporter:
    """Calls `progress`, and chooses how many steps each call of the training program makes.

    Training can be reported, stored and stopped only between calls. Calls of about a second have no
    measurable cost; the first makes a single step because it compiles.
    """

    def __init__(
        self,
        progress: TrainingCallback | None,
        steps: int,
        epochs: int,
        seeds: tuple[int, ...],
        position: TrainingPosition,
    ):
        self.steps_per_call = 1
        self._progress = progress or (lambda status: None)
        self._warm = False
        done = (position.epoch - 1) * steps + position.step
        unknown = np.full(len(seeds), np.nan)
        tested = [row[2] for row in position.rows if not np.isnan(row[2]).any()]
        newest = np.array(tested[-1]) if tested else None
        self._status = TrainingStatus(
            done, steps * epochs, position.epoch, False, seeds, unknown, unknown, newest
        )

    def stepped(
        self, count: int, seconds: float, position: TrainingPosition, batch_size: int
    ) -> None:
        """Report `count` steps that took `seconds`."""
        if self._warm:
            self.steps_per_call = max(1, int(SECONDS_PER_CALL * count / max(seconds, 1e-6)))
        self._warm = True
        seen = position.step * batch_size
        self._status = replace(
            self._status,
            step=self._status.step + count,
            epoch=position.epoch,
            epoch_ended=False,
            train_loss=np.array(position.loss) / seen,
            train_accuracy=np.array(position.correct) / seen,
        )
        self._progress(self._status)

    def epoch_ended(self, test_accuracy: np.ndarray | None) -> None:
        """Report the end of an epoch, with the test accuracy if it was tested."""
        newest = self._status.test_accuracy if test_accuracy is None else test_accuracy
        self._status = replace(self._status, epoch_ended=True, test_accuracy=newest)
        self._progress(self._status)
