"""A whole ensemble: trained in parts where it must be, with a verdict on every instance.

The first parts hold the instances asked for; where instances that did not converge are replaced,
each further part holds those that stand in.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import jax
import numpy as np
from jaxtyping import Float

from ensemble_rsa import files
from ensemble_rsa.config.settings import Config, saved_epochs, weight_seeds
from ensemble_rsa.data.dataset import Dataset
from ensemble_rsa.errors import InputError
from ensemble_rsa.models.devices import INSTANCE, layout
from ensemble_rsa.models.ensemble import Network, Parameters
from ensemble_rsa.models.execution import Execution
from ensemble_rsa.training import processes
from ensemble_rsa.training.convergence import UnconvergedInstance, unconverged_instances
from ensemble_rsa.training.loop import (
    InstanceGroup,
    TrainedGroup,
    TrainingSetup,
    make_setup,
    place_images,
    train_group,
)
from ensemble_rsa.training.memory import largest_group, parameter_bytes
from ensemble_rsa.training.progress import TrainingCallback
from ensemble_rsa.training.recovery import KEPT

log = logging.getLogger(__name__)
DRAWS_PER_INSTANCE = 3  # replacing stops after this many seeds per instance asked for


@dataclass(frozen=True)
class History:
    """Loss and accuracy over each epoch's steps, and test accuracy (NaN where not tested)."""

    train_loss: Float[np.ndarray, "epoch instance"]
    train_accuracy: Float[np.ndarray, "epoch instance"]
    test_accuracy: Float[np.ndarray, "epoch instance"]


@dataclass(frozen=True)
class TrainedEnsemble:
    """Networks and how they came to be.

    Attributes:
        network: the static half.
        parameters: stacked on the instance axis, on the host.
        seeds: weight seed of each instance.
        history: what happened in each epoch.
        train_accuracy, test_accuracy: `(instance,)` of the final networks on all images.
        flagged: instances kept although they did not converge.
        replaced: instances that others stand in for.
        members: the part each instance was trained in, and its place there.
        group_sizes: how many instances each part had.
    """

    network: Network
    parameters: Parameters
    seeds: tuple[int, ...]
    history: History
    train_accuracy: Float[np.ndarray, " instance"]
    test_accuracy: Float[np.ndarray, " instance"]
    flagged: tuple[UnconvergedInstance, ...]
    replaced: tuple[UnconvergedInstance, ...]
    members: tuple[tuple[int, int], ...]
    group_sizes: tuple[int, ...]


def check_batch_size(config: Config, dataset: Dataset) -> None:
    """Raise if no step can be made.

    Raises:
        InputError: the batch is larger than the training set.
    """
    n_images = len(dataset.train_labels)
    if config.training.batch_size > n_images:
        raise InputError(
            f"batch_size: {config.training.batch_size} is more than {n_images} training images; "
            "give a smaller batch or more images"
        )


def train_ensemble(
    config: Config,
    dataset: Dataset,
    execution: Execution,
    progress: TrainingCallback | None = None,
    folder: Path | None = None,
) -> TrainedEnsemble:
    """Train all instances of `config` on `dataset`.

    Args:
        config: data, network and recipe.
        dataset: images and labels.
        execution: how convolutions are computed and instances mapped on this device.
        progress: called about once a second with the status.
        folder: where states are stored, and training goes on from if there are any.

    Raises:
        InputError: the batch is larger than the training set.
        TrainingInterrupted: on Ctrl-C or SIGTERM, once the state is stored.
    """
    check_batch_size(config, dataset)
    job = make_setup(config, dataset, execution, place_images(config, dataset))
    if folder:
        files.check_room(folder.parent, bytes_stored(job))
    seeds = weight_seeds(config.training)
    parts = _train_groups(job, range(len(seeds)), seeds, 0, folder, progress)
    members = [(part, i) for part, one in enumerate(parts) for i in range(len(one.part.seeds))]
    replaced: list[UnconvergedInstance] = []
    flagged = _verdicts(job, parts, members)
    fresh, drawn, most = max(seeds) + 1, len(seeds), DRAWS_PER_INSTANCE * len(seeds)
    while config.training.unconverged == "replace" and flagged and drawn < most:
        gone = flagged[: most - drawn]
        places = [verdict.instance for verdict in gone]
        new = range(fresh, fresh + len(gone))
        for one in _train_groups(job, places, new, len(parts), folder, progress):
            for index, place in enumerate(one.part.places):
                members[place] = (len(parts), index)
            parts.append(one)
        fresh, drawn = fresh + len(gone), drawn + len(gone)
        replaced += gone
        flagged = _verdicts(job, parts, members)
    return _assembled(job, parts, members, flagged, replaced)


