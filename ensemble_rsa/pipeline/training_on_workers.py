"""Training of groups of instances on the workers of a cluster.

Each group has a folder of its own on a disk that all workers see, and goes on from the newest state
in it, on whichever worker. Its networks are the same bit for bit as those of one process with the
same size of groups, the same way of computing and the same kind of device.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from ensemble_rsa import files
from ensemble_rsa.cluster.jobs import Work, WorkStopped, do_work
from ensemble_rsa.cluster.on_worker import JobStopped, Send
from ensemble_rsa.cluster.workers import Workers
from ensemble_rsa.config.settings import Config
from ensemble_rsa.data.dataset import Dataset, load_dataset
from ensemble_rsa.errors import RunError
from ensemble_rsa.models.execution import Execution
from ensemble_rsa.pipeline.worker_folder import (
    Carried,
    SharedFolder,
    carried,
    check_shared,
    shared_folder,
)
from ensemble_rsa.runs.run import fingerprint
from ensemble_rsa.training.choice import choose_execution
from ensemble_rsa.training.grouping import ATTEMPT, claim_group, group_size
from ensemble_rsa.training.interrupts import TrainingInterrupted, held_back, stopped_when
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
from ensemble_rsa.training.progress import TrainingCallback, TrainingStatus

MEASUREMENTS = "execution.json"  # in the cache folder
Stop = Callable[[], bool]


@dataclass(frozen=True)
class TrainingTask:
    """What the groups of a training share.

    `fingerprint` is that of the images; `execution` is `Execution.as_record` as JSON.
    """

    config: Config
    model: Carried
    fingerprint: str
    folder: SharedFolder
    execution: str | None


class OnWorkers:
    """Trains groups on workers (`training.ensemble.GroupTrainer`)."""

    def __init__(
        self,
        workers: Workers,
        config: Config,
        dataset: Dataset,
        folder: Path,
        execution: Execution | None = None,
    ):
        """Set up, without asking the workers.

        Args:
            workers: of an open cluster.
            config: data, network and recipe.
            dataset: its images, of which the workers load their own.
            folder: of the run.
            execution: how the training is computed, once it is known.
        """
        self._workers, self._config, self._folder = workers, config, folder
        self._fingerprint, self._model = fingerprint(dataset), carried("model", config.model.model)
        self._execution = None if execution is None else json.dumps(execution.as_record())

    def choose_execution(self) -> Execution:
        """Let one worker choose how the training is computed."""
        return Execution.from_record(self._one("choosing the way of computing", _choose))

    def group_size(self, n_instances: int) -> int:
        """As configured; else so many that all workers have a group that fits into memory."""
        asked = self._config.execution.group
        if asked is not None:
            return min(asked, n_instances)
        n_workers = max(1, len(self._workers.available()))
        share = -(-n_instances // n_workers)
        return self._one("finding the size of groups", _largest_group, share)

    def train(
        self, groups: Sequence[InstanceGroup], progress: TrainingCallback | None
    ) -> list[TrainedGroup]:
        """Train groups, each from the newest state in its folder.

        Raises:
            TrainingInterrupted: on Ctrl-C, SIGTERM or a limit of time, once states are stored.
            RunError: a group failed on a worker; the message names both.
        """
        return self._groups("training", groups, None, progress)

    def begin(
        self, groups: Sequence[InstanceGroup], epochs: int, progress: TrainingCallback | None
    ) -> list[BegunGroup]:
        """Train groups for their first epochs, each from the newest state in its folder.

        Raises:
            TrainingInterrupted: on Ctrl-C, SIGTERM or a limit of time, once states are stored.
            RunError: a group failed on a worker; the message names both.
        """
        return self._groups("first epochs", groups, epochs, progress)

    def _groups(
        self,
        what: str,
        groups: Sequence[InstanceGroup],
        first_epochs: int | None,
        progress: TrainingCallback | None,
    ) -> list[Any]:
        """Train groups, or only their first epochs; `what` that is in words."""

        def receive(number: int, status: Any) -> None:
            if progress is not None and isinstance(status, TrainingStatus):
                progress(status)

        names = [f"{what} of the instances {_range(group.instances)}" for group in groups]
        arguments = [
            (group.instances, group.seeds, group.folder.resolve(), first_epochs)
            for group in groups
            if group.folder is not None
        ]
        with held_back() as asked_to_stop:
            return self._do(_train, names, arguments, asked_to_stop, receive)

    def _one(self, name: str, function: Callable[..., Any], *arguments: Any) -> Any:
        with held_back() as asked_to_stop:
            return self._do(function, [name], [arguments], asked_to_stop)[0]

    def _do(
        self,
        function: Callable[..., Any],
        names: Sequence[str],
        arguments: Sequence[tuple[Any, ...]],
        stop: Stop,
        receive: Callable[[int, Any], None] = lambda number, message: None,
    ) -> list[Any]:
        with shared_folder(self._folder) as folder:
            task = TrainingTask(
                self._config, self._model, self._fingerprint, folder, self._execution
            )
            work = Work(function, names, [(task, *each) for each in arguments], _prepare, (task,))
            try:
                return do_work(self._workers, work, stop, receive)
            except WorkStopped as stopped:
                raise TrainingInterrupted(f"interrupted {stopped}") from None


def _range(instances: Sequence[int]) -> str:
    """Instances in words, such as "0 to 4"."""
    ends = (instances[0], instances[-1])
    return str(ends[0]) if len(instances) == 1 else f"{ends[0]} to {ends[1]}"


# What follows runs in the processes of workers.


def _prepare(task: TrainingTask, send: Send, stop: Stop) -> None:
    """Check that the folder and the images are those of the run."""
    check_shared(task.folder)
    dataset = _dataset(task)[1]
    if fingerprint(dataset) != task.fingerprint:
        raise RunError(
            f"its images of {task.config.data.dataset} are not those that this process has loaded"
        )


def _dataset(task: TrainingTask) -> tuple[Config, Dataset]:
    model = replace(task.config.model, model=task.model.here())
    config = replace(task.config, model=model)
    return config, _loaded(config)


@lru_cache(maxsize=1)
def _loaded(config: Config) -> Dataset:
    return load_dataset(config.data, config.execution.feed)


def _choose(task: TrainingTask, send: Send, stop: Stop) -> dict[str, Any]:
    return choose_execution(*_dataset(task), files.cache_folder() / MEASUREMENTS).as_record()


def _largest_group(task: TrainingTask, n_instances: int, send: Send, stop: Stop) -> int:
    return group_size(_setup(task), n_instances)


def _setup(task: TrainingTask) -> TrainingSetup:
    assert task.execution is not None
    return _made(*_dataset(task), task.execution, task.model)


_LAST: dict[str, Any] = {}  # the newest setup, which has compiled programs


def _made(config: Config, dataset: Dataset, execution: str, model: Carried) -> TrainingSetup:
    """The setup; that of a module is made again once the text of its file is another one."""
    made_of = (config, id(dataset), execution, model)
    if _LAST.get("of") != made_of:
        way = Execution.from_record(json.loads(execution))
        setup = make_setup(config, dataset, way, place_images(config, dataset))
        _LAST.update(of=made_of, setup=setup)
    return _LAST["setup"]


def _train(
    task: TrainingTask,
    instances: tuple[int, ...],
    seeds: tuple[int, ...],
    folder: Path,
    first_epochs: int | None,
    send: Send,
    stop: Stop,
) -> TrainedGroup | BegunGroup:
    """Train a group, or only its first epochs, unless another process begins to, after this one.

    That happens if this one was taken for dead, or has lost its client.
    """
    setup, group = (
        with_seeds_of(_setup(task), instances[0]),
        InstanceGroup(instances, seeds, folder),
    )
    attempt, claimed = claim_group(folder), folder / ATTEMPT

    def tell(status: TrainingStatus) -> None:
        if not claimed.is_file() or files.read_json(claimed)["attempt"] != attempt:
            raise JobStopped("another process trains this group now")
        send(status)

    with stopped_when(stop):
        try:
            if first_epochs is None:
                return train_group(setup, group, tell)
            return begin_group(setup, group, first_epochs, tell)
        except TrainingInterrupted as stopped:
            raise JobStopped(str(stopped)) from None
