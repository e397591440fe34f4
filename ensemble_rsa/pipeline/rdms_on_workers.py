"""RDMs of a source of activations, computed by the workers of a cluster.

A job is an instance; where there are fewer instances than workers, it is some layers of one.
Workers open the source as its recipe says, and the results are written by the process that asked
for them.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

from ensemble_rsa.cluster.jobs import Work, WorkStopped, do_work
from ensemble_rsa.cluster.on_worker import JobStopped, Send
from ensemble_rsa.cluster.workers import Workers
from ensemble_rsa.errors import InputError, RunError
from ensemble_rsa.extraction.collect import InstanceRdms, RdmProgress, instance_rdms
from ensemble_rsa.extraction.sources import ActivationSource
from ensemble_rsa.hygiene.units import UnitCounts, UnitWatch
from ensemble_rsa.pipeline.recipes import open_recipe
from ensemble_rsa.pipeline.worker_folder import Carried, carried
from ensemble_rsa.runs.source_files import stamp_file
from ensemble_rsa.training.interrupts import TrainingInterrupted, held_back

CARRIED = ("model", "build", "preprocess")  # arguments of recipes that name functions


@dataclass(frozen=True)
class RdmTask:
    """A source that workers open, with the functions of a user that it needs, and its digest."""

    reader: str
    arguments: tuple[tuple[str, Any], ...]
    functions: tuple[tuple[str, Carried], ...]
    digest: str


class RdmsOnWorkers:
    """Computes RDMs on workers (`extraction.collect.RdmsElsewhere`).

    `count` is called with what a `UnitWatch` on a worker has counted.
    """

    def __init__(self, workers: Workers, count: Callable[[UnitCounts], None] = lambda counts: None):
        self._workers, self._count = workers, count

    def __call__(
        self,
        source: ActivationSource,
        layers: Sequence[str],
        distance: str,
        cocktail_blanked: bool,
        progress: RdmProgress | None,
    ) -> Iterable[InstanceRdms | str]:
        """For each instance its RDMs, or why it cannot be compared with others.

        Raises:
            InputError: activations that are only in memory.
            RunError: the RDMs of some layers fail on a worker; the message names both.
        """
        task, n_instances = _task_of(source), len(source.instances)
        blocks = _blocks(layers, n_instances, self._workers, task.reader)
        jobs = [(position, block) for position in range(n_instances) for block in blocks]
        names = [f"RDMs of instance {source.instances[i]}, {_layers(block)}" for i, block in jobs]
        arguments = [(task, i, block, distance, cocktail_blanked) for i, block in jobs]
        done = [0] * len(jobs)

        def tell(number: int, n_done: int) -> None:
            done[number] = n_done
            if progress:
                progress(sum(done), len(layers) * n_instances)

        work = Work(_rdms, names, arguments, _prepare, (task,))
        with held_back() as asked_to_stop:
            try:
                found = do_work(
                    self._workers,
                    work,
                    asked_to_stop,
                    tell,
                    lambda number: tell(number, len(jobs[number][1])),
                )
            except WorkStopped as stopped:
                raise TrainingInterrupted(f"interrupted {stopped}; nothing was stored") from None
        for _, counts in found:
            self._count(counts)
        parts = [rdms for rdms, _ in found]
        n = len(blocks)
        return [_together(parts[i * n : (i + 1) * n]) for i in range(n_instances)]


def refuse_store(store: Any) -> None:
    """Raise if RDMs shall be, or have to be, in a store, which one process writes."""
    if store is not None:
        raise InputError(
            "cluster: RDMs in a store on disk are written by one process; leave out --cluster, or "
            "give --store False if the RDMs fit into memory"
        )


def _task_of(source: ActivationSource) -> RdmTask:
    if source.recipe is None:
        raise InputError(
            "cluster: expected activations in files, or networks that were trained or imported "
            "here, got objects in memory, which workers do not have; leave it out"
        )
    arguments = dict(source.recipe["arguments"])
    functions = [
        (name, carried(name, arguments.pop(name))) for name in CARRIED if arguments.get(name)
    ]
    return RdmTask(
        source.recipe["reader"], tuple(arguments.items()), tuple(functions), _digest(source)
    )


def _digest(source: ActivationSource) -> str:
    """A digest of what the source is of, and of its files, which may be others on a worker.

    Their contents are not read; a file of the same name and size is taken for the same.
    """
    sizes = sorted((file.name, stamp_file(file).size) for file in map(Path, source.files))
    whole = (
        *(source.layers, source.instances, source.seeds, source.stimuli, source.categories),
        sizes,
    )
    text = repr([[str(one) for one in part] for part in whole])
    return hashlib.blake2b(text.encode(errors="surrogateescape"), digest_size=16).hexdigest()


def _blocks(
    layers: Sequence[str], n_instances: int, workers: Workers, reader: str
) -> list[tuple[str, ...]]:
    """Layers in as many parts as give each worker a job.

    Networks of other frameworks show each image once for all layers, so theirs stay together.
    """
    n_workers = max(1, len(workers.available()))
    n = 1 if reader == "networks" else min(len(layers), ceil(n_workers / max(1, n_instances)))
    size = ceil(len(layers) / n)
    return [tuple(layers[start : start + size]) for start in range(0, len(layers), size)]


def _layers(block: Sequence[str]) -> str:
    """Layers in words.

    >>> _layers(["conv1"]), _layers(["conv1", "conv2", "conv3"])
    ('layer conv1', 'layers conv1 to conv3')
    """
    return f"layer {block[0]}" if len(block) == 1 else f"layers {block[0]} to {block[-1]}"


def _together(parts: Sequence[InstanceRdms | str]) -> InstanceRdms | str:
    """One instance's RDMs from blocks of its layers; the first reason if it is not comparable."""
    whole = InstanceRdms([], [], [])
    for part in parts:
        if isinstance(part, str):
            return part
        whole.exemplar.extend(part.exemplar)
        whole.centroid.extend(part.centroid)
        whole.constant.extend(part.constant)
    return whole


# What follows runs in the processes of workers.


def _prepare(task: RdmTask, send: Send, stop: Callable[[], bool]) -> None:
    """Open the source, and check that it is the same."""
    if _digest(_source(task)) != task.digest:
        raise RunError(
            "it finds other layers, instances or stimuli than this process, or files of other "
            "sizes; all need the same files"
        )


_LAST: dict[str, Any] = {}  # the newest source


def _source(task: RdmTask) -> ActivationSource:
    if _LAST.get("task") != task:
        arguments = dict(task.arguments) | {name: one.here() for name, one in task.functions}
        source = open_recipe({"reader": task.reader, "arguments": arguments})
        _LAST.update(task=task, source=source)
    return _LAST["source"]


def _rdms(
    task: RdmTask,
    position: int,
    layers: tuple[str, ...],
    distance: str,
    cocktail_blanked: bool,
    send: Send,
    stop: Callable[[], bool],
) -> tuple[InstanceRdms | str, UnitCounts]:
    watch = UnitWatch(_source(task))

    def tell(done: int) -> None:
        send(done)
        if stop():
            raise JobStopped("stopped")

    found = instance_rdms(watch.source, position, layers, distance, cocktail_blanked, tell)
    return found, {key: counts for key, counts in watch.counts().items() if key[0] in layers}
