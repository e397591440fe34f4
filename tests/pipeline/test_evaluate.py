"""`ensemble-rsa evaluate`: a run's RDMs against a file of reference RDMs."""

import itertools
import json
import logging

import numpy as np
import pytest
import xarray as xr
from scipy.spatial.distance import squareform

import ensemble_rsa as ersa
from ensemble_rsa.cli.evaluation import ComparisonChoice
from ensemble_rsa.cli.main import main
from ensemble_rsa.config.analysis import AnalysisConfig
from ensemble_rsa.errors import InputError
from ensemble_rsa.interop.labelled import label_rdms, reorder_stimuli
from ensemble_rsa.interop.rsatoolbox import save_rdms
from ensemble_rsa.pipeline import evaluations
from ensemble_rsa.pipeline.analyze import redraw, rewrite_report
from ensemble_rsa.pipeline.evaluations import fingerprint
from ensemble_rsa.pipeline.import_run import import_run
from ensemble_rsa.pipeline.reference import rdms_of, reference_for
from ensemble_rsa.rdm.compare import COMPARISONS
from ensemble_rsa.report.figure_tables import evaluation_tables
from ensemble_rsa.store.reader import open_store

STIMULI = list("abcdefgh")


def rdms(n, seed, noise=0.3):
    shared = np.random.default_rng(0).random(28)
    return shared + noise * np.random.default_rng(seed).random((n, 28))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    names = {"layer": ["conv1"] * 3 + ["conv2"] * 3, "instance": [0, 1, 2] * 2}
    stack = np.concatenate([rdms(3, 1), rdms(3, 2, 1.0)])
    save_rdms(folder / "rdms.h5", label_rdms(stack, "correlation", names, {"stimulus": STIMULI}))
    people = label_rdms(rdms(4, 3), "cosine", {"subject": list("wxyz")}, {"stimulus": STIMULI})
    save_rdms(folder / "brain.h5", reorder_stimuli(people, STIMULI[::-1]))
    return folder


def test_the_command_writes_table_figure_and_page(run, capsys, tmp_path):
    options = ["--reference", str(run / "brain.h5"), "--n-resamples", "50", "--out", str(tmp_path)]
    assert main(["evaluate", str(run), *options, "--comparison", "pearson"]) == 0
    printed = capsys.readouterr().out
    assert "Of 2 layers, conv1 predicts the reference best" in printed
    assert printed.split()[-1].replace("\n", "").endswith("evaluation.html")
    stored = xr.open_dataset(tmp_path / "evaluation.nc")
    stack = np.stack([rdms(3, 1), rdms(3, 2, 1.0)]).astype(np.float32)
    people = rdms(4, 3).astype(np.float32)
    expected = ersa.consistency_between(stack, people, "pearson").mean((1, 2))
    np.testing.assert_allclose(stored["mean"], expected, atol=1e-6)
    ceiling = ersa.noise_ceiling(people, "pearson")
    np.testing.assert_allclose(stored.subject_ceiling_lower, ceiling.lower, atol=1e-6)
    np.testing.assert_allclose(
        stored.instance_ceiling_lower, ersa.noise_ceiling(stack, "pearson").lower, atol=1e-6
    )
    assert stored.sizes["layer_pair"] == 1
    values = json.loads((tmp_path / "evaluation.json").read_text())
    np.testing.assert_allclose(values["mean"], expected, atol=1e-6)
    page = (tmp_path / "evaluation.html").read_text()
    for text in ("instances × stimuli", "conv2", "data:image/png;base64"):
        assert text in page
    assert (tmp_path / "evaluation.png").stat().st_size > 10_000


def test_fixed_factors_one_subject_and_squares(run, tmp_path):
    np.save(tmp_path / "one.npy", rdms(1, 3))
    found, page = ersa.evaluate_run(
        run, tmp_path / "one.npy", "pearson_squared", ("instances", "stimuli"), n_resamples=50,
        out=tmp_path,
    )  # fmt: skip
    assert np.isnan(found.subject_ceiling_lower)
    assert "One subject has no noise ceiling." in " ".join(page.read_text().split())
    assert found.attrs["random"] == "instances stimuli"


