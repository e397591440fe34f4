"""Training of a whole ensemble in groups, and the check of every instance's convergence.

The first groups hold the instances of the configuration; if instances that did not converge are
replaced, each further group holds their replacements.
"""

import dataclasses
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast, runtime_checkable

import jax
import numpy as np
from jaxtyping import Bool, Float

from ensemble_rsa import files
from ensemble_rsa.config.settings import (
    Config,
    saved_epochs,
    weight_seeds,
)
from ensemble_rsa.data.dataset import Dataset
from ensemble_rsa.errors import InputError
from ensemble_rsa.models.execution import Execution
from ensemble_rsa.models.network import Network, Parameters
from ensemble_rsa.training.convergence import (
    FIRST_EPOCHS,
    UnconvergedInstance,
    unconverged_instances,
)
from ensemble_rsa.training.grouping import (
    GROUP_SIZE,
    GroupsAtStart,
    claim_group,
    group_folder,
    group_size,
    groups_at_start,
    parts,
    remove_groups,
)
from ensemble_rsa.training.loop import (
    BegunGroup,
    InstanceGroup,
    TrainedGroup,
    TrainingSetup,
    begin_group,
    make_setup,
    place_images,
    train_group,
    with_seeds_of,
)
from ensemble_rsa.training.memory import parameter_bytes
from ensemble_rsa.training.probation import FEWEST_EPOCHS, Draw, replace_dead
from ensemble_rsa.training.progress import TrainingCallback
from ensemble_rsa.training.recipe import states_per_parameter
from ensemble_rsa.training.recovery import KEPT
from ensemble_rsa.training.taken import TakenInstances, store_taken

log = logging.getLogger(__name__)
Locations = Sequence[tuple[int, int]]  # for each instance, its group and its index there


@dataclass(frozen=True)
class History:
    """Loss and accuracy over the steps of each epoch, and test accuracy (NaN if not tested)."""

    train_loss: Float[np.ndarray, "epoch instance"]
    train_accuracy: Float[np.ndarray, "epoch instance"]
    test_accuracy: Float[np.ndarray, "epoch instance"]


@dataclass(frozen=True)
class TrainedEnsemble:
    """Trained networks and the record of their training.

    Attributes:
        network: the static half.
        parameters: stacked on the instance axis, on the host.
        seeds: weight seed of each instance.
        history: of every epoch.
        train_accuracy, test_accuracy: `(instance,)` of the final networks on all images.
        flagged: instances kept although they did not converge.
        replaced: instances that were replaced because they did not converge.
        locations: the group in which each instance was trained, and its index there.
        group_sizes: number of instances in each group.
    """

    network: Network
    parameters: Parameters
    seeds: tuple[int, ...]
    history: History
    train_accuracy: Float[np.ndarray, " instance"]
    test_accuracy: Float[np.ndarray, " instance"]
    flagged: tuple[UnconvergedInstance, ...]
    replaced: tuple[UnconvergedInstance, ...]
    locations: tuple[tuple[int, int], ...]
    group_sizes: tuple[int, ...]


@runtime_checkable
class GroupTrainer(Protocol):
    """Trains groups, here or elsewhere, such as on the workers of a cluster."""

    def group_size(self, n_instances: int) -> int:
        """How many of these instances are trained together."""
        ...

    def train(
        self, groups: Sequence[InstanceGroup], progress: TrainingCallback | None
    ) -> list[TrainedGroup]:
        """Train groups, each from the newest state in its folder."""
        ...

    def begin(
        self, groups: Sequence[InstanceGroup], epochs: int, progress: TrainingCallback | None
    ) -> list[BegunGroup]:
        """Train groups for their first epochs, each from the newest state in its folder."""
        ...


@dataclass(frozen=True)
class GroupsHere:
    """Trains groups in this process, one after the other."""

    setup: TrainingSetup

    def group_size(self, n_instances: int) -> int:
        """How many of these instances are trained together."""
        return group_size(self.setup, n_instances)

    def train(
        self, groups: Sequence[InstanceGroup], progress: TrainingCallback | None
    ) -> list[TrainedGroup]:
        """Train groups, each from the newest state in its folder."""
        return [train_group(self._claim(group), group, progress) for group in groups]

    def begin(
        self, groups: Sequence[InstanceGroup], epochs: int, progress: TrainingCallback | None
    ) -> list[BegunGroup]:
        """Train groups for their first epochs, each from the newest state in its folder."""
        return [begin_group(self._claim(group), group, epochs, progress) for group in groups]

    def _claim(self, group: InstanceGroup) -> TrainingSetup:
        """Its setup; from now on no other process trains the group."""
        if group.folder:
            claim_group(group.folder)
        return with_seeds_of(self.setup, group.instances[0])


