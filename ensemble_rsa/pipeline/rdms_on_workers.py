"""RDMs of a source of activations, computed by the workers of a cluster.

A job is an instance; where there are fewer instances than workers, it is some layers of one.
Workers open the source as its recipe says, and the results are written by the process that asked
for them.
"""

from collections.abc import Callable, Iterable, Sequence

from ensemble_rsa.cluster.jobs import Work
from ensemble_rsa.cluster.on_worker import JobStopped, Send
from ensemble_rsa.cluster.workers import Workers
from ensemble_rsa.extraction.collect import InstanceRdms, RdmProgress, instance_rdms
from ensemble_rsa.extraction.sources import ActivationSource
from ensemble_rsa.hygiene.units import UnitCounts, UnitWatch
from ensemble_rsa.pipeline.interruptible_work import do_interruptible_work
from ensemble_rsa.pipeline.source_on_workers import (
    SourceTask,
    blocks_of_layers,
    check_source,
    layers_in_words,
    source_on_worker,
    task_of,
)


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
        task, n_instances = task_of(source), len(source.instances)
        blocks = blocks_of_layers(layers, n_instances, self._workers, task)
        jobs = [(position, block) for position in range(n_instances) for block in blocks]
        names = [
            f"RDMs of instance {source.instances[i]}, {layers_in_words(block)}" for i, block in jobs
        ]
        arguments = [(task, i, block, distance, cocktail_blanked) for i, block in jobs]
        done = [0] * len(jobs)

        def tell(number: int, n_done: int) -> None:
            done[number] = n_done
            if progress:
                progress(sum(done), len(layers) * n_instances)

        work = Work(_rdms, names, arguments, check_source, (task,))
        end = lambda number: tell(number, len(jobs[number][1]))
        found = do_interruptible_work(self._workers, work, "nothing was stored", tell, end)
        for _, counts in found:
            self._count(counts)
        parts = [rdms for rdms, _ in found]
        n = len(blocks)
        return [_together(parts[i * n : (i + 1) * n]) for i in range(n_instances)]


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


def _rdms(
    task: SourceTask,
    position: int,
    layers: tuple[str, ...],
    distance: str,
    cocktail_blanked: bool,
    send: Send,
    stop: Callable[[], bool],
) -> tuple[InstanceRdms | str, UnitCounts]:
    watch = UnitWatch(source_on_worker(task))

    def tell(done: int) -> None:
        send(done)
        if stop():
            raise JobStopped("stopped")

    found = instance_rdms(watch.source, position, layers, distance, cocktail_blanked, tell)
    return found, {key: counts for key, counts in watch.counts().items() if key[0] in layers}
