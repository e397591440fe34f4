"""What it takes to go on after a crash: the whole state on disk, the newest two of them.

A state holds parameters, optimiser and history, with a checksum of every array, so that damage is
seen before it is trained on.
"""

import dataclasses
import hashlib
import shutil
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np

from ensemble_rsa import files
from ensemble_rsa.errors import InputError, RunError
from ensemble_rsa.models.checkpoints import load_parameters, save_parameters

KEPT = 2
ARRAYS, PROGRESS = "arrays", "progress.json"


class CheckpointWarning(UserWarning):
    """A checkpoint could not be written or read; training goes on without it."""


@dataclass(frozen=True)
class TrainingPosition:
    """How far training is.

    Attributes:
        epoch: the one under way, from 1.
        step: steps done in it.
        loss, correct: sums over those steps, for each instance.
        rows: for each epoch before, (loss, training accuracy, test accuracy) of each instance.
    """

    epoch: int
    step: int
    loss: list[float]
    correct: list[float]
    rows: list[list[list[float]]]


def save_state(folder: Path, state: Any, position: TrainingPosition) -> None:
    """Write one state beside the others and remove all but the newest two.

    Args:
        folder: of the states.
        state: a tree of arrays on the host.
        position: where it belongs.

    Warns:
        CheckpointWarning: it could not be written, for lack of room, say.
    """
    name = f"{position.epoch:06d}-{position.step:08d}"
    if (folder / name).exists():
        return
    try:
        with files.atomic_folder(folder / name) as temporary:
            save_parameters(temporary / ARRAYS, state)
            record = dataclasses.asdict(position) | {"checksum": _checksum(state)}
            files.write_json(temporary / PROGRESS, record)
    except (OSError, ValueError) as error:
        warnings.warn(
            f"{folder / name}: the checkpoint could not be written ({_first_line(error)}); "
            "training goes on, but a crash now would lose the time since the last one",
            CheckpointWarning,
            stacklevel=2,
        )
        return
    for older in _states(folder)[KEPT:]:
        shutil.rmtree(older, ignore_errors=True)


def load_newest(folder: Path, like: Any) -> tuple[Any, TrainingPosition] | None:
    """The newest whole state; None when there is none at all.

    Args:
        folder: of the states.
        like: a tree of arrays, or of shapes, of the same structure.

    Raises:
        RunError: there are states, but all are damaged.

    Warns:
        CheckpointWarning: a newer one is damaged.
    """
    reasons = []
    for path in _states(folder):
        try:
            found = _read(path, like)
        except (RunError, InputError, KeyError, TypeError) as error:
            reasons.append(f"{path} is damaged ({_first_line(error)})")
            continue
        for reason in reasons:
            warnings.warn(
                f"{reason}; going on from {path.name}, the one before it",
                CheckpointWarning,
                stacklevel=2,
            )
        return found
    if reasons:
        raise RunError(f"{'; '.join(reasons)}; nothing is left to go on from, so train again")
    return None


def _read(path: Path, like: Any) -> tuple[Any, TrainingPosition]:
    record = files.read_json(path / PROGRESS)
    checksum = record.pop("checksum")
    state = load_parameters(path / ARRAYS, like)
    if _checksum(jax.device_get(state)) != checksum:
        raise RunError("its checksum does not fit")
    return state, TrainingPosition(**record)


def _states(folder: Path) -> list[Path]:
    """Folders of states, the newest first."""
    return sorted(folder.glob("[0-9]*-[0-9]*"), reverse=True)


def _checksum(state: Any) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for leaf in jax.tree.leaves(state):
        digest.update(np.ascontiguousarray(leaf).data)
    return digest.hexdigest()


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