def bytes_stored(job: TrainingSetup) -> int:
    """The most that training stores: states (two, and one on its way), kept epochs, the end."""
    kept = len(saved_epochs(job.config.training)) + 1
    each = parameter_bytes(job.blueprint) * (2 * (KEPT + 1) + kept)
    return each * job.config.training.instances


def _train_groups(
    job: TrainingSetup,
    places: Sequence[int],
    seeds: Sequence[int],
    number: int,
    folder: Path | None,
    progress: TrainingCallback | None,
) -> list[TrainedGroup]:
    """Train instances in groups that fit memory, shared out among the processes there are.

    Args:
        job: what they share.
        places: which instances of the ensemble.
        seeds: their weight seeds.
        number: of the first part.
        folder: where parts are stored.
        progress: called about once a second.
    """
    execution = job.config.execution
    size = min(group_size(job, len(places)), ceil(len(places) / execution.processes))
    parts = []
    for start in range(0, len(places), size):
        own = slice(start, start + size)
        where = group_folder(folder, number + len(parts)) if folder else None
        parts.append(InstanceGroup(tuple(places[own]), tuple(seeds[own]), where))
    if len(parts) > 1:
        sizes = ", ".join(str(len(part.seeds)) for part in parts)
        log.info("training %d instances in groups of %s", len(places), sizes)
    mine = [i % execution.processes == execution.process_id for i in range(len(parts))]
    trained = {i: train_group(job, parts[i], progress) for i in range(len(parts)) if mine[i]}
    for part, own in zip(parts, mine, strict=True):
        if not own and part.folder:
            processes.wait_for_file(part.folder / processes.DONE)
    # what others have trained is only read
    return [trained[i] if mine[i] else train_group(job, part, None) for i, part in enumerate(parts)]


def group_size(job: TrainingSetup, n_instances: int) -> int:
    """How many instances are trained together: as asked for, or as many as memory holds."""
    asked = job.config.execution.group
    if asked is not None:
        return min(asked, n_instances)
    batch = job.config.training.batch_size
    placing = layout(n_instances, batch, job.config.execution.devices)
    n_devices = 1 if placing.mesh is None else placing.mesh.shape[INSTANCE]
    return largest_group(job.blueprint, batch, n_instances, n_devices, job.execution)


def group_folder(folder: Path, number: int) -> Path:
    """Where a part stores what it needs to go on."""
    return folder / f"part-{number:03d}"


def gather(parts: Sequence[Parameters], members: Sequence[tuple[int, int]]) -> Parameters:
    """Stack the chosen instances of several stacks, `(part, index)` by `(part, index)`."""
    return jax.tree.map(
        lambda *leaves: np.stack([np.asarray(leaves[part][index]) for part, index in members]),
        *parts,
    )


def finite_instances(parameters: Parameters) -> np.ndarray:
    """Which instances have finite weights only, `(instance,)`."""
    leaves = jax.tree.leaves(parameters)
    return np.all(
        [np.isfinite(np.asarray(leaf)).reshape(leaf.shape[0], -1).all(1) for leaf in leaves], axis=0
    )


def _verdicts(
    job: TrainingSetup, parts: Sequence[TrainedGroup], members: Sequence[tuple[int, int]]
) -> list[UnconvergedInstance]:
    return unconverged_instances(
        _of_members([part.answers for part in parts], members),
        np.asarray(job.dataset.train_labels),
        _of_members([finite_instances(part.parameters) for part in parts], members),
        _of_members([part.history[:, 0].T for part in parts], members),
        [parts[part].part.seeds[index] for part, index in members],
        job.dataset.categories,
        job.config.training.converged_at,
    )


def _of_members(stacks: Sequence[np.ndarray], members: Sequence[tuple[int, int]]) -> np.ndarray:
    return np.stack([stacks[part][index] for part, index in members])


def _assembled(
    job: TrainingSetup,
    parts: Sequence[TrainedGroup],
    members: Sequence[tuple[int, int]],
    flagged: Sequence[UnconvergedInstance],
    replaced: Sequence[UnconvergedInstance],
) -> TrainedEnsemble:
    history = _of_members([np.moveaxis(part.history, 2, 0) for part in parts], members)
    answers = _of_members([part.answers for part in parts], members)
    return TrainedEnsemble(
        network=job.network,
        parameters=gather([part.parameters for part in parts], members),
        seeds=tuple(parts[part].part.seeds[index] for part, index in members),
        history=History(*np.moveaxis(history, 0, 2).swapaxes(0, 1)),
        train_accuracy=(answers == job.dataset.train_labels).mean(-1),
        test_accuracy=_of_members([part.test_accuracy for part in parts], members),
        flagged=tuple(flagged),
        replaced=tuple(replaced),
        members=tuple(members),
        group_sizes=tuple(len(part.part.seeds) for part in parts),
    )
