"""Opening of a cluster: local workers, jobs of a scheduler, or a scheduler that runs already."""

import contextlib
import logging
import os
import shutil
import subprocess
from collections.abc import Iterator
from math import ceil
from typing import Any

from ensemble_rsa import files
from ensemble_rsa.cluster.address import SYSTEMS, Request, parse_cluster
from ensemble_rsa.cluster.workers import Workers
from ensemble_rsa.errors import InputError, RunError, first_line
from ensemble_rsa.jax_settings import n_cores

log = logging.getLogger(__name__)
PREALLOCATE = "XLA_PYTHON_CLIENT_PREALLOCATE"
SECONDS_TO_CONNECT = 10.0
SECONDS_TO_ARRIVE = 30.0  # of workers, at a scheduler that runs already
CORES_EACH = 4  # of a local worker without a GPU (ours)
# How Dask watches its own processes. Its defaults, up to 100 times a second, take 4 % of a core in
# each local worker, and 5 % in this process.
WATCHED_RARELY = {
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "10s",
    "distributed.worker.profile.enabled": False,
}
INSTALL = "pip install 'ensemble_rsa[cluster]'"


@contextlib.contextmanager
def opened(cluster: "str | Workers | None") -> Iterator[Workers | None]:
    """Yield the workers of a cluster, which is closed afterwards if it was opened here.

    Args:
        cluster: the text of `--cluster`; workers, which stay open; or None.

    Raises:
        InputError: a wrong word, or Dask is not installed.
        RunError: no scheduler at the address, or no worker that may take part.
    """
    if cluster is None or isinstance(cluster, Workers):
        yield cluster
        return
    request = parse_cluster(cluster)
    distributed = _imported("distributed")
    with contextlib.ExitStack() as stack:
        stack.enter_context(_quiet())
        stack.enter_context(gpus_shared(cluster))
        where: Any = request.address
        pinned = None
        if request.kind == "local":
            n = _n_local(request.n_workers)
            where, pinned = stack.enter_context(_local(n)), _shares(n)
        elif request.kind != "address":
            where = stack.enter_context(_jobs(request))
        try:
            client = distributed.Client(where, timeout=SECONDS_TO_CONNECT, set_as_default=False)
        except (OSError, ValueError, RuntimeError) as error:
            # Dask says first which address it could not reach
            raise RunError(
                f"cluster: no scheduler of Dask answers at {request.address or request.kind} "
                f"({first_line(error)}); start one with `dask scheduler`, or give another address"
            ) from None
        stack.callback(_close, client)
        # jobs of a scheduler may wait in its queue
        patience = None if request.kind in SYSTEMS else SECONDS_TO_ARRIVE
        yield Workers(client, cluster, patience, pinned)


@contextlib.contextmanager
def gpus_shared(cluster: "str | Workers | None") -> Iterator[None]:
    """Let JAX, if it starts in this block, leave most memory of a GPU to the local worker there.

    Raises:
        InputError: a wrong word.
    """
    local = isinstance(cluster, str) and parse_cluster(cluster).kind == "local"
    if not local or PREALLOCATE in os.environ or not visible_gpus():
        yield
        return
    os.environ[PREALLOCATE] = "false"
    try:
        yield
    finally:
        os.environ.pop(PREALLOCATE, None)


def _imported(module: str) -> Any:
    try:
        return __import__(module, fromlist=["_"])
    except ImportError as error:
        name = (error.name or module).partition(".")[0]
        what = "dask-kubernetes" if name == "dask_kubernetes" else name
        run = "pip install dask-kubernetes" if name == "dask_kubernetes" else INSTALL
        raise InputError(
            f"cluster: needs an optional library, and {what} is not installed; run: {run}"
        ) from None


@contextlib.contextmanager
def _jobs(request: Request) -> Iterator[Any]:
    """Ask a scheduler of jobs for workers, and end these jobs afterwards."""
    module, name = SYSTEMS[request.kind]
    make = getattr(_imported(module), name)
    options = {"name": "ensemble-rsa"} if request.kind == "kubernetes" else {}
    try:
        cluster = make(**options)
        cluster.scale(request.n_workers)
    except Exception as error:  # noqa: BLE001 - each system fails in its own way
        reason = first_line(error).rstrip(" :")
        raise RunError(
            f"cluster: {request.kind} starts no workers ({reason}); what a job asks for is set in "
            f"Dask's configuration, in ~/.config/dask (see the documentation of {name})"
        ) from None
    log.info("waiting for %s to start up to %d workers", request.kind, request.n_workers)
    with cluster:
        yield cluster


