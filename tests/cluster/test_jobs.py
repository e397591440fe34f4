"""The loop that gives jobs to workers, with threads in the place of workers of Dask."""

import pickle
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from ensemble_rsa.cluster import jobs, on_worker
from ensemble_rsa.cluster.jobs import Work, WorkStopped, do_work
from ensemble_rsa.cluster.on_worker import Failure, JobStopped
from ensemble_rsa.cluster.workers import Registered, Workers
from ensemble_rsa.errors import InputError, RunError


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(jobs, "SECONDS_PER_LOOK", 0.01)


class FakeFuture(Future):
    status = "pending"

    def cancel(self, force=False):
        return True


class FakeWorkers(Workers):
    """Workers as `do_work` sees them; a worker named in `dying` dies with its next job."""

    def __init__(self, *names, dying=(), slow=()):
        self.where, self.patience = "threads", 0.1
        self.there = {name: Registered(name, "host", "running") for name in names}
        self.left_out, self.done, self.admissions = {}, [], []
        self.dying, self.slow = list(dying), slow
        self.stopping = threading.Event()
        self.handler = lambda event: None
        self.client = SimpleNamespace(
            status="running",
            subscribe_topic=lambda topic, handler: setattr(self, "handler", handler),
            unsubscribe_topic=lambda topic: None,
            cancel=lambda futures, force: None,
            run=lambda *arguments, **options: self.stopping.set(),
        )
        self.pool = ThreadPoolExecutor()

    def available(self):
        return {name: one for name, one in self.there.items() if name not in self.left_out}

    def registered(self):
        return self.there

    def arriving(self):
        return bool(self.admissions and self.admissions.pop())

    def called(self, address):
        return f"worker {address}"

    def leave_out(self, address, reason):
        self.left_out[address] = reason

    def nobody(self):
        all_out = self.left_out and set(self.there) <= set(self.left_out)
        return RunError(f"nobody: {self.left_out}") if all_out else None

    def submit(self, address, do, run, number, topic, function, *arguments):
        future = FakeFuture()

        def send(message):
            self.handler((0, [number, pickle.dumps(message)]))

        def call():
            try:
                if address in self.slow:
                    time.sleep(1)
                result = function(*arguments, send, self.stopping.is_set)
                self.done.append((address, number))
            except JobStopped as reason:
                result = Failure(str(reason), stopped=True)
            except (InputError, RunError) as error:
                result = Failure(str(error), of_input=isinstance(error, InputError))
            future.set_result(result)

        if number >= 0 and address in self.dying:
            self.dying.remove(address)
            del self.there[address]
        else:
            self.pool.submit(call)
        return future


def square(x, send, stop):
    send(f"squaring {x}")
    return x * x


def ready(send, stop):
    pass


def work(function=square, n=6, prepare=ready):
    return Work(function, [f"job {i}" for i in range(n)], [(i,) for i in range(n)], prepare, ())


def test_results_come_in_order_with_what_jobs_sent():
    heard, finished = [], []
    found = do_work(
        FakeWorkers("a", "b"), work(), receive=lambda *told: heard.append(told),
        finished=finished.append,
    )  # fmt: skip
    assert found == [0, 1, 4, 9, 16, 25]
    assert sorted(heard) == [(i, f"squaring {i}") for i in range(6)]
    assert sorted(finished) == list(range(6))


def test_a_slow_worker_does_fewer_jobs():
    workers = FakeWorkers("slow", "fast", slow=("slow",))
    assert do_work(workers, work(n=8)) == [i * i for i in range(8)]
    counts = [sum(who == name and n >= 0 for who, n in workers.done) for name in ("slow", "fast")]
    assert counts[0] <= 1
    assert counts[1] >= 7


def test_the_job_of_a_worker_that_died_is_done_by_another(caplog):
    workers = FakeWorkers("a", "b", dying=("a",))
    assert do_work(workers, work()) == [0, 1, 4, 9, 16, 25]
    assert "worker a died; job" in caplog.text
    assert {who for who, number in workers.done if number >= 0} == {"b"}


def test_a_job_that_kills_three_workers_is_named():
    workers = FakeWorkers("a", "b", "c", "d", dying=("a", "b", "c", "d"))
    with pytest.raises(RunError, match="job 0: 3 workers died while they did this, the last one"):
        do_work(workers, work(n=1))


