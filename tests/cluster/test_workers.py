"""Which workers of a scheduler take part; the scheduler and its workers are made up."""

from concurrent.futures import Future
from types import SimpleNamespace

import pytest

from ensemble_rsa.cluster import workers as module
from ensemble_rsa.cluster.facts import facts_here
from ensemble_rsa.cluster.workers import Workers


@pytest.fixture
def client():
    """Of a scheduler with eight workers; it tells of five unless asked for all."""
    there = {f"tcp://{i}": {"name": i, "host": "h", "status": "running"} for i in range(8)}

    def scheduler_info(n_workers=5):
        return {"workers": dict([*there.items()][: None if n_workers == -1 else n_workers])}

    def submit(function, *arguments, **options):
        future = Future()
        future.set_result(facts_here(with_device=True))
        return future

    return SimpleNamespace(status="running", scheduler_info=scheduler_info, submit=submit)


def test_all_workers_take_part(client):
    workers = Workers(client, "there", 1.0, None)
    assert len(workers.available()) == 8
    assert not workers.arriving()


def test_a_worker_that_has_not_answered_is_arriving(client, monkeypatch):
    monkeypatch.setattr(module, "SECONDS_PER_QUESTION", 0.0)
    workers = Workers(client, "there", 1.0, None)
    client.scheduler_info = lambda n_workers: {"workers": {"tcp://new": {"status": "running"}}}
    client.submit = lambda *arguments, **options: Future()
    assert not workers.available()
    assert workers.arriving()
