"""Which instances are trained together, and the folders in which groups store their states."""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

from ensemble_rsa import files
from ensemble_rsa.config.settings import TrainingConfig, seeds_of_instance, shared_seeds
from ensemble_rsa.errors import RunError
from ensemble_rsa.models.devices import INSTANCE
from ensemble_rsa.training.loop import TrainingSetup
from ensemble_rsa.training.memory import largest_group, program_bytes

GROUP_SIZE = "group_size.json"  # in the folder of the first group
ATTEMPT = "attempt.json"  # in the folder of a group, which of several processes trains it
KNOWN_BEFORE_TRAINING = (GROUP_SIZE, ATTEMPT)


@dataclass(frozen=True)
class GroupsAtStart:
    """How instances were grouped when their training began.

    Attributes:
        size: the most instances of a group.
        taken: how many of the first instances were trained before.
    """

    size: int
    taken: int = 0


def parts(
    training: TrainingConfig, instances: Sequence[int], size: int, n_taken: int
) -> Iterator[slice]:
    """Parts of at most `size` successive instances that share the seeds of order and dropout.

    Those that were trained before are in parts of their own.
    """

    def shared(place: int) -> tuple[Any, ...]:
        return place < n_taken, *shared_seeds(seeds_of_instance(training, instances[place]))

    for _, places in groupby(range(len(instances)), shared):
        run = list(places)
        for start in range(0, len(run), size):
            yield slice(run[start], run[start : start + size][-1] + 1)


def groups_at_start(folder: Path) -> GroupsAtStart | None:
    """How instances were grouped whose groups are in a folder; None if no training was begun."""
    record = group_folder(folder, 0) / GROUP_SIZE
    return GroupsAtStart(**files.read_json(record)) if record.is_file() else None


def group_size(setup: TrainingSetup, n_instances: int) -> int:
    """How many instances are trained together: as configured, or as many as memory holds."""
    if setup.config.execution.group is not None:
        return min(setup.config.execution.group, n_instances)
    mesh = setup.layout(n_instances).mesh
    n_devices = 1 if mesh is None else mesh.shape[INSTANCE]
    return largest_group(n_instances, n_devices, partial(program_bytes, setup))


def claim_group(folder: Path) -> str:
    """Write into a group's folder that this process trains it now, and return by which word.

    A worker that has lost its client and still trains the group finds another word, and stops.
    """
    attempt = uuid.uuid4().hex
    files.write_json(folder / ATTEMPT, {"attempt": attempt})
    return attempt


def group_folder(folder: Path, number: int) -> Path:
    """The folder in which a group stores its states and kept epochs."""
    return folder / f"part-{number:03d}"


def clear_group(folder: Path) -> None:
    """Remove the states of a group and its kept epochs, so that it begins anew.

    Raises:
        RunError: something could not be removed, which would be taken for that of other networks.
    """
    for path in folder.glob("*"):
        if path.name != GROUP_SIZE:
            files.remove(path)
    if left := [path for path in folder.glob("*") if path.name != GROUP_SIZE]:
        raise RunError(
            f"out: {left[0]} cannot be removed; let no other process use it, and continue"
        )


def remove_groups(folder: Path) -> None:
    """Remove the folders of all groups, such as an interrupted copy has left for other groups."""
    for group in folder.glob("part-*"):
        files.remove(group)
