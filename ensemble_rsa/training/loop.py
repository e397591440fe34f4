"""Training of a group of instances together: shuffle, train, test, report and store states.

`train_group` is the whole training of a group, `begin_group` its first epochs. `training.ensemble`
decides which instances form a group, and what happens to those that did not converge.
"""

import dataclasses
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Bool, Float, Int, Shaped

from ensemble_rsa.config.settings import Config, saved_epochs, seeds_of_instance
from ensemble_rsa.data.dataset import Dataset
from ensemble_rsa.data.preprocessing import fit_preprocessing
from ensemble_rsa.data.source import StoredImages
from ensemble_rsa.jax_settings import fixed_settings
from ensemble_rsa.models.catalogue import Blueprint
from ensemble_rsa.models.checkpoints import save_parameters
from ensemble_rsa.models.devices import Layout, collect, distribute, make_layout
from ensemble_rsa.models.ensemble import ensemble_shapes, init_ensemble
from ensemble_rsa.models.execution import Execution
from ensemble_rsa.models.network import Network, Parameters
from ensemble_rsa.training.averages import networks_of
from ensemble_rsa.training.batch import DeviceImages, StepSeeds
from ensemble_rsa.training.convergence import are_dead, guesses
from ensemble_rsa.training.feed import (
    DiskImages,
    TrainingImages,
    make_feed,
    on_all_devices,
    predict_all,
)
from ensemble_rsa.training.interrupts import TrainingInterrupted, held_back
from ensemble_rsa.training.progress import Reporter, TrainingCallback
from ensemble_rsa.training.recovery import TrainingPosition, load_newest, save_state
from ensemble_rsa.training.step import (
    Programs,
    StoredState,
    TrainingState,
    make_programs,
    stacked_settings,
)

log = logging.getLogger(__name__)
STATES = "states"


@dataclass(frozen=True)
class TrainingSetup:
    """What all instances of a training share.

    `train_data` and `test_data` are the images of `dataset` on the device or on disk; `network` is
    the static half; `programs` compiles its functions for a mesh of devices, None for a single one;
    `steps` counts those of an epoch.
    """

    config: Config
    dataset: Dataset
    train_data: TrainingImages
    test_data: TrainingImages
    blueprint: Blueprint
    network: Network
    programs: Callable[[Mesh | None], Programs]
    steps: int
    execution: Execution

    def layout(self, n_instances: int) -> Layout:
        """Which device trains which of so many instances."""
        batch_size = self.config.training.batch_size if self.network.splits_batches else 1
        n_devices = self.config.execution.devices or self.execution.devices
        return make_layout(n_instances, batch_size, n_devices)


@dataclass(frozen=True)
class InstanceGroup:
    """Instances that are trained together.

    `instances` are their indices in the ensemble, which select their settings; `seeds` are their
    weight seeds. States and kept epochs are stored in `folder`; nothing is stored if it is None.
    """

    instances: tuple[int, ...]
    seeds: tuple[int, ...]
    folder: Path | None


@dataclass(frozen=True)
class BegunGroup:
    """A group after its first epochs, whose state is stored.

    Attributes:
        group: the instances.
        dead: which of them cannot learn, `(instance,)`; none if the training was further already.
    """

    group: InstanceGroup
    dead: Bool[np.ndarray, " instance"]


@dataclass(frozen=True)
class TrainedGroup:
    """A group after training.

    Attributes:
        group: the instances.
        parameters: stacked on the instance axis, on the host.
        history: `(epoch, value, instance)`: loss, training accuracy and test accuracy.
        predictions: of the final networks for the training images, `(instance, image)`.
        test_accuracy: of the final networks, `(instance,)`.
    """

    group: InstanceGroup
    parameters: Parameters
    history: Float[np.ndarray, "epoch value instance"]
    predictions: Int[np.ndarray, "instance image"]
    test_accuracy: Float[np.ndarray, " instance"]


@fixed_settings()
def place_images(config: Config, dataset: Dataset) -> tuple[TrainingImages, TrainingImages]:
    """Training and test images with the preprocessing fitted to the training images.

    Images in memory are copied to the device; images on disk stay there.
    """
    preprocessing = fit_preprocessing(config.data.preprocessing, dataset.train_images)

    def place(images: Any, labels: np.ndarray) -> TrainingImages:
        if isinstance(images, StoredImages):
            return DiskImages(images, labels, preprocessing)
        return DeviceImages(jnp.asarray(images), jnp.asarray(labels, jnp.int32), preprocessing)

    train = place(dataset.train_images, dataset.train_labels)
    return train, place(dataset.test_images, dataset.test_labels)


