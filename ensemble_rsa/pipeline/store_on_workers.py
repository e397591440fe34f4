"""RDMs in a store, written and summed by the workers of a cluster.

A job writes the RDMs of an instance, or of some layers of one; later, a job sums a block of pairs.
All workers see the folder of the store. The process that was started locks it, and records each RDM
as soon as a worker has written it, so that what is complete is kept.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from ensemble_rsa.analysis.stacked import (
    BlockSums,
    Codes,
    blocks_of,
    is_passed_over,
    keep_blocks,
    sums_of_block,
)
from ensemble_rsa.arrays import check_labels
from ensemble_rsa.cluster.jobs import Work
from ensemble_rsa.cluster.on_worker import JobStopped, Send
from ensemble_rsa.cluster.workers import Workers
from ensemble_rsa.extraction.sources import ActivationSource
from ensemble_rsa.extraction.stored import Take, open_rdms
from ensemble_rsa.extraction.write_rdms import RdmTask, WrittenRdm, write_rdms
from ensemble_rsa.hygiene.units import UnitWatch
from ensemble_rsa.pipeline.interruptible_work import do_interruptible_work
from ensemble_rsa.pipeline.source_on_workers import (
    SourceTask,
    blocks_of_layers,
    check_source,
    layers_in_words,
    source_on_worker,
    task_of,
)
from ensemble_rsa.pipeline.worker_folder import SharedFolder, check_shared, shared_folder
from ensemble_rsa.store.layout import EXEMPLAR, WRITTEN
from ensemble_rsa.store.reader import RdmStore, complete_rdms
from ensemble_rsa.store.writer import locked


class StoreOnWorkers:
    """Writes RDMs on workers (`extraction.stored.WriterElsewhere`)."""

    def __init__(self, workers: Workers, source: ActivationSource):
        """Raise an `InputError` for a source whose activations are only in memory."""
        self._workers, self._source = workers, task_of(source)

    def __call__(
        self, source: ActivationSource, task: RdmTask, left: Mapping[int, Sequence[int]], take: Take
    ) -> None:
        """Write, for each instance, the RDMs that are left, and pass each to `take`.

        Raises:
            RunError: the RDMs of some layers fail on a worker; the message names both.
            TrainingInterrupted: on Ctrl-C, SIGTERM or a limit of time.
        """
        if not left:
            return
        path = task.target.path.resolve()  # workers may run in other folders
        task = replace(task, target=replace(task.target, path=path))
        places = range(len(task.layers))
        blocks = blocks_of_layers(places, len(left), self._workers, self._source)
        jobs = [
            (position, wanted)
            for position, missing in left.items()
            for block in blocks
            if (wanted := tuple(layer for layer in block if layer in missing))
        ]
        names = [
            f"RDMs of instance {source.instances[position]}, "
            f"{layers_in_words([task.layers[layer] for layer in wanted])}"
            for position, wanted in jobs
        ]
        arguments = [(self._source, task, position, wanted) for position, wanted in jobs]
        taken: set[tuple[int, int]] = set()

        def receive(number: int, made: WrittenRdm) -> None:
            if (made.layer, made.instance) not in taken:
                taken.add((made.layer, made.instance))
                take(made)

        with shared_folder(path / EXEMPLAR) as folder:
            work = Work(_write, names, arguments, _prepare_writing, (self._source, folder))
            left_behind = "what is complete is kept, and the same command goes on"
            found = do_interruptible_work(self._workers, work, left_behind, receive)
        for written in found:  # a message may be lost
            for made in written:
                receive(0, made)


def pass_on_workers(workers: Workers, store: RdmStore) -> None:
    """Have workers sum the products of all RDMs of a store, as `analysis.stacked.pass_over` does.

    Raises:
        InputError: distances that do not add up to what was written.
        RunError: a block of pairs fails on a worker; another process writes to the store.
        TrainingInterrupted: on Ctrl-C, SIGTERM or a limit of time.
    """
    stack, codes = store.exemplar, check_labels("category", store.dataset.category.values)[0]
    if is_passed_over(stack, codes):
        return
    blocks = blocks_of(stack)
    names = [f"sums of the pairs from {block[0].start} to {block[-1].stop}" for block in blocks]
    arguments = [(store.path.resolve(), codes, number) for number in range(len(blocks))]
    with locked(store.path), shared_folder(store.path / EXEMPLAR) as folder:
        work = Work(_sum, names, arguments, _prepare_sums, (folder,))
        left_behind = "the RDMs are kept, and the same command goes on"
        sums = do_interruptible_work(workers, work, left_behind)
    keep_blocks(stack, codes, sums)
    store.keep()


# What follows runs in the processes of workers.


def _prepare_writing(
    task: SourceTask, folder: SharedFolder, send: Send, stop: Callable[[], bool]
) -> None:
    check_shared(folder)
    check_source(task, send, stop)


def _write(
    of_source: SourceTask,
    task: RdmTask,
    position: int,
    layers: tuple[int, ...],
    send: Send,
    stop: Callable[[], bool],
) -> list[WrittenRdm]:
    """Write some RDMs of an instance, but for those that a worker wrote which died later."""
    watch = UnitWatch(source_on_worker(of_source))
    done = complete_rdms(task.target.path)
    left = [layer for layer in layers if (layer, position) not in done]
    found = []

    def check() -> None:
        if stop():
            raise JobStopped("stopped")

    for made in write_rdms(watch.source, position, left, task, watch, check) if left else ():
        send(made)
        found.append(made)
    return found


def _prepare_sums(folder: SharedFolder, send: Send, stop: Callable[[], bool]) -> None:
    check_shared(folder)


def _sum(path: Path, codes: Codes, number: int, send: Send, stop: Callable[[], bool]) -> BlockSums:
    stack = _opened(path, (path / WRITTEN).stat().st_mtime_ns).exemplar
    return sums_of_block(stack, codes, blocks_of(stack)[number])


@lru_cache(maxsize=1)
def _opened(path: Path, changed: int) -> RdmStore:
    """The store; opened again once it has `changed`."""
    return open_rdms(path)
