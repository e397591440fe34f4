"""A store holds what `extract` returns, survives a kill, and refuses what is not its own."""

import dataclasses
import errno
import json

import numpy as np
import pytest
import xarray as xr
import zarr
from filelock import FileLock

from ensemble_rsa import files
from ensemble_rsa.analysis.consistency import consistency, consistency_between
from ensemble_rsa.config.analysis import AnalysisConfig
from ensemble_rsa.errors import InputError, RunError
from ensemble_rsa.extraction.sources import source_from_arrays
from ensemble_rsa.extraction.stored import open_rdms, store_rdms
from ensemble_rsa.extraction.write_rdms import write_rdms
from ensemble_rsa.pipeline.extract import extract
from ensemble_rsa.rdm.distances import DISTANCES
from ensemble_rsa.store import writer
from ensemble_rsa.store.layout import FOUND, GROUP, WRITTEN
from ensemble_rsa.store.reader import is_begun
from tests.store.conftest import CHUNK, LABELS, N_INSTANCES, N_STIMULI

KILLED_AFTER = 21  # chunks, in the third of eight RDMs


def chunks_of(store):
    paths = sorted(store.rglob("c/*/*/*"))
    return {str(path.relative_to(store)): path.read_bytes() for path in paths}


@pytest.fixture
def kill(monkeypatch):
    """Make the writing of chunks fail with an error, after so many."""
    write, n_written = writer._write, []

    def kill(error, after=KILLED_AFTER):
        def failing(path, values):
            n_written.append(path)
            if len(n_written) > after:
                raise error
            write(path, values)

        monkeypatch.setattr(writer, "_write", failing)
        return lambda: monkeypatch.setattr(writer, "_write", write)

    return kill


def test_a_store_is_what_extract_returns(stored, in_memory):
    loaded = stored.load()
    xr.testing.assert_identical(loaded, in_memory)
    assert stored.exemplar.shape == in_memory.exemplar.shape
    late = stored.load(["late"])
    np.testing.assert_array_equal(late.exemplar, in_memory.exemplar[1:])
    with pytest.raises(InputError, match="layers: unknown 'top'; choose from early, late"):
        stored.load(["top"])


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("cocktail_blank", [False, True])
def test_every_distance_is_that_in_memory(
    activations, distance, cocktail_blank, tmp_path, small_chunks
):
    twice = activations["late"][:2].copy()
    twice[:, 1] = 2 * twice[:, 0]  # a distance of 0, to rounding
    settings = AnalysisConfig.of(distance=distance, cocktail_blank=cocktail_blank)
    expected = extract({"late": twice}, LABELS, settings)
    found = extract({"late": twice}, LABELS, settings, store=tmp_path / "rdms.zarr").load()
    np.testing.assert_array_equal(found.exemplar, expected.exemplar)
    np.testing.assert_array_equal(found.centroid, expected.centroid)
    assert found.attrs == expected.attrs


def test_rdms_may_be_written_elsewhere_in_any_order(activations, stored, tmp_path, small_chunks):
    source, settings = source_from_arrays(activations, LABELS), AnalysisConfig()
    told, path = [], tmp_path / "elsewhere.zarr"

    def elsewhere(source, task, left, take):
        assert left == {position: (0, 1) for position in range(N_INSTANCES)}
        for position in reversed(left):
            for layer in reversed(left[position]):
                for made in write_rdms(source, position, [layer], task, None):
                    take(made)

    tell = lambda *numbers: told.append(numbers)
    found = store_rdms(source, source.layers, settings, path, tell, None, elsewhere)
    assert told == [(done, 8) for done in range(9)]
    assert chunks_of(path) == chunks_of(stored.path)
    xr.testing.assert_identical(found.load(), stored.load())
    store_rdms(source, source.layers, settings, path, tell, None, None)
    assert told[9:] == [(8, 8)]


def test_the_first_layer_that_cannot_be_compared_is_named(activations, tmp_path, small_chunks):
    broken = {name: values.copy() for name, values in activations.items()}
    for values in broken.values():
        values[1] = values[1, 0]  # all stimuli have the same pattern

    def elsewhere(source, task, left, take):
        for position in left:
            for layer in reversed(left[position]):
                for made in write_rdms(source, position, [layer], task, None):
                    take(made)

    source = source_from_arrays(broken, LABELS)
    given = source, source.layers, AnalysisConfig()
    here = store_rdms(*given, tmp_path / "here.zarr")
    there = store_rdms(*given, tmp_path / "there.zarr", elsewhere=elsewhere)
    assert here.set_aside == there.set_aside
    assert "all distances of layer early are equal" in here.set_aside["excluded"][0]["reason"]
    xr.testing.assert_identical(here.load(), there.load())


