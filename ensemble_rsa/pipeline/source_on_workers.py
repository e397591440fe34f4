"""A source of activations that the workers of a cluster open, and jobs of its layers."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any, TypeVar

from ensemble_rsa.cluster.on_worker import Send
from ensemble_rsa.cluster.workers import Workers
from ensemble_rsa.errors import InputError, RunError
from ensemble_rsa.extraction.sources import ActivationSource
from ensemble_rsa.pipeline.recipes import open_recipe
from ensemble_rsa.pipeline.worker_folder import Carried, carried
from ensemble_rsa.runs import run_folder
from ensemble_rsa.runs.run import CHECKPOINTS
from ensemble_rsa.runs.source_files import stamp_file

CARRIED = ("model", "build", "preprocess")  # arguments of recipes that name functions
Layer = TypeVar("Layer")


@dataclass(frozen=True)
class SourceTask:
    """A source that workers open, with the functions of a user that it needs.

    `digest` is what workers check; `written` changes when the run or the files are written again,
    so that workers do not go on with what they opened before.
    """

    reader: str
    arguments: tuple[tuple[str, Any], ...]
    functions: tuple[tuple[str, Carried], ...]
    digest: str
    written: str


def task_of(source: ActivationSource) -> SourceTask:
    """What workers open in place of a source.

    Raises:
        InputError: activations that are only in memory.
    """
    if source.recipe is None:
        raise InputError(
            "cluster: expected activations in files, or networks that were trained or imported "
            "here, got objects in memory, which workers do not have; leave it out"
        )
    arguments = dict(source.recipe["arguments"])
    functions = [
        (name, carried(name, arguments.pop(name))) for name in CARRIED if arguments.get(name)
    ]
    return SourceTask(
        source.recipe["reader"],
        tuple(arguments.items()),
        tuple(functions),
        _digest(source),
        _written(source),
    )


def _digest(source: ActivationSource) -> str:
    """A digest of what the source is of, and of its files, which may be others on a worker.

    Of a run that was trained here, its record of the training is part of it. Contents of files are
    not read; a file of the same name and size is taken for the same.
    """
    sizes = sorted((file.name, stamp_file(file).size) for file in map(Path, source.files))
    records = [path.read_bytes() for path in _of_run(source, run_folder.TRAINING)]
    whole = (
        *(source.layers, source.instances, source.seeds, source.stimuli, source.categories),
        *(sizes, records),
    )
    return _hashed([[str(one) for one in part] for part in whole])


def _written(source: ActivationSource) -> str:
    """A digest of sizes and times of writing of the source's files, and of those of its run."""
    of_run = _of_run(source, run_folder.CONFIG, run_folder.TRAINING, CHECKPOINTS)
    paths = [*map(Path, source.files), *of_run]
    return _hashed([stamp_file(path) for path in paths])


def _of_run(source: ActivationSource, *names: str) -> list[Path]:
    """Those of these files and folders that the run of a source has; none without a run."""
    run = source.recipe["arguments"].get("run") if source.recipe else None
    paths = [Path(run) / name for name in names] if run else []
    return [path for path in paths if path.exists()]


def _hashed(values: Any) -> str:
    text = repr(values)
    return hashlib.blake2b(text.encode(errors="surrogateescape"), digest_size=16).hexdigest()


def blocks_of_layers(
    layers: Sequence[Layer], n_instances: int, workers: Workers, task: SourceTask
) -> list[tuple[Layer, ...]]:
    """Layers, by name or place, in as many parts as give each worker a job.

    Networks of other frameworks show each image once for all layers, so theirs stay together.
    """
    n_workers = max(1, len(workers.available()))
    n = 1 if task.reader == "networks" else min(len(layers), ceil(n_workers / max(1, n_instances)))
    size = ceil(len(layers) / n)
    return [tuple(layers[start : start + size]) for start in range(0, len(layers), size)]


def layers_in_words(block: Sequence[str]) -> str:
    """Layers in words.

    >>> layers_in_words(["conv1"]), layers_in_words(["conv1", "conv2", "conv3"])
    ('layer conv1', 'layers conv1 to conv3')
    """
    return f"layer {block[0]}" if len(block) == 1 else f"layers {block[0]} to {block[-1]}"


# What follows runs in the processes of workers.


def check_source(task: SourceTask, send: Send, stop: Callable[[], bool]) -> None:
    """Open the source, and raise a `RunError` unless it is the same."""
    if _digest(source_on_worker(task)) != task.digest:
        raise RunError(
            "it finds another training, other layers, instances or stimuli than this process, or "
            "files of other sizes; all need the same files"
        )


_LAST: dict[str, Any] = {}  # the newest source


def source_on_worker(task: SourceTask) -> ActivationSource:
    """The source; the newest one stays open until its run or files are written again."""
    if _LAST.get("task") != task:
        arguments = dict(task.arguments) | {name: one.here() for name, one in task.functions}
        source = open_recipe({"reader": task.reader, "arguments": arguments})
        _LAST.update(task=task, source=source)
    return _LAST["source"]