def _n_local(asked: int | None) -> int:
    """How many workers to start on this machine: one for each GPU, or for some of its cores."""
    gpus = len(visible_gpus())
    most = gpus or n_cores()
    n = asked or gpus or min(most, max(2, ceil(n_cores() / CORES_EACH)))
    if n > most:
        raise InputError(
            f"cluster: expected at most {most} workers here, one for each "
            f"{'GPU' if gpus else 'core'}, got local:{n}"
        )
    return n


@contextlib.contextmanager
def _local(n_workers: int) -> Iterator[Any]:
    """Start worker processes on this machine, and stop them afterwards."""
    distributed, dask = _imported("distributed"), _imported("dask")
    gpus = visible_gpus()
    common = {"host": "127.0.0.1", "nthreads": 1, "silence_logs": logging.CRITICAL}
    common["memory_limit"] = 0  # with a limit, Dask ends a worker that has used most of it
    workers = {
        i: {
            "cls": distributed.Nanny,
            "options": {**common, "env": _environment(gpus[i] if gpus else None)},
        }
        for i in range(n_workers)
    }
    scheduler = {
        "cls": distributed.Scheduler,
        "options": {"dashboard": False, "host": "127.0.0.1", "port": 0},
    }
    try:
        with dask.config.set(WATCHED_RARELY):
            cluster = distributed.SpecCluster(workers, scheduler, silence_logs=logging.CRITICAL)
    except (OSError, RuntimeError) as error:
        raise RunError(
            f"cluster: no local workers could be started ({first_line(error)})"
        ) from None
    with cluster:
        yield cluster


def visible_gpus() -> list[str]:
    """The GPUs of NVIDIA that a process may use, found without starting JAX."""
    if os.environ.get("JAX_PLATFORMS", "").split(",")[0] == "cpu":
        return []
    if (asked := os.environ.get("CUDA_VISIBLE_DEVICES")) is not None:
        return [one for one in asked.split(",") if one and one != "-1"]
    if shutil.which("nvidia-smi") is None:
        return []
    answer = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False)
    lines = [line for line in answer.stdout.splitlines() if line.startswith("GPU ")]
    return [str(number) for number in range(len(lines))]


def _environment(gpu: str | None) -> dict[str, str]:
    """Variables of a local worker: its GPU, settings of Dask, and where programs are cached."""
    programs = files.cache_folder() / "programs"
    found = {
        "DASK_" + name.upper().replace(".", "__").replace("-", "_"): str(value)
        for name, value in WATCHED_RARELY.items()
    }
    if gpu is not None:
        found["CUDA_VISIBLE_DEVICES"] = gpu
        found[PREALLOCATE] = os.environ.get(PREALLOCATE, "false")  # this process may use it too
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ and os.access(programs, os.W_OK):
        found["JAX_COMPILATION_CACHE_DIR"] = str(programs)
        found["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.1"
    return found


def _shares(n_workers: int) -> list[tuple[int, ...]] | None:
    """The cores of each local worker: equally many, so that all are of one kind."""
    if not hasattr(os, "sched_getaffinity"):
        return None
    own = sorted(os.sched_getaffinity(0))
    each = max(1, len(own) // n_workers)
    return [tuple(own[i * each : (i + 1) * each]) for i in range(n_workers)]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Let Dask log nothing: what matters of it becomes a sentence."""
    noisy = ("distributed", "tornado", "asyncio")
    names = [name for name in logging.root.manager.loggerDict if name.partition(".")[0] in noisy]
    before = {}
    for logger in map(logging.getLogger, {*names, *noisy}):
        before[logger] = logger.level
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in before.items():
            logger.setLevel(level)


def _close(client: Any) -> None:
    with contextlib.suppress(Exception):
        client.close(timeout=5)