@fixed_settings()
def make_setup(
    config: Config,
    dataset: Dataset,
    execution: Execution,
    images: tuple[TrainingImages, TrainingImages],
) -> TrainingSetup:
    """Set up the programs, compiled on first use, for images from `place_images`."""
    blueprint = Blueprint(
        config.model,
        dataset.train_images.shape[1:],
        len(dataset.categories),
        execution.convolution,
        config.training.precision,
    )
    network, _ = ensemble_shapes(blueprint, 1)
    if not network.splits_batches:
        execution = dataclasses.replace(execution, in_parts=False)
    steps = len(dataset.train_labels) // config.training.batch_size
    training = seeds_of_instance(config.training, 0)
    programs = cache(partial(make_programs, network, training, steps, execution))
    return TrainingSetup(config, dataset, *images, blueprint, network, programs, steps, execution)


def with_seeds_of(setup: TrainingSetup, instance: int) -> TrainingSetup:
    """The setup with the other seeds of an instance, for it and others that share them."""
    training = seeds_of_instance(setup.config.training, instance)
    return dataclasses.replace(setup, config=dataclasses.replace(setup.config, training=training))


def train_group(
    setup: TrainingSetup, group: InstanceGroup, progress: TrainingCallback | None
) -> TrainedGroup:
    """Train a group from its initial weights, or from the newest state in its folder.

    Raises:
        TrainingInterrupted: on Ctrl-C or SIGTERM, once the state is stored.
        RunError: no stored state can be read.
    """
    training, epochs = GroupTraining(setup, group), setup.config.training.epochs
    _advance(training, setup, group, progress, epochs)
    return training.result()


def begin_group(
    setup: TrainingSetup, group: InstanceGroup, epochs: int, progress: TrainingCallback | None
) -> BegunGroup:
    """Train a group for the first epochs of its training; `train_group` goes on from there.

    Raises:
        TrainingInterrupted: on Ctrl-C or SIGTERM, once the state is stored.
        RunError: no stored state can be read.
    """
    training = GroupTraining(setup, group)
    _advance(training, setup, group, progress, epochs)
    return training.begun(epochs)


def _advance(
    training: "GroupTraining",
    setup: TrainingSetup,
    group: InstanceGroup,
    progress: TrainingCallback | None,
    last: int,
) -> None:
    """Train to the end of an epoch, and store the state."""
    epochs = setup.config.training.epochs
    reporter = Reporter(progress, setup.steps, epochs, group.seeds, training.position)
    with closing(training.feed), held_back() as asked_to_stop:
        while training.position.epoch <= last:
            began = time.perf_counter()
            count = training.advance(reporter.steps_per_call)
            seconds = time.perf_counter() - began
            reporter.stepped(count, seconds, training.position, setup.config.training.batch_size)
            if training.position.step == setup.steps:
                reporter.epoch_ended(training.end_epoch())
                training.tell_who_guesses()
            training.store(now=asked_to_stop())
            _stop(training.position, epochs, group, asked_to_stop())
        training.store(now=epochs > 0)
        _stop(training.position, epochs, group, asked_to_stop())


def _stop(at: TrainingPosition, epochs: int, group: InstanceGroup, asked: bool) -> None:
    """Raise if that was asked for, and the training is not over."""
    if asked and at.epoch <= epochs:
        where = f"interrupted in epoch {at.epoch} of {epochs}, after {at.step} steps of it"
        raise TrainingInterrupted(where + ("" if group.folder else "; nothing was stored"))