def test_zarr_and_xarray_open_a_store(stored, in_memory):
    group = zarr.open_group(stored.path, mode="r")
    np.testing.assert_array_equal(group["exemplar"][...], in_memory.exemplar)
    np.testing.assert_array_equal(group["centroid"][...], in_memory.centroid)
    assert group.attrs["labels"]["categories"] == LABELS.tolist()
    with xr.open_zarr(stored.path, consolidated=False, chunks=None) as opened:
        assert opened.exemplar.dims == ("layer", "instance", "stimulus_pair")


def test_means_and_ranges_are_kept(stored, in_memory):
    rdms = in_memory.exemplar.values.astype(np.float64).reshape(-1, in_memory.exemplar.shape[-1])
    np.testing.assert_allclose(stored.exemplar.means, rdms.mean(1), rtol=1e-12)
    np.testing.assert_array_equal(stored.exemplar.least, rdms.min(1))
    np.testing.assert_array_equal(stored.exemplar.largest, rdms.max(1))


def test_a_killed_process_goes_on(activations, stored, tmp_path, kill, monkeypatch):
    path = tmp_path / "again.zarr"
    revive = kill(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        extract(activations, LABELS, store=path)
    with pytest.raises(InputError, match=r"only partly written, 2 of 8 RDMs; run the command that"):
        open_rdms(path)
    assert is_begun(path)
    assert not is_begun(stored.path)
    assert not is_begun(tmp_path)
    before = chunks_of(path)
    kept = {name for name in before if name.startswith(("exemplar/c/0/0/", "exemplar/c/1/0/"))}
    times = {name: (path / name).stat().st_mtime_ns for name in kept}
    revive()
    resumed = extract(activations, LABELS, store=path)
    assert chunks_of(path) == chunks_of(stored.path)
    assert times == {name: (path / name).stat().st_mtime_ns for name in kept}
    xr.testing.assert_identical(resumed.load(), stored.load())


def test_an_instance_that_cannot_be_compared_is_left_out(activations, tmp_path, small_chunks):
    broken = {name: values.copy() for name, values in activations.items()}
    broken["late"][1] = 3.0
    expected = extract(broken, LABELS)
    for _ in range(2):  # the second time nothing is computed
        found = extract(broken, LABELS, store=tmp_path / "rdms.zarr").load()
        xr.testing.assert_identical(found, expected)
    assert found.sizes["instance"] == N_INSTANCES - 1


def test_a_full_disk_loses_nothing(activations, tmp_path, small_chunks, kill):
    path = tmp_path / "rdms.zarr"
    revive = kill(OSError(errno.ENOSPC, "No space left on device"))
    message = r"rdms\.zarr: cannot be written \(No space left on device\); what is complete is kept"
    with pytest.raises(files.WriteError, match=message):
        extract(activations, LABELS, store=path)
    revive()
    extract(activations, LABELS, store=path)
    assert len(json.loads((path / WRITTEN).read_text())["rdms"]) == 2 * N_INSTANCES


def test_too_little_room_is_refused_before(activations, tmp_path, monkeypatch):
    usage = files.shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(files.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(RunError, match="the RDMs that are not written yet need"):
        extract(activations, LABELS, store=tmp_path / "rdms.zarr")


def test_a_store_of_another_run_is_refused(activations, stored):
    before = chunks_of(stored.path)
    other = {name: values + 1 for name, values in activations.items()}
    with pytest.raises(InputError, match=r"rdms\.zarr holds RDMs of other activations"):
        extract(other, LABELS, store=stored.path)
    with pytest.raises(InputError, match="of other settings: categories differs"):
        extract(activations, LABELS[::-1], store=stored.path)
    last = {name: values.copy() for name, values in activations.items()}
    last["late"][3] *= 1.01
    with pytest.raises(InputError, match="other activations in layer late of instance 3; give"):
        extract(last, LABELS, store=stored.path)
    one_mask = AnalysisConfig.of(one_mask=True)
    with pytest.raises(InputError, match="of other settings: rdm differs"):
        extract(activations, LABELS, one_mask, store=stored.path)
    drawn = AnalysisConfig.of(draw_stimuli=True)
    with pytest.raises(InputError, match="of other settings: stimulus differs"):
        extract(activations, LABELS, drawn, store=stored.path)
    euclidean = AnalysisConfig.of(distance="euclidean")
    with pytest.raises(InputError, match="of other settings: attributes differs"):
        extract(activations, LABELS, euclidean, store=stored.path)
    assert chunks_of(stored.path) == before


def test_a_failing_input_is_not_taken_for_the_store(activations, tmp_path):
    class Broken:
        ndim, shape, dtype = 2, (N_STIMULI, 30), np.dtype(np.float32)

        def __getitem__(self, key):
            raise OSError(errno.EIO, "Input/output error", "seed0.npy")

    source = source_from_arrays({"early": activations["early"]}, None)
    broken = dataclasses.replace(source, activations=lambda i: [("early", Broken())])
    with pytest.raises(OSError, match=r"seed0\.npy") as error:
        extract(broken, settings=AnalysisConfig(), store=tmp_path / "rdms.zarr")
    assert not isinstance(error.value, files.WriteError)


def test_two_processes_do_not_write_at_once(activations, stored):
    assert (stored.path / writer.LOCK).is_file()  # a waiting process may have it open
    lock = FileLock(stored.path / writer.LOCK)
    with lock, pytest.raises(RunError, match="another process writes to"):
        extract(activations, LABELS, store=stored.path)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:20]), r"damaged, \d+ distances expected"),
        (lambda path: path.unlink(), "cannot be read .No such file or directory"),
        (lambda path: path.write_bytes(b"\xff" * 148), r"damaged, \d+ distances expected"),
    ],
)
def test_a_damaged_chunk_is_named(stored, damage, message):
    path = stored.path / "exemplar/c/1/2/3"
    damage(path)
    with pytest.raises(InputError, match=rf"exemplar/c/1/2/3: {message}"):
        stored.load()


