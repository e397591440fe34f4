"""The text of `--cluster`, and what is wrong with it in one sentence."""

import builtins
import os

import pytest

from ensemble_rsa.cluster import opening
from ensemble_rsa.cluster.address import JOBS, Request, parse_cluster
from ensemble_rsa.errors import InputError, RunError

GOOD = {
    "local": Request("local"),
    "local:3": Request("local", n_workers=3),
    "slurm": Request("slurm", n_workers=JOBS),
    "pbs:12": Request("pbs", n_workers=12),
    "kubernetes:2": Request("kubernetes", n_workers=2),
    "node7:8786": Request("address", "tcp://node7:8786"),
    "tls://node7:8786": Request("address", "tls://node7:8786"),
    "[::1]:8786": Request("address", "tcp://[::1]:8786"),
}


@pytest.mark.parametrize("text", GOOD)
def test_words_and_addresses(text):
    assert parse_cluster(text) == GOOD[text]


@pytest.mark.parametrize("text", ["local:0", "local:two", "slurm:", "local:1.5"])
def test_a_number_of_workers_is_whole(text):
    with pytest.raises(InputError, match=r"^cluster: expected a number of workers of 1 or more"):
        parse_cluster(text)


@pytest.mark.parametrize("text", ["", "slrum", "node7", "node7:port", "http://node7:8786", "a b:1"])
def test_anything_else_is_refused_with_the_choices(text):
    with pytest.raises(InputError, match=r"^cluster: expected local, local:N, slurm, .* HOST:PORT"):
        parse_cluster(text)


def test_no_cluster_opens_nothing():
    with opening.opened(None) as workers:
        assert workers is None


def test_the_extra_is_named_where_dask_is_not_installed(monkeypatch):
    real = builtins.__import__

    def without(name, *more, **options):
        if name.partition(".")[0] in ("distributed", "dask_kubernetes"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name.partition(".")[0])
        return real(name, *more, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with (
        pytest.raises(InputError, match=r"distributed is not installed; run: pip .*\[cluster\]"),
        opening.opened("local:1"),
    ):
        pass
    with pytest.raises(InputError, match=r"dask-kubernetes is not installed; run: pip install"):
        opening._imported("dask_kubernetes.operator")


def test_an_address_without_a_scheduler_is_one_sentence(monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(opening, "SECONDS_TO_CONNECT", 0.2)
    with (
        pytest.raises(RunError, match=r"no scheduler of Dask answers at tcp://127.0.0.1:9") as told,
        opening.opened("127.0.0.1:9"),
    ):
        pass
    assert "\n" not in str(told.value)


def test_more_local_workers_than_cores_are_refused(monkeypatch):
    monkeypatch.setattr(opening, "visible_gpus", list)
    monkeypatch.setattr(opening, "n_cores", lambda: 4)
    with pytest.raises(InputError, match="at most 4 workers here, one for each core, got local:5"):
        opening._n_local(5)
    assert opening._n_local(None) == 2


def test_a_local_worker_for_each_gpu(monkeypatch):
    monkeypatch.delenv("JAX_PLATFORMS", raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,3,5")
    assert opening.visible_gpus() == ["0", "3", "5"]
    assert opening._n_local(None) == 3
    assert opening._environment("3")["CUDA_VISIBLE_DEVICES"] == "3"
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    assert opening.visible_gpus() == []


def test_dask_reads_in_local_workers_how_rarely_it_shall_watch_them():
    pytest.importorskip("distributed")  # whose defaults are read now
    dask = pytest.importorskip("dask")
    read = dask.config.collect_env(opening._environment(None))
    for name, value in opening.WATCHED_RARELY.items():
        assert dask.config.get(name, config=read) == value
        assert dask.config.get(name) != value  # unless it is told


def test_memory_of_gpus_is_shared_only_while_local_workers_are_there(monkeypatch):
    monkeypatch.delenv(opening.PREALLOCATE, raising=False)
    monkeypatch.setattr(opening, "visible_gpus", lambda: ["0"])
    with opening.gpus_shared("local"):
        assert os.environ[opening.PREALLOCATE] == "false"
    with opening.gpus_shared("slurm"):
        assert opening.PREALLOCATE not in os.environ
    assert opening._environment("0")[opening.PREALLOCATE] == "false"
    assert opening.PREALLOCATE not in opening._environment(None)
    monkeypatch.setenv(opening.PREALLOCATE, "true")  # as a user wants it
    with opening.gpus_shared("local"):
        assert opening._environment("0")[opening.PREALLOCATE] == "true"
    assert os.environ[opening.PREALLOCATE] == "true"


def test_local_workers_have_equally_many_cores_of_their_own(monkeypatch):
    monkeypatch.setattr(opening.os, "sched_getaffinity", lambda pid: {0, 2, 4, 6, 8}, raising=False)
    assert opening._shares(2) == [(0, 2), (4, 6)]