class GroupTraining:
    """A group on its devices; `state` and `position` change as its training advances."""

    @fixed_settings()
    def __init__(self, setup: TrainingSetup, group: InstanceGroup):
        training = setup.config.training
        self._setup, self._group = setup, group
        self._layout = setup.layout(len(group.seeds))
        self._programs = setup.programs(self._layout.mesh)
        self._settings = distribute(self._layout, stacked_settings(training, group.instances))
        self._train_data = on_all_devices(self._layout, setup.train_data)
        self._test_data = on_all_devices(self._layout, setup.test_data)
        self.feed = make_feed(self._train_data, self._layout, training)
        self.state, self.position = self._start()
        self._last_stored = time.monotonic()

    def _start(self) -> tuple[TrainingState, TrainingPosition]:
        setup, seeds, folder = self._setup, self._group.seeds, self._group.folder
        if folder is not None:
            shapes = ensemble_shapes(setup.blueprint, len(seeds))[1]
            like = StoredState(*jax.eval_shape(setup.programs(None).start, shapes))
            if found := load_newest(folder / STATES, like, seeds):
                return distribute(self._layout, TrainingState(*found[0])), found[1]
        parameters = distribute(self._layout, init_ensemble(setup.blueprint, seeds)[1])
        self._keep(0, parameters)
        return self._programs.start(parameters), TrainingPosition.at_start(1, len(seeds))

    @fixed_settings()
    def advance(self, most: int) -> int:
        """Train for up to `most` steps of the current epoch, and return how many were made."""
        position, steps = self.position, self._setup.steps
        chunk = self.feed.chunk(position.epoch, position.step)
        first, stop = position.step - chunk.first, position.step + most - chunk.first
        stop = min(stop, chunk.stop - chunk.first)
        steps_before = (position.epoch - 1) * steps + chunk.first
        self.state, totals = self._programs.train(
            self.state,
            self._settings,
            chunk.data,
            chunk.order,
            first,
            stop,
            steps_before,
            StepSeeds.of(self._setup.config.training),
        )
        totals = collect(self._layout, totals)
        self.position = dataclasses.replace(
            position,
            step=chunk.first + stop,
            loss=_added(position.loss, totals.loss[:, first:stop]),
            correct=_added(position.correct, totals.correct[:, first:stop]),
        )
        return stop - first

    @fixed_settings()
    def end_epoch(self) -> Float[np.ndarray, " instance"] | None:
        """Complete the epoch's history, and return the test accuracy if a test was due.

        The networks of the epoch are kept if the recipe asks for them.
        """
        training, position = self._setup.config.training, self.position
        epoch, n = position.epoch, len(position.loss)
        due = epoch % training.eval_every == 0 or epoch == training.epochs
        tested = due or epoch in saved_epochs(training)
        accuracy = self._test_accuracy() if tested else None
        self._keep(epoch, networks_of(*self.state))
        n_seen = self._setup.steps * training.batch_size
        row = [
            [value / n_seen for value in position.loss],
            [value / n_seen for value in position.correct],
            [float("nan")] * n if accuracy is None else accuracy.tolist(),
        ]
        self.position = TrainingPosition.at_start(epoch + 1, n, [*position.rows, row])
        return accuracy

    def tell_who_guesses(self) -> None:
        """Log which instances have learned nothing in the epoch that has ended, unlike before.

        A network whose logits are zero for all images has no gradient, and stays as it is.
        """
        n_categories = len(self._setup.dataset.categories)
        losses = np.array([row[0] for row in self.position.rows[-2:]])
        guessing = guesses(losses, n_categories)
        begun = guessing[-1] & ~guessing[:-1].any(axis=0)
        new = [str(self._group.seeds[i]) for i in np.flatnonzero(begun)]
        if new:
            log.warning(
                "seeds %s: in epoch %d the loss was ln %d, that of guessing; networks whose logits "
                "are zero for all images cannot learn (--unconverged replace trains others in "
                "their place)",
                ", ".join(new),
                len(self.position.rows),
                n_categories,
            )

    @fixed_settings()
    def store(self, now: bool) -> None:
        """Store the state if it is due, or in any case `now`; no-op without a folder."""
        seconds = 60 * self._setup.config.training.checkpoint_minutes
        due = now or time.monotonic() - self._last_stored > seconds
        if self._group.folder is not None and due:
            state = StoredState(*collect(self._layout, self.state))
            save_state(self._group.folder / STATES, state, self.position, self._group.seeds)
            self._last_stored = time.monotonic()

    @fixed_settings()
    def begun(self, epochs: int) -> BegunGroup:
        """Which networks cannot learn at the end of the first epochs."""
        at, dead = self.position, np.zeros(len(self._group.seeds), bool)
        if (at.epoch, at.step) == (epochs + 1, 0):
            predicted = self._predict(self._train_data)
            n_categories = len(self._setup.dataset.categories)
            dead = are_dead(np.array(at.rows[-1][0]), predicted, n_categories)
        return BegunGroup(self._group, dead)

    @fixed_settings()
    def result(self) -> TrainedGroup:
        """The trained networks."""
        history = np.array(self.position.rows, float)
        history = history.reshape(len(history), 3, len(self._group.seeds))
        return TrainedGroup(
            self._group,
            collect(self._layout, networks_of(*self.state)),
            history,
            self._predict(self._train_data),
            # the last epoch is tested
            history[-1, 2] if len(history) else self._test_accuracy(),
        )

    def _predict(self, data: TrainingImages) -> Int[np.ndarray, "instance image"]:
        return predict_all(self._programs.predict, networks_of(*self.state), data, self._layout)

    def _test_accuracy(self) -> Float[np.ndarray, " instance"]:
        return (self._predict(self._test_data) == self._setup.dataset.test_labels).mean(-1)

    def _keep(self, epoch: int, parameters: Parameters) -> None:
        """Store the networks of an epoch, if the recipe keeps them; no-op without a folder."""
        if self._group.folder is None or epoch not in saved_epochs(self._setup.config.training):
            return
        folder = epoch_folder(self._group.folder, epoch)
        if not folder.exists():
            save_parameters(folder, collect(self._layout, parameters))


def _added(before: Sequence[Any], steps: Shaped[np.ndarray, "instance step"]) -> list[Any]:
    """Sums of each instance so far and its steps.

    Steps are added one after the other in float64, so that the sum does not depend on how many of
    them are made in one call, and with it on the speed of the machine.
    """
    return np.add.accumulate(np.column_stack([before, steps]), axis=1)[:, -1].tolist()


def epoch_folder(folder: Path, epoch: int) -> Path:
    """The folder of the networks of an epoch."""
    return folder / f"epoch-{epoch:05d}"
