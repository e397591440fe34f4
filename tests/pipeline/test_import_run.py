"""Imported runs: stored, analysed, compared and exported like trained ones."""

import csv
import itertools
import json
import shutil

import h5py
import numpy as np
import pytest
import xarray as xr
from scipy.spatial.distance import pdist

from ensemble_rsa.cli.main import main
from ensemble_rsa.config.analysis import AnalysisConfig
from ensemble_rsa.errors import InputError, RunError
from ensemble_rsa.extraction.sources import source_from_arrays
from ensemble_rsa.interop.activation_files.source import from_files
from ensemble_rsa.pipeline import analyze as pipeline
from ensemble_rsa.pipeline.export import export
from ensemble_rsa.pipeline.extract import activations, extract
from ensemble_rsa.pipeline.import_run import import_run
from ensemble_rsa.pipeline.recipes import stored_rdms
from ensemble_rsa.runs.imported import ImportedRun, open_run
from ensemble_rsa.runs.run import load_run

IDS = [f"image{i}" for i in range(12)]
CATEGORIES = dict(zip(IDS, np.repeat(list("xyz"), 4).tolist(), strict=True))
QUICK = {"n_resamples": 20}


@pytest.fixture(scope="module")
def values() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    shared = rng.normal(size=(12, 30))
    return {
        layer: (shared + noise * rng.normal(size=(3, 12, 30))).astype(np.float32)
        for layer, noise in (("conv1", 0.3), ("fc", 1.0))
    }


@pytest.fixture(scope="module")
def made(values, tmp_path_factory):
    """Files of three instances, and the run that they were imported to."""
    folder = tmp_path_factory.mktemp("files")
    for i in range(3):
        arrays = {layer: each[i] for layer, each in values.items()}
        np.savez(folder / f"seed{i + 1}.npz", stimulus=np.array(IDS), **arrays)
    source = from_files(folder / "seed{instance}.npz", CATEGORIES)
    return folder, import_run(source, folder / "run")


@pytest.fixture
def copied(made, tmp_path):
    """A copy of the run whose files may be changed."""
    folder = shutil.copytree(made[0], tmp_path / "copy")
    config = folder / "run" / "config.json"
    for path in (config, folder / "run" / "manifest.json"):
        path.write_text(path.read_text().replace(str(made[0]), str(folder)))
    return folder


def test_an_imported_run_records_rdms_recipe_files_and_versions(made, values):
    folder, path = made
    assert {file.name for file in path.iterdir()} == {
        "config.json", "manifest.json", "extracted.nc", "rdms.h5",
    }  # fmt: skip
    manifest = json.loads((path / "manifest.json").read_text())
    assert [file["path"] for file in manifest["files"]] == [
        str((folder / f"seed{i}.npz").resolve()) for i in (1, 2, 3)
    ]
    assert manifest["files"][0]["size"] == (folder / "seed1.npz").stat().st_size
    assert manifest["versions"]["numpy"] == np.__version__
    run = open_run(path)
    assert isinstance(run, ImportedRun)
    rdms = stored_rdms(run, AnalysisConfig())
    assert rdms.instance.values.tolist() == rdms.seed.values.tolist() == [1, 2, 3]
    for layer, i in itertools.product(values, range(3)):
        expected = pdist(values[layer][i].astype(np.float64), "correlation")
        np.testing.assert_allclose(
            rdms.exemplar.sel(layer=layer)[i], expected, atol=1e-6 * expected.max()
        )


def test_other_distances_and_stimuli_are_computed_from_the_files(made, values):
    run = open_run(made[1])
    settings = AnalysisConfig.of(distance="euclidean", stimuli=6)
    assert stored_rdms(run, settings) is None
    rdms = extract(run, settings=settings)
    chosen = [0, 1, 4, 5, 8, 9]
    assert rdms.stimulus.values.tolist() == [IDS[i] for i in chosen]
    shown = activations(run, "fc", settings)
    np.testing.assert_array_equal(shown.sel(instance=3), values["fc"][2][chosen])
    expected = pdist(values["fc"][2][chosen].astype(np.float64))
    np.testing.assert_allclose(rdms.exemplar.sel(layer="fc", instance=3), expected, rtol=1e-5)


def test_files_that_changed_or_are_gone_are_named(copied):
    cosine = AnalysisConfig.of(distance="cosine")
    np.savez(copied / "seed2.npz", conv1=np.eye(12))
    with pytest.raises(InputError, match="seed2.npz has changed since the import; restore it"):
        extract(copied / "run", settings=cosine)
    (copied / "seed2.npz").unlink()
    with pytest.raises(InputError, match="seed2.npz is no longer there"):
        extract(copied / "run", settings=cosine)


def test_what_needs_a_training_is_refused(made):
    for settings in ({"epoch": 3}, {"dropout_sample": 0}, {"stimulus_map": "broad"}):
        with pytest.raises(InputError, match="expected none for an imported run, got"):
            extract(made[1], settings=AnalysisConfig.of(**settings))
    with pytest.raises(InputError, match="was imported, and this needs a run that `ensemble-rsa t"):
        load_run(made[1])


