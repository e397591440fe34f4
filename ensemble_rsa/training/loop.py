"""Epochs of some instances trained together: shuffle, train, test, report, store.

`train_group` is all there is to training. Which instances form a part, and what becomes of those
that did not converge, is decided in `training.ensemble`.
"""

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Float, Int

from ensemble_rsa.config.settings import Config, saved_epochs
from ensemble_rsa.data.dataset import Dataset
from ensemble_rsa.data.preprocessing import fit_preprocessing
from ensemble_rsa.data.source import StoredImages
from ensemble_rsa.models.catalogue import Blueprint
from ensemble_rsa.models.checkpoints import save_parameters
from ensemble_rsa.models.devices import Layout, collect, distribute, layout
from ensemble_rsa.models.ensemble import Network, Parameters, ensemble_shapes, init_ensemble
from ensemble_rsa.models.execution import Execution
from ensemble_rsa.training import processes
from ensemble_rsa.training.feed import Feed, Stored, answers, make_feed, on_all
from ensemble_rsa.training.interrupts import TrainingInterrupted, held_back
from ensemble_rsa.training.progress import Reporter, TrainingCallback
from ensemble_rsa.training.recovery import TrainingPosition, load_newest, save_state
from ensemble_rsa.training.step import (
    DeviceImages,
    InstanceSettings,
    Programs,
    TrainingState,
    make_programs,
    stacked_settings,
)

STATES = "states"


@dataclass(frozen=True)
class TrainingSetup:
    """What all instances of a training share.

    Attributes:
        config: data, network and recipe.
        dataset: images and labels.
        train_data, test_data: the same, on the device or on disk.
        blueprint: what the network is built from.
        network: its static half.
        programs: its compiled functions, on a mesh of devices or on a single one.
        steps: per epoch.
        execution: how convolutions are computed and instances mapped.
    """

    config: Config
    dataset: Dataset
    train_data: DeviceImages | Stored
    test_data: DeviceImages | Stored
    blueprint: Blueprint
    network: Network
    programs: Callable[[Mesh | None], Programs]
    steps: int
    execution: Execution


@dataclass(frozen=True)
class InstanceGroup:
    """Instances that are trained together.

    Attributes:
        places: which instances of the ensemble, whose settings they have.
        seeds: their weight seeds.
        folder: for states and kept epochs; None to store nothing.
    """

    places: tuple[int, ...]
    seeds: tuple[int, ...]
    folder: Path | None


@dataclass(frozen=True)
class TrainedGroup:
    """What became of a part.

    Attributes:
        part: the instances.
        parameters: stacked on the instance axis, on the host.
        history: `(epoch, value, instance)`: loss, training accuracy and test accuracy.
        answers: of the final networks for the training images, `(instance, image)`.
        test_accuracy: of the final networks, `(instance,)`.
    """

    part: InstanceGroup
    parameters: Parameters
    history: Float[np.ndarray, "epoch value instance"]
    answers: Int[np.ndarray, "instance image"]
    test_accuracy: Float[np.ndarray, " instance"]


def place_images(
    config: Config, dataset: Dataset
) -> tuple[DeviceImages | Stored, DeviceImages | Stored]:
    """Training and test images on the device, with the preprocessing that the former ask for.

    Those that the data set leaves on disk stay there.
    """
    preprocessing = fit_preprocessing(config.data.preprocessing, dataset.train_images)

    def place(images: Any, labels: np.ndarray) -> DeviceImages | Stored:
        if isinstance(images, StoredImages):
            return Stored(images, labels, preprocessing)
        return DeviceImages(jnp.asarray(images), jnp.asarray(labels, jnp.int32), preprocessing)

    return (
        place(dataset.train_images, dataset.train_labels),
        place(dataset.test_images, dataset.test_labels),
    )


