"""Runs whose RDMs are in a store: import, analysis, comparison and export, as in memory."""

import json

import numpy as np
import pytest
import xarray as xr

from ensemble_rsa import files
from ensemble_rsa.analysis.groups import compare_groups
from ensemble_rsa.cli.main import main
from ensemble_rsa.errors import InputError
from ensemble_rsa.interop.activation_files.source import from_files
from ensemble_rsa.interop.rsatoolbox import load_rdms
from ensemble_rsa.pipeline import export as exporting
from ensemble_rsa.pipeline import reference
from ensemble_rsa.pipeline.compare import compare_runs
from ensemble_rsa.pipeline.export import export
from ensemble_rsa.pipeline.import_run import import_run
from ensemble_rsa.pipeline.reference import rdms_of
from ensemble_rsa.runs import run_folder
from ensemble_rsa.store import writer
from tests.store.conftest import LABELS


@pytest.fixture
def source(activations, tmp_path):
    for i in range(4):
        np.savez(tmp_path / f"seed{i}.npz", **{name: a[i] for name, a in activations.items()})
    return lambda: from_files(tmp_path / "seed{instance}.npz", labels=LABELS.tolist())


@pytest.fixture
def exceeding(monkeypatch):
    """RDMs of more than 1000 bytes exceed memory."""
    for module in (reference, exporting):
        monkeypatch.setattr(module, "fits", lambda n_bytes: n_bytes <= 1200 * 4)


@pytest.fixture
def killed(source, tmp_path, small_chunks, monkeypatch):
    """The folder of an import that was killed after five of eight RDMs; and how many were made."""
    record, made = writer.StoreWriter.record, []

    def counted(self, *given):
        made.append(record(self, *given))
        if len(made) == 5:
            raise KeyboardInterrupt

    monkeypatch.setattr(writer.StoreWriter, "record", counted)
    with pytest.raises(KeyboardInterrupt):
        import_run(source(), tmp_path / "run", store=True)
    assert [path.name for path in (tmp_path / "run").iterdir()] == [run_folder.STORE]
    return tmp_path / "run", made


def test_a_killed_import_goes_on(source, killed, tmp_path):
    path, made = killed
    with pytest.raises(InputError, match="exists and is not an empty folder"):
        import_run(source(), path, store=False)
    run = import_run(source(), path)  # also where memory would suffice
    assert len(made) == 8  # the five before, and the three that were left
    whole = import_run(source(), tmp_path / "whole", store=True)
    xr.testing.assert_identical(rdms_of(run), rdms_of(whole))


@pytest.mark.parametrize("last", [run_folder.MANIFEST, run_folder.CONFIG])
def test_an_import_killed_at_its_end_goes_on(source, tmp_path, monkeypatch, last):
    write = files.write_json

    def killed(path, values):
        if path.name == last:
            (path.parent / f".host-1.{last}").mkdir()
            raise KeyboardInterrupt
        write(path, values)

    monkeypatch.setattr(files, "write_json", killed)
    with pytest.raises(KeyboardInterrupt):
        import_run(source(), tmp_path / "run", store=True)
    monkeypatch.setattr(files, "write_json", write)
    (tmp_path / "run" / "notes.txt").touch()
    with pytest.raises(InputError, match="exists and is not an empty folder"):
        import_run(source(), tmp_path / "run", store=True)
    (tmp_path / "run" / "notes.txt").unlink()
    run = import_run(source(), tmp_path / "run")
    assert (run / run_folder.CONFIG).is_file()
    assert not (run / run_folder.RDMS).exists()
    with pytest.raises(InputError, match="exists and is not an empty folder"):
        import_run(source(), run)


def test_an_import_does_not_go_on_with_another_file(source, killed, activations, tmp_path):
    np.savez(tmp_path / "seed0.npz", **{name: a[0] + 1e-6 for name, a in activations.items()})
    with pytest.raises(InputError, match="of another run or of other settings: files differs"):
        import_run(source(), killed[0], store=True)


def test_findings_on_dead_units_outlast_a_kill(activations, tmp_path, small_chunks, monkeypatch):
    for i in range(4):
        given = {name: a[i].copy() for name, a in activations.items()}
        given["late"][:, : 20 if i == 0 else 0] = 0.0  # 20 of 30 units
        np.savez(tmp_path / f"seed{i}.npz", **given)
    source = from_files(tmp_path / "seed{instance}.npz", labels=LABELS.tolist())
    whole = import_run(source, tmp_path / "whole", store=True)
    record = writer.StoreWriter.record

    def failing(self, layer, instance, *given):
        record(self, layer, instance, *given)
        if instance == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(writer.StoreWriter, "record", failing)
    with pytest.raises(KeyboardInterrupt):
        import_run(source, tmp_path / "run", store=True)
    monkeypatch.setattr(writer.StoreWriter, "record", record)
    run = import_run(source, tmp_path / "run", store=True)
    found, expected = (
        json.loads((path / run_folder.MANIFEST).read_text())["findings"] for path in (run, whole)
    )
    assert found == expected
    assert "67% of units are dead" in found[0]["message"]


@pytest.mark.slow
def test_the_command_line(source, activations, tmp_path, small_chunks, exceeding, capsys):
    source()
    pattern, labels = str(tmp_path / "seed{instance}.npz"), tmp_path / "labels.csv"
    lines = [f"{i},{label}" for i, label in enumerate(LABELS)]
    labels.write_text("\n".join(["stimulus,category", *lines]))
    ids = tmp_path / "ids.txt"
    ids.write_text("\n".join(str(i) for i in range(len(LABELS))))
    for store in ("True", "False"):
        run = str(tmp_path / store)
        given = ["--labels", str(labels), "--stimuli", str(ids), "--out", run, "--store", store]
        assert main(["import", pattern, *given, "--quiet"]) == 0
        assert main(["analyze", run, "--quiet"]) == 0
    found, expected = (
        xr.open_dataset(tmp_path / store / run_folder.RESULTS) for store in ("True", "False")
    )
    assert set(found.variables) == set(expected.variables)
    for name in ("consistency", "consistency_low", "category_clustering_index"):
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-5)
    page = (tmp_path / "True" / run_folder.REPORT).read_text()
    assert "the RDMs are in a store on disk (rdms.zarr" in page
    assert not (tmp_path / "True" / run_folder.RDMS).exists()

    between, path = compare_runs(tmp_path / "True", tmp_path / "False")
    assert json.loads(path.read_text())["between"] == between.between.values.tolist()
    rdms = load_rdms(tmp_path / "False" / run_folder.RDMS).exemplar.values
    expected = compare_groups(rdms, rdms, n_permutations=10)
    for name in ("within_a", "within_b", "between", "within_minus_between"):
        value = getattr(expected, name)
        np.testing.assert_allclose(between[name], getattr(value, "value", value), atol=1e-6)

    with pytest.raises(InputError, match="holds 0.0 GB of RDMs, and this needs them in memory"):
        rdms_of(tmp_path / "True")
    with pytest.raises(InputError, match="2 layers of 0.0 GB each do not fit into memory; choose"):
        export(tmp_path / "True")
    late = export(tmp_path / "True", layers=["late"])
    np.testing.assert_array_equal(
        load_rdms(late).exemplar.values,
        load_rdms(tmp_path / "False" / run_folder.RDMS).exemplar.values[1:],
    )
    capsys.readouterr()