def test_a_failed_job_names_itself_and_its_worker():
    def fail(x, send, stop):
        if x == 2:
            raise RunError("No space left on device")
        return x

    with pytest.raises(RunError, match="^job 2, on worker a: No space left on device$"):
        do_work(FakeWorkers("a"), work(fail))


def test_an_unforeseen_error_comes_with_its_trace(monkeypatch):
    """As text: of an error that cannot be sent, Dask would tell the client nothing."""
    worker = SimpleNamespace(
        log_event=lambda topic, message: None,
        get_current_task=lambda: "job",
        state=SimpleNamespace(tasks={"job": SimpleNamespace(state="executing")}),
    )
    library = SimpleNamespace(get_worker=lambda: worker)
    monkeypatch.setattr(on_worker, "import_module", lambda name: library)

    def fail(x, send, stop):
        return [][x]

    failure = on_worker.do("run", 0, "topic", fail, 3)
    with pytest.raises(RuntimeError, match="worker a failed, .* defect:(?s:.*)IndexError: list"):
        do_work(FakeWorkers("a"), work(lambda x, send, stop: failure))


def test_workers_on_which_preparing_fails_are_left_out():
    def no_data_once(send, stop, seen=[]):  # noqa: B006 - remembers the first call
        if not seen:
            seen.append(1)
            raise RunError("no images there")

    workers = FakeWorkers("a", "b")
    assert do_work(workers, work(prepare=no_data_once)) == [0, 1, 4, 9, 16, 25]
    assert list(workers.left_out.values()) == ["no images there"]

    def no_data(send, stop):
        raise RunError("no images there")

    with pytest.raises(RunError, match="nobody: .*no images there"):
        do_work(FakeWorkers("a", "b"), work(prepare=no_data))


def test_stopping_lets_jobs_store_first():
    stored = []

    def long(x, send, stop):
        while not stop():
            time.sleep(0.01)
        stored.append(x)
        raise JobStopped("stored")

    workers, began = FakeWorkers("a", "b"), time.monotonic()
    with pytest.raises(WorkStopped, match="with 0 of 6 jobs done"):
        do_work(workers, work(long), stop=lambda: time.monotonic() > began + 0.3)
    assert sorted(stored) == [0, 1]


def test_no_worker_for_a_while_is_one_sentence():
    with pytest.raises(RunError, match="cluster: threads has had no worker for 0 seconds"):
        do_work(FakeWorkers(), work())


def test_a_worker_that_still_imports_is_waited_for():
    workers = FakeWorkers()
    workers.admissions = [True] * 30  # longer than the patience
    late = threading.Timer(0.2, lambda: workers.there.update(a=Registered("a", "host", "running")))
    late.start()
    assert do_work(workers, work(n=1)) == [0]


def test_a_result_may_take_any_time_to_arrive(monkeypatch, caplog):
    def slow_transfer(self, timeout=None):
        if timeout is not None:  # less than it takes
            raise TimeoutError
        time.sleep(0.05)
        return Future.result(self)

    monkeypatch.setattr(FakeFuture, "result", slow_transfer)
    assert do_work(FakeWorkers("a"), work(n=2)) == [0, 1]
    assert not caplog.records


def test_the_job_of_a_worker_that_dies_while_it_sends_is_done_by_another(monkeypatch):
    workers = FakeWorkers("a")

    def never_comes(self, timeout=None):
        result = Future.result(self)
        if result == 0 and "a" in workers.there:
            del workers.there["a"]
            workers.there["b"] = Registered("b", "host", "running")
            threading.Event().wait()
        return result

    monkeypatch.setattr(FakeFuture, "result", never_comes)
    assert do_work(workers, work(n=2)) == [0, 1]


def test_results_that_cannot_be_sent_end_the_work(monkeypatch):
    def broken(self, timeout=None):
        if Future.result(self) is not None:
            raise OSError("the stream is closed")

    monkeypatch.setattr(FakeFuture, "result", broken)
    with pytest.raises(RunError, match="^job 0: the result of worker a did not arrive .the stream"):
        do_work(FakeWorkers("a"), work(n=1))