def test_a_chunk_of_zeros_is_named(stored):
    (stored.path / "exemplar/c/1/2/3").write_bytes(b"\0" * 4 * CHUNK)  # after a power failure
    message = "exemplar/c/1/2: damaged, expected distances with a mean of 0"
    with pytest.raises(InputError, match=message):
        stored.load()
    with pytest.raises(InputError, match=message):
        consistency(stored.exemplar)
    other = open_rdms(stored.path).exemplar[:, [0, 1]]
    with pytest.raises(InputError, match=message):
        consistency_between(other[1], stored.exemplar[1])


def test_what_is_no_store_is_refused(tmp_path):
    with pytest.raises(InputError, match="is no store of RDMs .no such folder"):
        open_rdms(tmp_path / "absent")
    with pytest.raises(InputError, match="is no store of RDMs .it holds no zarr.json"):
        open_rdms(tmp_path)
    (tmp_path / GROUP).write_text('{"attributes": {}}')
    with pytest.raises(InputError, match="expected a store of RDMs of format 1, got None"):
        open_rdms(tmp_path)


def test_a_pass_is_kept(stored, monkeypatch):
    from ensemble_rsa.pipeline.analyze import analyze

    settings = AnalysisConfig.of(n_resamples=10)
    first = analyze(stored, settings)
    assert len(list((stored.path / FOUND).iterdir())) == 1
    again = open_rdms(stored.path)
    assert again.exemplar.found.keys() == stored.exemplar.found.keys()
    xr.testing.assert_identical(analyze(again, settings), first)
    assert first.attrs["n_landmarks"] == N_STIMULI


def test_what_a_pass_kept_is_found_again_where_it_is_damaged(stored):
    stored.exemplar.found["sums"] = {"numbers": np.arange(8)}
    stored.keep()
    found = stored.path / FOUND
    (found / ".host-1.sums-a.npz").mkdir()  # of a killed process
    (found / "sums-b.npz").write_bytes((found / "sums.npz").read_bytes()[:99])
    (found / "sums-c.npz").write_bytes(b"\0" * 99)
    (found / "sums-d.npz").write_bytes(b"")
    again = open_rdms(stored.path).exemplar.found
    assert again.keys() == {"sums"}
    assert again["sums"]["numbers"].tolist() == list(range(8))
    assert {path.name for path in found.glob("[!.]*")} == {"sums.npz"}