def test_activations_in_memory_keep_their_rdms_only(values, tmp_path):
    path = import_run(source_from_arrays(values, list(CATEGORIES.values())), tmp_path / "run")
    assert stored_rdms(open_run(path), AnalysisConfig()).sizes["layer"] == 2
    with pytest.raises(InputError, match="imported from objects in memory"):
        extract(path, settings=AnalysisConfig.of(distance="cosine"))


def test_a_failed_import_leaves_nothing(made, values, tmp_path):
    broken = {"fc": values["fc"].copy()}
    broken["fc"][2, 0, 0] = np.nan
    with pytest.raises(InputError, match="expected finite numbers"):
        import_run(source_from_arrays(broken, None), tmp_path / "new" / "run")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InputError, match="exists and is not an empty folder"):
        import_run(source_from_arrays(values, None), made[1])
    with pytest.raises(InputError, match="expected what from_files or from_networks returns"):
        import_run(values, tmp_path / "run")


def test_no_cluster_is_opened_for_stored_rdms(made, tmp_path, monkeypatch):
    def analysed(rdms, settings):
        raise RunError("analysed")

    monkeypatch.setattr(pipeline, "analyze", analysed)
    run, nowhere = made[1], "127.0.0.1:9"  # no scheduler answers there
    with pytest.raises(RunError, match="^analysed$"):
        pipeline.analyze_run(run, None, tmp_path / "out", cluster=nowhere)


def test_activations_are_exported_as_thingsvision_writes_them(made, values, tmp_path):
    path = export(made[1], "thingsvision", tmp_path / "tv")
    np.testing.assert_array_equal(np.load(path / "2" / "fc" / "features.npy"), values["fc"][1])
    assert (path / "2" / "file_names.txt").read_text().split() == IDS
    again = from_files(path / "{instance}", CATEGORIES)
    assert (again.instances, again.layers) == ((1, 2, 3), ("conv1", "fc"))
    assert (again.stimuli, again.categories) == (tuple(IDS), tuple(CATEGORIES.values()))
    for layer, patterns in again.activations(2):
        np.testing.assert_array_equal(np.asarray(patterns), values[layer][2])
    some = export(made[1], "thingsvision", tmp_path / "some", layers=np.array(["fc"]))
    assert [path.name for path in (some / "1").iterdir() if path.is_dir()] == ["fc"]
    with pytest.raises(InputError, match="layers: unknown 'fc9'; choose from conv1, fc"):
        export(made[1], "thingsvision", tmp_path / "none", layers=["fc9"])
    for wrong in ([], ["fc", "fc"], "fc"):
        with pytest.raises(InputError, match="layers: expected names of layers, each once, got"):
            export(made[1], "thingsvision", tmp_path / "none", layers=wrong)
    assert not (tmp_path / "none").exists()
    with pytest.raises(InputError, match="tv exists; give another --out"):
        export(made[1], "thingsvision", tmp_path / "tv")


def test_rdms_in_a_file_are_not_analysed_as_a_store(made, tmp_path):
    with pytest.raises(InputError, match="store: expected a run that was imported with --store"):
        pipeline.analyze_run(made[1], None, tmp_path / "out", store=True)
    assert not (tmp_path / "out").exists()


def test_rdms_are_exported_for_numpy_tables_and_rsatoolbox(made, tmp_path):
    with xr.open_dataset(made[1] / "extracted.nc") as stored:
        rdms = stored.load()
    with np.load(export(made[1], "npz", tmp_path / "rdms.npz")) as arrays:
        np.testing.assert_array_equal(arrays["rdms"], rdms.exemplar)
        assert arrays["layer"].tolist() == ["conv1", "fc"]
        assert arrays["stimulus"].tolist() == IDS
        assert str(arrays["distance"]) == "correlation"
    with (export(made[1], "csv", tmp_path / "csv") / "fc.csv").open() as stream:
        head, *rows = csv.reader(stream)
    assert head == ["stimulus_a", "stimulus_b", "1", "2", "3"]
    assert [tuple(row[:2]) for row in rows] == list(itertools.combinations(IDS, 2))
    np.testing.assert_allclose(
        np.array([row[2:] for row in rows], float), rdms.exemplar.sel(layer="fc").T, rtol=1e-6
    )
    with h5py.File(export(made[1], "rsatoolbox", tmp_path / "rdms.h5")) as file:
        np.testing.assert_array_equal(file["dissimilarities"], rdms.exemplar.values.reshape(6, -1))
    with pytest.raises(InputError, match=r"^out: expected a name that ends in .*, got 'x\.rdm'"):
        export(made[1], "rsatoolbox", tmp_path / "x.rdm")
    with pytest.raises(InputError, match="format: unknown 'matlab'; choose from rsatoolbox, npz"):
        export(made[1], "matlab", tmp_path / "mat")


NETWORKS = "--build nets.py:build --checkpoints a.pt --images folder"
UNUSED = {
    "x{instance}.npz --batch-size 8": "batch_size: expected with --build, or with .keras files",
    f"{NETWORKS} --flatten": "flatten: expected with files of activations only; maps of networks",
    "a.keras --images folder --flatten": "flatten: expected with files of activations only; maps",
    "a.keras --images folder --device cuda": "device: expected with networks of PyTorch only, got",
}


@pytest.mark.parametrize("words", UNUSED)
def test_flags_that_an_import_has_no_use_for_are_refused(words, capsys):
    assert main(["import", *words.split()]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert UNUSED[words] in line