def check_recipe(config: Config, dataset: Dataset) -> None:
    """Raise for a recipe that does not fit the training images.

    They do not fill one batch, or all epochs not one update; or augmentation would replace whole
    images.
    """
    n_images = len(dataset.train_labels)
    if config.training.batch_size > n_images:
        raise InputError(
            f"batch_size: {config.training.batch_size} is more than {n_images} training images; "
            "give a smaller batch or more images"
        )
    n_batches = config.training.epochs * (n_images // config.training.batch_size)
    if 0 < n_batches < config.training.accumulate:
        raise InputError(
            f"accumulate: expected at most {n_batches}, the number of batches in the training, got "
            f"{config.training.accumulate}"
        )
    side = min(dataset.train_images.shape[1:3])
    for name in ("shift", "cutout"):
        pixels = getattr(config.training, name)
        if pixels >= side:
            raise InputError(
                f"{name}: expected less than the side of the images, {side} pixels, got {pixels}"
            )


def train_ensemble(
    config: Config,
    dataset: Dataset,
    execution: Execution,
    progress: TrainingCallback | None = None,
    folder: Path | None = None,
    elsewhere: GroupTrainer | None = None,
    taken: Callable[[], TakenInstances] | None = None,
) -> TrainedEnsemble:
    """Train all instances of `config` on `dataset`.

    Args:
        config: data, network and recipe.
        dataset: images and labels.
        execution: how convolutions are computed and instances mapped on this device.
        progress: called about once a second with the status.
        folder: where states are stored; training resumes from the newest one. Without one,
            networks that cannot learn are replaced at the end.
        elsewhere: trains the groups instead of this process.
        taken: called when the training has not begun; its instances are the first ones, and are not
            trained. Needs a folder.

    Raises:
        InputError: a recipe that does not fit the training images (see `check_recipe`).
        TrainingInterrupted: on Ctrl-C or SIGTERM, once the state is stored.
    """
    check_recipe(config, dataset)
    assert taken is None or folder is not None  # where they are copied
    # who trains elsewhere places the images there
    images = place_images(config, dataset) if elsewhere is None else cast(Any, (None, None))
    setup = make_setup(config, dataset, execution, images)
    if folder:
        files.check_room(
            "out",
            folder.parent,
            bytes_stored(setup),
            "this training stores up to",
            "keep fewer epochs, or give another --out",
        )
    trainer = elsewhere or GroupsHere(setup)

    def form(draw: Draw, instances: Sequence[int], number: int) -> list[InstanceGroup]:
        seeds = [draw.seeds[instance] for instance in instances]
        there = None if number else taken_before
        return _form_groups(setup, instances, seeds, number, folder, trainer, there)

    def train(draw: Draw, instances: Sequence[int], number: int) -> tuple[Draw, list[TrainedGroup]]:
        if folder and _replaces_early(config):

            def begin(drawn: Draw) -> list[BegunGroup]:
                return trainer.begin(form(drawn, instances, number), FIRST_EPOCHS, progress)

            draw = replace_dead(draw, folder, number, begin)
        return draw, trainer.train(form(draw, instances, number), progress)

    begun = groups_at_start(folder) if folder else None
    taken_before = taken() if taken and begun is None else None
    n_taken = taken_before.number if taken_before else begun.taken if begun else 0
    draw = Draw(weight_seeds(config.training), taken=n_taken)
    draw, groups = train(draw, range(config.training.instances), 0)
    locations = [(g, i) for g, one in enumerate(groups) for i in range(len(one.group.seeds))]
    ensemble = _assemble(setup, groups, locations, draw.replaced)
    replaces = config.training.unconverged == "replace"
    while replaces and (gone := draw.replaceable(ensemble.flagged)):
        instances = [one.instance for one in gone]
        draw, new = train(draw.again(gone), instances, len(groups))
        for number, one in enumerate(new, len(groups)):
            for index, instance in enumerate(one.group.instances):
                locations[instance] = (number, index)
        groups += new
        ensemble = _assemble(setup, groups, locations, draw.replaced)
    return ensemble


def _replaces_early(config: Config) -> bool:
    """Whether networks that cannot learn are replaced after their first epochs."""
    training = config.training
    return training.unconverged == "replace" and training.epochs >= FEWEST_EPOCHS


def bytes_stored(setup: TrainingSetup) -> int:
    """Most bytes that training stores: states (`KEPT` and one being written) and kept epochs."""
    training = setup.config.training
    # kept epochs are there twice while groups are put together; and the final networks
    n_kept = 2 * len(saved_epochs(training)) + 1
    n_states = states_per_parameter(training) * (KEPT + 1)
    each = parameter_bytes(setup.blueprint) * (n_states + n_kept)
    return each * training.instances


def _form_groups(
    setup: TrainingSetup,
    instances: Sequence[int],
    seeds: Sequence[int],
    first_number: int,
    folder: Path | None,
    trainer: GroupTrainer,
    there: TakenInstances | None = None,
) -> list[InstanceGroup]:
    """Groups of instances that fit into memory; those of the start if the training was begun.

    `there` are the first instances if they were trained before, which are stored in their groups.
    """
    training = setup.config.training
    begun = folder and group_folder(folder, first_number) / GROUP_SIZE
    if begun and begun.exists():  # states can be resumed in the groups of the start only
        start = GroupsAtStart(**files.read_json(begun))
    else:
        n_taken = there.number if there else 0
        every = list(parts(training, instances, len(instances), n_taken))
        if not isinstance(trainer, GroupsHere):  # others divide what is to be trained
            every = [one for one in every if one.start >= n_taken]
        longest = max(own.stop - own.start for own in every)
        start = GroupsAtStart(trainer.group_size(longest), n_taken)
    groups = []
    for own in parts(training, instances, start.size, start.taken):
        where = group_folder(folder, first_number + len(groups)) if folder else None
        groups.append(InstanceGroup(tuple(instances[own]), tuple(seeds[own]), where))
    if begun and not begun.exists():
        if there and folder:
            remove_groups(folder)
            store_taken(setup, [one for one in groups if one.instances[-1] < there.number], there)
        files.write_json(begun, dataclasses.asdict(start))
        trained_now = [len(group.seeds) for group in groups if group.instances[-1] >= start.taken]
        if len(trained_now) > 1:
            sizes = ", ".join(map(str, trained_now))
            log.info("training %d instances in groups of %s", sum(trained_now), sizes)
    return groups


def gather(stacks: Sequence[Parameters], locations: Locations) -> Parameters:
    """Stack instances of several groups, given each group's stacked arrays."""
    return jax.tree.map(
        lambda *leaves: np.stack([np.asarray(leaves[group][i]) for group, i in locations]), *stacks
    )


def finite_instances(parameters: Parameters) -> Bool[np.ndarray, " instance"]:
    """Whether all weights of each instance are finite."""
    leaves = jax.tree.leaves(parameters)
    return np.all(
        [np.isfinite(np.asarray(leaf)).reshape(leaf.shape[0], -1).all(1) for leaf in leaves], axis=0
    )


def _assemble(
    setup: TrainingSetup,
    groups: Sequence[TrainedGroup],
    locations: Locations,
    replaced: Sequence[UnconvergedInstance],
) -> TrainedEnsemble:
    """The ensemble of the instances at these locations, with those that did not converge."""
    parameters, history, predictions, test_accuracy = gather(
        [(one.parameters, one.history.T, one.predictions, one.test_accuracy) for one in groups],
        locations,
    )
    seeds = tuple(groups[group].group.seeds[i] for group, i in locations)
    labels = np.asarray(setup.dataset.train_labels)
    flagged = unconverged_instances(
        predictions,
        labels,
        finite_instances(parameters),
        history[:, 0],
        seeds,
        setup.dataset.categories,
        setup.config.training.converged_at,
    )
    return TrainedEnsemble(
        network=setup.network,
        parameters=parameters,
        seeds=seeds,
        history=History(*history.transpose(1, 2, 0)),
        train_accuracy=(predictions == labels).mean(-1),
        test_accuracy=test_accuracy,
        flagged=tuple(flagged),
        replaced=tuple(replaced),
        locations=tuple(locations),
        group_sizes=tuple(len(one.group.seeds) for one in groups),
    )