def make_setup(
    config: Config,
    dataset: Dataset,
    execution: Execution,
    images: tuple[DeviceImages | Stored, DeviceImages | Stored],
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
    steps = len(dataset.train_labels) // config.training.batch_size
    programs = cache(partial(make_programs, network, config.training, steps, execution))
    return TrainingSetup(config, dataset, *images, blueprint, network, programs, steps, execution)


def train_group(
    job: TrainingSetup, part: InstanceGroup, progress: TrainingCallback | None
) -> TrainedGroup:
    """Train some instances from their first weights, or from where their folder says they are.

    Args:
        job: what they share.
        part: the instances.
        progress: called about once a second with the status.

    Raises:
        TrainingInterrupted: on Ctrl-C or SIGTERM, once the state is stored.
        RunError: no stored state can be read.
    """
    training = job.config.training
    on = _placed(job, part)
    state, position = _begin(job, part, on)
    rows = [list(row) for row in position.rows]
    reporter = Reporter(progress, job.steps, training.epochs, part.seeds, position)
    states = _States(part.folder, training.checkpoint_minutes, on.placing)
    with closing(on.feed), held_back() as asked_to_stop:
        while position.epoch <= training.epochs:
            state, position = _some_steps(job, on, state, position, reporter)
            if position.step == job.steps:
                rows.append(_end_of_epoch(job, part, on, state, position, reporter))
                position = _start_of(position.epoch + 1, part, rows)
            states.store_if(asked_to_stop(), state, position)
            if asked_to_stop() and position.epoch <= training.epochs:
                raise TrainingInterrupted(_where(position, training.epochs, part.folder))
    states.store_if(training.epochs > 0, state, position)
    if part.folder is not None:
        processes.mark_done(part.folder)
    given = _answers(on, state, on.train_data)
    history = np.array(rows, float).reshape(training.epochs, 3, len(part.seeds))
    # the last epoch is tested
    tested = history[-1, 2] if rows else _test_accuracy(job, on, state)
    return TrainedGroup(part, collect(on.placing, state.parameters), history, given, tested)


@dataclass(frozen=True)
class _Placed:
    """What a part needs on its devices."""

    placing: Layout
    programs: Programs
    settings: InstanceSettings
    feed: Feed
    train_data: DeviceImages | Stored
    test_data: DeviceImages | Stored


def _placed(job: TrainingSetup, part: InstanceGroup) -> _Placed:
    training = job.config.training
    placing = layout(len(part.seeds), training.batch_size, job.config.execution.devices)
    train_data = on_all(placing, job.train_data)
    return _Placed(
        placing,
        job.programs(placing.mesh),
        distribute(placing, stacked_settings(training, part.places)),
        make_feed(train_data, placing, training),
        train_data,
        on_all(placing, job.test_data),
    )


def _begin(
    job: TrainingSetup, part: InstanceGroup, on: _Placed
) -> tuple[TrainingState, TrainingPosition]:
    """First weights, or the newest stored state."""
    if part.folder is not None:
        shapes = ensemble_shapes(job.blueprint, len(part.seeds))[1]
        start = job.programs(None).start
        found = load_newest(part.folder / STATES, jax.eval_shape(start, shapes))
        if found is not None:
            return distribute(on.placing, found[0]), found[1]
    parameters = distribute(on.placing, init_ensemble(job.blueprint, part.seeds)[1])
    _keep(job, part, on, 0, parameters)
    return on.programs.start(parameters), _start_of(1, part, [])


def _start_of(epoch: int, part: InstanceGroup, rows: list[list[list[float]]]) -> TrainingPosition:
    nothing = [0.0] * len(part.seeds)
    return TrainingPosition(epoch, 0, nothing, nothing, rows)


def _some_steps(
    job: TrainingSetup,
    on: _Placed,
    state: TrainingState,
    position: TrainingPosition,
    reporter: Reporter,
) -> tuple[TrainingState, TrainingPosition]:
    """As many steps of the epoch under way as take about as long as reports are apart."""
    training = job.config.training
    began = time.perf_counter()
    chunk = on.feed.chunk(position.epoch, position.step)
    stop = min(chunk.stop, position.step + reporter.steps_per_call)
    first, last = position.step - chunk.first, stop - chunk.first
    before = (position.epoch - 1) * job.steps + chunk.first
    state, totals = on.programs.train(
        state, on.settings, chunk.data, chunk.order, first, last, before
    )
    added = collect(on.placing, totals)
    loss, correct = (
        (np.array(sums) + more).tolist()
        for sums, more in ((position.loss, added.loss), (position.correct, added.correct))
    )
    seconds = time.perf_counter() - began
    moved = TrainingPosition(position.epoch, stop, loss, correct, position.rows)
    reporter.stepped(stop - position.step, seconds, moved, training.batch_size)
    return state, moved


def _end_of_epoch(
    job: TrainingSetup,
    part: InstanceGroup,
    on: _Placed,
    state: TrainingState,
    position: TrainingPosition,
    reporter: Reporter,
) -> list[list[float]]:
    """Test if it is time to, keep the networks if they were asked for: the epoch's history."""
    training, epoch = job.config.training, position.epoch
    seen = job.steps * training.batch_size
    tested = epoch % training.eval_every == 0 or epoch == training.epochs
    accuracy = _test_accuracy(job, on, state) if tested else None
    reporter.epoch_ended(accuracy)
    _keep(job, part, on, epoch, state.parameters)
    unknown = [float("nan")] * len(part.seeds)
    return [
        [value / seen for value in position.loss],
        [value / seen for value in position.correct],
        unknown if accuracy is None else accuracy.tolist(),
    ]


def _answers(
    on: _Placed, state: TrainingState, data: DeviceImages | Stored
) -> Int[np.ndarray, "instance image"]:
    return answers(on.programs.predict, state.parameters, data, on.placing)


def _test_accuracy(
    job: TrainingSetup, on: _Placed, state: TrainingState
) -> Float[np.ndarray, " instance"]:
    return (_answers(on, state, on.test_data) == job.dataset.test_labels).mean(-1)


def epoch_folder(folder: Path, epoch: int) -> Path:
    """Where the networks of an epoch lie."""
    return folder / f"epoch-{epoch:05d}"


def _keep(
    job: TrainingSetup, part: InstanceGroup, on: _Placed, epoch: int, parameters: Parameters
) -> None:
    if part.folder is None or epoch not in saved_epochs(job.config.training):
        return
    if not epoch_folder(part.folder, epoch).exists():
        save_parameters(epoch_folder(part.folder, epoch), collect(on.placing, parameters))


class _States:
    """Stores a state when it is time to, where there is a folder."""

    def __init__(self, folder: Path | None, minutes: float, placing: Layout):
        self._folder = folder
        self._placing = placing
        self._seconds = 60 * minutes
        self._last = time.monotonic()

    def store_if(self, now: bool, state: Any, position: TrainingPosition) -> None:
        if self._folder is None or not (now or time.monotonic() - self._last > self._seconds):
            return
        save_state(self._folder / STATES, collect(self._placing, state), position)
        self._last = time.monotonic()


def _where(position: TrainingPosition, epochs: int, folder: Path | None) -> str:
    place = f"interrupted in epoch {position.epoch} of {epochs}, after {position.step} steps of it"
    return place if folder else f"{place}; nothing was stored"
