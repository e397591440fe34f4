"""Which workers of a scheduler take part; but in one test, they are made up."""

from concurrent.futures import Future
from types import SimpleNamespace

import pytest

from ensemble_rsa.cluster import workers as module
from ensemble_rsa.cluster.facts import facts_here
from ensemble_rsa.cluster.workers import Workers


@pytest.fixture
def client():
    """Of a scheduler with eight workers."""
    there = {f"tcp://{i}": {"name": i, "host": "h", "status": "running"} for i in range(8)}

    def submit(function, *arguments, **options):
        future = Future()
        future.set_result(facts_here(with_device=True))
        return future

    return SimpleNamespace(
        status="running",
        scheduler=SimpleNamespace(identity=lambda: {"workers": there}),
        sync=lambda function: function(),
        submit=submit,
    )


def test_all_workers_take_part(client):
    workers = Workers(client, "there", 1.0, None)
    assert len(workers.available()) == 8
    assert not workers.arriving()


def test_a_worker_that_has_not_answered_is_arriving(client, monkeypatch):
    monkeypatch.setattr(module, "SECONDS_PER_QUESTION", 0.0)
    workers = Workers(client, "there", 1.0, None)
    client.scheduler.identity = lambda: {"workers": {"tcp://new": {"status": "running"}}}
    client.submit = lambda *arguments, **options: Future()
    assert not workers.available()
    assert workers.arriving()


def test_no_worker_is_lost_while_the_client_refreshes_what_it_knows(monkeypatch):
    distributed = pytest.importorskip("distributed")
    dask = pytest.importorskip("dask")
    monkeypatch.setattr(module, "SECONDS_PER_QUESTION", 0.0)
    often = {"distributed.client.scheduler-info-interval": "1ms"}  # instead of 2 s
    here = {"processes": False, "dashboard_address": ":0", "n_workers": 6, "memory_limit": 0}
    with (
        dask.config.set(often),
        distributed.LocalCluster(**here, threads_per_worker=1) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        workers = Workers(client, "there", 10.0, None)
        assert [len(workers.available()) for _ in range(300)] == [6] * 300
