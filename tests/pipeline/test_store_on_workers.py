"""Jobs that write and sum the RDMs of a store, done by workers that are made up."""

import dataclasses

import numpy as np
import pytest
import xarray as xr

from ensemble_rsa.cluster.jobs import WorkStopped
from ensemble_rsa.cluster.on_worker import JobStopped
from ensemble_rsa.cluster.workers import Registered, Workers
from ensemble_rsa.errors import InputError
from ensemble_rsa.extraction.sources import source_from_arrays
from ensemble_rsa.interop.activation_files.source import from_files
from ensemble_rsa.pipeline import interruptible_work, store_on_workers
from ensemble_rsa.pipeline.extract import extract
from ensemble_rsa.store import writer
from ensemble_rsa.training.interrupts import TrainingInterrupted

N_INSTANCES, N_STIMULI, LAYERS = 3, 12, ("a", "b")


class MadeUp(Workers):
    """Five workers, in another folder, that do the jobs of this process; `lost` messages."""

    def __init__(self, folder, monkeypatch, lost=False, stop_after=None):
        self._folder, self._monkeypatch = folder, monkeypatch
        self._lost, self._stop_after = lost, stop_after
        self.names = []

    def available(self):
        return dict.fromkeys("vwxyz", Registered(None, "", "running"))

    def do_work(self, workers, work, stop, receive, finished):
        assert workers is self
        self._elsewhere(work.prepare, *work.preparation, print, bool)
        found = []
        for number, arguments in enumerate(work.arguments):
            if len(self.names) == self._stop_after:
                raise WorkStopped(f"with {number} of {len(work.names)} jobs done")
            sent = []
            found.append(self._elsewhere(work.function, *arguments, sent.append, bool))
            for message in () if self._lost else sent:
                receive(number, message)
            self.names.append(work.names[number])
        return found

    def _elsewhere(self, function, *arguments):
        with self._monkeypatch.context() as there:
            there.chdir(self._folder)
            return function(*arguments)


@pytest.fixture
def workers(tmp_path, monkeypatch):
    """Make workers, and let all work be theirs."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(writer, "CHUNK", 25)  # of 66 pairs

    def made(**how):
        team = MadeUp(tmp_path / "elsewhere", monkeypatch, **how)
        monkeypatch.setattr(interruptible_work, "do_work", team.do_work)
        return team

    return made


@pytest.fixture
def source(tmp_path):
    rng = np.random.default_rng(0)
    for seed in range(N_INSTANCES):
        layers = {name: rng.normal(size=(N_STIMULI, 20)).astype("f4") for name in LAYERS}
        np.savez(tmp_path / f"seed{seed}.npz", **layers)
    return from_files(tmp_path / "seed{instance}.npz", labels=list("aabbcc") * 2)


@pytest.mark.parametrize("lost", [False, True])
def test_workers_write_and_sum_what_one_process_does(source, workers, lost):
    whole = extract(source, store="whole.zarr")
    team = workers(lost=lost)
    found = extract(source, store="run.zarr", cluster=team)
    xr.testing.assert_identical(found.load(), whole.load())
    assert team.names[:2] == ["RDMs of instance 0, layer a", "RDMs of instance 0, layer b"]
    assert team.names[6:] == ["sums of the pairs from 0 to 66"]
    (sums,) = found.exemplar.found.values()
    rdms = whole.load().exemplar.values.astype(np.float64).reshape(6, -1)
    deviations = rdms - sums["pivots"][:, None]
    np.testing.assert_allclose(sums["every_products"], deviations @ deviations.T, atol=1e-12)
    extract(source, store="run.zarr", cluster=team)
    assert len(team.names) == 7  # nothing was left to do


def test_complete_rdms_are_kept_when_the_work_stops(source, workers):
    with pytest.raises(TrainingInterrupted, match="2 of 6 jobs done; what is complete is kept"):
        extract(source, store="run.zarr", cluster=workers(stop_after=2))
    team = workers()
    found = extract(source, store="run.zarr", cluster=team)
    assert team.names[0] == "RDMs of instance 1, layer a"
    xr.testing.assert_identical(found.load(), extract(source, store="whole.zarr").load())


def test_what_another_worker_wrote_before_it_died_is_not_written_again(source, workers):
    workers()
    extract(source, store="run.zarr")
    task = store_on_workers.task_of(source)
    given = _task("run.zarr", source), 1, (0, 1)
    assert store_on_workers._write(task, *given, print, bool) == []


def test_a_job_stops_between_chunks(source, workers):
    extract(source, store="run.zarr")
    asked = iter([False, True])
    task = _task("run.zarr", source)
    other = writer.RdmTarget(task.target.path.with_name("other.zarr"), 25, task.target.codes)
    (other.path / "exemplar").mkdir(parents=True)
    (other.path / "exemplar" / "written.json").write_text('{"rdms": {}}')
    with pytest.raises(JobStopped):
        store_on_workers._write(
            store_on_workers.task_of(source),
            dataclasses.replace(task, target=other),
            0,
            (0,),
            print,
            lambda: next(asked),
        )
    assert [file.name for file in (other.path / "exemplar" / "c" / "0" / "0").iterdir()] == ["0"]


def _task(path, source):
    codes = np.unique(source.categories, return_inverse=True)[1]
    target = writer.RdmTarget(store_on_workers.Path(path).resolve(), 25, codes)
    return store_on_workers.RdmTask(target, source.layers, "correlation", False)


def test_activations_in_memory_are_refused_before_anything_is_made(workers, tmp_path):
    source = source_from_arrays({"a": np.eye(6)[None].repeat(2, 0)}, list("aabbcc"))
    with pytest.raises(InputError, match="^cluster: expected activations in files, or networks"):
        extract(source, store="run.zarr", cluster=workers())
    assert not (tmp_path / "here" / "run.zarr").exists()