REFUSED = {
    "reference: expected --reference": [],
    "over: subjects as a random factor need 3 or more, got 1": ["--reference", "{one}"],
    "reference: expected RDMs of 8 stimuli as in the run, got 4": ["--reference", "{few}"],
    "reference: expected the 8 stimuli of the run, got 4": ["--reference", "{others}"],
    "(evaluate --missing drop) leaves missing distances": ["--reference", "{lacking}"],
    "--comparison: expected": ["--reference", "{one}", "--comparison", "kendall"],
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_is_refused_in_a_line(run, message, tmp_path, capsys):
    np.save(tmp_path / "one.npy", rdms(1, 3))
    np.save(tmp_path / "few.npy", rdms(4, 3)[:, :6])
    lacking = rdms(4, 3)
    lacking[0, 0] = np.nan
    np.save(tmp_path / "lacking.npy", lacking)
    others = label_rdms(rdms(4, 3)[:, :6], "cosine", None, {"stimulus": STIMULI[:4]})
    save_rdms(tmp_path / "others.h5", others)
    paths = {"one": "one.npy", "few": "few.npy", "others": "others.h5", "lacking": "lacking.npy"}
    paths = {name: str(tmp_path / file) for name, file in paths.items()}
    words = [word.format(**paths) for word in REFUSED[message]]
    assert main(["evaluate", str(run), *words, "--out", str(tmp_path)]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert message in error


def test_a_run_that_was_not_analysed_is_refused(tmp_path, capsys):
    assert main(["evaluate", str(tmp_path), "--reference", "x.npy"]) == 2
    assert "holds no rdms.h5; run `ensemble-rsa analyze" in capsys.readouterr().err


def test_the_command_offers_all_comparisons():
    assert set(ComparisonChoice.__args__) == set(COMPARISONS)


def test_ids_under_another_name_are_not_taken_for_positions(run, tmp_path, caplog):
    ids = {"conds": STIMULI[::-1], "kind": ["x"] * 8}
    save_rdms(tmp_path / "a.h5", label_rdms(rdms(2, 3), "cosine", None, ids))
    ours = rdms_of(run)
    with pytest.raises(InputError, match=r"their ids \(conds\), .* give --descriptor conds"):
        reference_for(ours, tmp_path / "a.h5")
    turned = [squareform(squareform(one)[::-1, ::-1]) for one in rdms(2, 3)]
    found = reference_for(ours, tmp_path / "a.h5", descriptor="conds")
    np.testing.assert_allclose(found.exemplar, turned, atol=1e-6)
    np.save(tmp_path / "b.npy", rdms(2, 3))
    for name, named, lacking, options in (
        ("a.h5", ours.drop_vars("stimulus"), "the run;", {"descriptor": "conds"}),
        ("b.npy", ours, "the reference;", {}),
        ("b.npy", ours.drop_vars("stimulus"), "the reference and the run;", {}),
    ):
        caplog.clear()
        with caplog.at_level(logging.INFO):
            found = reference_for(named, tmp_path / name, **options)
        assert f"ids of stimuli are missing in {lacking}" in caplog.text
        np.testing.assert_allclose(found.exemplar, rdms(2, 3), atol=1e-6)


def test_options_of_reading_reach_the_reader(run, tmp_path, capsys):
    people = {"subject": list("wwwxyz"), "task": list("aabaaa")}
    named = label_rdms(rdms(6, 3), "cosine", people, {"conds": STIMULI[::-1]})
    save_rdms(tmp_path / "tasks.h5", named)
    words = ["--reference", str(tmp_path / "tasks.h5"), "--comparison", "pearson"]
    words += ["--descriptor", "conds", "--where", "task=a", "--over", "instances"]
    assert main(["evaluate", str(run), *words, "--n-resamples", "9"]) == 0
    folder = run / "evaluation-tasks-a-descriptor=conds-over=instances-pearson"
    stored = xr.open_dataset(folder / "evaluation.nc")
    kept = rdms(6, 3)[[0, 1, 3, 4, 5]]
    kept = np.array([squareform(squareform(one)[::-1, ::-1]) for one in kept])
    means = np.stack([kept[:2].mean(0), *kept[2:]])
    expected = ersa.consistency_between(rdms(3, 1), means, "pearson").mean()
    np.testing.assert_allclose(stored["mean"][0], expected, atol=1e-6)
    assert main(["evaluate", str(run), *words[:2], "--where", "task"]) == 2
    assert "like name=monkeyIT, got 'task'" in capsys.readouterr().err


def test_files_of_one_name_are_kept_apart(run, tmp_path):
    options = {"over": ("instances",), "n_resamples": 5, "missing": "drop"}
    for area, seed in (("V1", 3), ("IT", 4)):
        (tmp_path / area).mkdir()
        np.save(tmp_path / area / "rdms.npy", rdms(4, seed))
    first, second, again, whole = (
        ersa.evaluate_run(run, tmp_path / area / "rdms.npy", **options | changes)[1].parent.name
        for area, changes in (("V1", {}), ("IT", {}), ("V1", {}), ("V1", {"missing": "refuse"}))
    )
    name = "evaluation-rdms-over=instances-missing=drop"
    assert (first, second, again) == (name, f"{name}-2", name)
    assert whole == "evaluation-rdms-over=instances"
    stored = xr.open_dataset(run / second / "evaluation.nc")
    assert stored.attrs["reference_file"] == str(tmp_path / "IT" / "rdms.npy")
    title = "against IT/rdms.npy, missing drop<"
    assert title in (run / second / "evaluation.html").read_text("utf-8")
    (run / name / "evaluation.json").write_text("{")  # damaged: it is written anew
    ersa.evaluate_run(run, tmp_path / "V1" / "rdms.npy", **options)
    assert (
        json.loads((run / name / "evaluation.json").read_text("utf-8"))["reference"] == "rdms.npy"
    )


def test_evaluations_that_differ_in_reading_or_comparison_are_kept_apart(run, tmp_path):
    two = {"a": rdms(4, 3), "b": rdms(4, 4)}
    np.savez(tmp_path / "two.npz", **two)
    options = {"over": ("instances",), "n_resamples": 5}
    pages = {}
    for variable, comparison in (("a", "pearson"), ("b", "pearson"), ("b", "rho_a")):
        _, page = ersa.evaluate_run(
            run, tmp_path / "two.npz", comparison, variable=variable, **options
        )
        pages[page.parent.name] = page
    assert [*pages] == [
        "evaluation-two-variable=a-over=instances-pearson",
        "evaluation-two-variable=b-over=instances-pearson",
        "evaluation-two-variable=b-over=instances",
    ]
    for (name, page), variable in zip(pages.items(), "abb", strict=True):
        how = ", Pearson correlation" if name.endswith("pearson") else ""
        title = f"{run.name} against two.npz, variable {variable}{how}<"
        assert title in page.read_text()
        stored = xr.open_dataset(page.with_suffix(".nc"))
        assert stored.attrs["reference_variable"] == variable
        if how:
            expected = ersa.consistency_between(rdms(3, 1), two[variable], "pearson").mean()
            np.testing.assert_allclose(stored["mean"][0], expected, atol=1e-6)


def test_networks_and_subjects_keep_their_names(run, tmp_path):
    names = {"layer": ["conv1"] * 3 + ["conv2"] * 3, "instance": [0, 3, 4] * 2}  # 1, 2: excluded
    stack = np.concatenate([rdms(3, 1), rdms(3, 2, 1.0)])
    stimuli = {"stimulus": STIMULI}
    save_rdms(tmp_path / "rdms.h5", label_rdms(stack, "correlation", names, stimuli))
    np.save(tmp_path / "unnamed.npy", rdms(2, 3))
    options = {"comparison": "pearson", "over": ("instances",), "n_resamples": 5}
    subjects = {"brain.h5": list("wxyz"), "unnamed.npy": [0, 1]}
    for folder, file in ((run, "brain.h5"), (tmp_path, "unnamed.npy")):
        _, page = ersa.evaluate_run(tmp_path, folder / file, **options)
        stored = xr.open_dataset(page.with_suffix(".nc"))
        single = evaluation_tables(stored)["single"].columns
        found = [
            np.array(single[name].levels)[single[name].codes].tolist()
            for name in ("layer", "instance", "subject")
        ]
        product = itertools.product(["conv1", "conv2"], [0, 3, 4], subjects[file])
        assert list(zip(*found, strict=True)) == [*product]
        np.testing.assert_array_equal(single["similarity"], stored.similarity.values.ravel())


def test_ids_with_the_endings_of_images_match_those_without(run, tmp_path, caplog):
    stack = ersa.load_rdms(run / "rdms.h5")
    endings = stack.assign_coords(stimulus=[f"{name}.png" for name in stack.stimulus.values])
    with caplog.at_level(logging.INFO):
        found = reference_for(endings, run / "brain.h5")
    assert "matched without folders and endings" in caplog.text
    assert found.stimulus.values.tolist() == endings.stimulus.values.tolist()
    np.testing.assert_array_equal(
        found.exemplar.values, reference_for(stack, run / "brain.h5").exemplar.values
    )


@pytest.fixture
def imported(tmp_path):
    """How to import a run of three networks whose RDMs are in a store, or in memory."""
    values = np.random.default_rng(5).normal(size=(3, 8, 20)).astype(np.float32)
    for i in range(3):
        np.savez(tmp_path / f"net{i}.npz", fc=values[i], stimulus=np.array(STIMULI))
    people = label_rdms(rdms(4, 3), "cosine", {"subject": list("wxyz")}, {"stimulus": STIMULI})
    save_rdms(tmp_path / "brain.h5", people)
    return lambda store: import_run(
        ersa.from_files(tmp_path / "net{instance}.npz", list("aabbccdd")),
        tmp_path / "run", store=store,
    )  # fmt: skip


OUTDATED = "Of an earlier analysis"


def test_an_evaluation_of_rdms_in_a_store_is_of_the_present_ones(imported, tmp_path, monkeypatch):
    monkeypatch.setattr(evaluations, "_AT_ONCE", 5)  # of 28 distances
    run = imported(True)
    assert not (run / "rdms.h5").exists()
    page = ersa.analyze_run(run, AnalysisConfig.of(n_resamples=20))
    ersa.evaluate_run(run, tmp_path / "brain.h5", over=("instances",), n_resamples=5)
    assert OUTDATED not in page.read_text("utf-8")
    assert fingerprint(open_store(run / "rdms.zarr")) == fingerprint(rdms_of(run))
    (chunk,) = (run / "rdms.zarr" / "exemplar" / "c" / "0" / "1").iterdir()
    np.fromfile(chunk, "<f4", 28)[::-1].tofile(chunk)  # other RDMs
    assert OUTDATED in rewrite_report(run).read_text("utf-8")


def test_results_elsewhere_are_evaluated_and_the_next_report_has_it(imported, tmp_path):
    run, out = imported(False), tmp_path / "out"
    page = ersa.analyze_run(run, AnalysisConfig.of(n_resamples=20), out)
    _, evaluated = ersa.evaluate_run(out, tmp_path / "brain.h5", n_resamples=5)
    assert evaluated == out / "evaluation-brain" / "evaluation.html"
    assert "brain.h5" not in page.read_text("utf-8")
    redraw(run, out)
    assert "brain.h5" in page.read_text("utf-8")
    assert OUTDATED not in page.read_text("utf-8")
