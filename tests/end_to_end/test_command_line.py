"""The main job by the command line, and what a user's mistakes look like."""

import json
import re
import shutil
from html.parser import HTMLParser

import numpy as np
import pytest
import xarray as xr
from PIL import Image

from ensemble_rsa.cli.main import main
from tests.conftest import changed_copy

LAYERS = [f"conv{i}" for i in range(1, 8)]
FILES = {
    "config.json", "manifest.json", "rdms.h5", "results.nc", "report.html", "summary.json",
}  # fmt: skip


@pytest.fixture
def run(trained, tmp_path):
    """A copy of the trained run, free to be changed."""
    return shutil.copytree(trained.path, tmp_path / "copy")


@pytest.fixture
def results(analysed):
    with xr.open_dataset(analysed.path / "results.nc") as stored:
        return stored.load()


def test_training_ends_with_the_path_of_the_run(trained):
    assert trained.status == 0, trained.err
    assert trained.out == f"{trained.path}\n"
    assert "epoch 2/2" in trained.err  # progress, as lines where there is no terminal
    assert {path.name for path in trained.path.iterdir()} == {
        "config.json", "manifest.json", "training.json", "history.nc", "checkpoints",
    }  # fmt: skip


def test_analysis_ends_with_the_path_of_the_report(analysed):
    assert analysed.status == 0, analysed.err
    assert analysed.out == f"{analysed.path / 'report.html'}\n"


def test_a_run_folder_holds_what_was_promised(analysed):
    names = {path.name for path in analysed.path.iterdir()}
    assert names >= {*FILES, "checkpoints", "figures"}
    assert not [name for name in names if name.startswith(".")]
    pictures = list((analysed.path / "figures").glob("*.png"))
    assert len(pictures) >= 4
    for picture in pictures:
        with Image.open(picture) as image:
            assert min(image.size) > 100


def test_the_configuration_makes_the_same_run_again(analysed):
    config = json.loads((analysed.path / "config.json").read_text())
    assert config["model"]["model"] == "all_cnn_7"
    assert config["training"]["seed"] == 3
    manifest = json.loads((analysed.path / "manifest.json").read_text())
    assert set(manifest["seconds"]) >= {"train", "extract", "analyze", "figures"}
    assert manifest["versions"]["jax"]


def test_the_summary_has_the_promised_keys(analysed, results):
    summary = json.loads((analysed.path / "summary.json").read_text())
    assert set(summary) == {
        "model", "dataset", "instances", "distance", "accuracy", "layers", "consistency",
        "category_clustering_index", "excluded_instances", "findings", "flagged_instances",
        "instance_ceiling", "interval", "outlying_instances", "seconds",
    }  # fmt: skip
    assert (summary["model"], summary["dataset"]) == ("all_cnn_7", "digits")
    assert (summary["instances"], summary["distance"]) == (3, "correlation")
    assert summary["layers"] == LAYERS
    assert {name: len(values) for name, values in summary["accuracy"].items()} == {
        "train": 3, "test": 3,
    }  # fmt: skip
    assert set(summary["consistency"]) == {"exemplar", "centroid", "within_category"}
    for values in (*summary["consistency"].values(), summary["category_clustering_index"]):
        assert set(values) >= {"mean", "low", "high"}
        assert [len(values[name]) for name in ("mean", "low", "high")] == [7, 7, 7]
    np.testing.assert_allclose(
        summary["consistency"]["exemplar"]["mean"],
        results.consistency_mean.sel(kind="exemplar"),
        atol=1e-6,
    )


def test_results_open_with_named_axes(results):
    assert results.layer.values.tolist() == LAYERS
    assert results.seed.values.tolist() == [3, 4, 5]
    assert results.sizes["stimulus"] == 60
    assert results.consistency.dims == ("kind", "layer", "instance_pair")
    assert results.attrs["surrogate"] == 1
    assert results.attrs["n_resamples"] == 200


def test_rdms_open_with_rsatoolbox(analysed, results):
    import rsatoolbox  # takes seconds, which other tests need not wait for

    stack = rsatoolbox.rdm.load_rdm(str(analysed.path / "rdms.h5"), file_type="hdf5")
    assert stack.n_rdm == 7 * 3
    assert stack.n_cond == 60
    assert list(stack.rdm_descriptors["layer"]) == np.repeat(LAYERS, 3).tolist()
    assert list(stack.rdm_descriptors["instance"]) == [0, 1, 2] * 7
    assert list(stack.pattern_descriptors["category"]) == results.category.values.tolist()
    assert list(stack.pattern_descriptors["stimulus"]) == results.stimulus.values.tolist()
    first, second = stack.dissimilarities[:2].astype(np.float64)
    assert float(results.consistency.sel(kind="exemplar", layer="conv1")[0]) == pytest.approx(
        np.corrcoef(first, second)[0, 1] ** 2, rel=1e-4
    )


class Links(HTMLParser):
    """What a page asks for from elsewhere."""

    def __init__(self):
        super().__init__()
        self.sources, self.elsewhere = [], []

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        if tag == "img":
            self.sources.append(found["src"])
        outside = found.get("src") or (found.get("href") if tag == "link" else None)
        if outside and not outside.startswith("data:"):
            self.elsewhere.append(outside)


def test_the_report_is_one_file_that_needs_no_other(analysed):
    page = (analysed.path / "report.html").read_text(encoding="utf-8")
    links = Links()
    links.feed(page)
    assert len(links.sources) >= 4
    assert links.elsewhere == []
    assert not re.search(r"@import|url\((?!['\"]?data:)", page)


@pytest.mark.slow  # a whole analysis more
def test_another_distance_goes_to_another_folder_in_silence(run, tmp_path, capsys):
    out = tmp_path / "other"
    words = ["--distance", "euclidean", "--stimuli", "20", "--n-resamples", "50", "--quiet"]
    assert main(["analyze", str(run), *words, "--out", str(out)]) == 0
    captured = capsys.readouterr()
    assert captured.out == f"{out / 'report.html'}\n"
    assert captured.err == ""
    assert {path.name for path in out.iterdir()} >= {*FILES - {"config.json"}, "figures"}
    assert not (run / "results.nc").exists()
    summary = json.loads((out / "summary.json").read_text())
    assert summary["distance"] == "euclidean"
    with xr.open_dataset(out / "results.nc") as stored:
        assert stored.sizes["stimulus"] == 20

    # the report can be drawn again from what lies there
    page = (out / "report.html").read_text()
    (out / "report.html").unlink()
    assert main(["report", str(run), "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"{out / 'report.html'}\n"
    assert len((out / "report.html").read_text()) == pytest.approx(len(page), rel=0.05)


# Wrong words, the exit status, and what the one line on stderr says. {run} is a trained run,
# {here} an empty folder that the command runs in.
MISTAKES = {
    "model": ("train --model vgg", 2, "model: unknown 'vgg'; choose from all_cnn_c, all_cnn_7"),
    "data set": ("train --dataset mnist", 2, "dataset: unknown 'mnist'; choose from digits, cifar"),
    "preprocessing": ("train --preprocessing zca", 2, "--preprocessing: expected gcn_zca, "),
    "instances": ("train --instances 0", 2, "instances: expected a whole number, 1 or more, got 0"),
    "epochs": ("train --epochs -1", 2, "epochs: expected a whole number, 0 or more, got -1"),
    "no folder": ("train --dataset folder:{here}/gone", 2, "dataset: expected a folder with one"),
    "no path": ("train --dataset folder:", 2, "dataset: expected folder:PATH"),
    "image": ("train --dataset folder:{pictures}", 2, "broken.png cannot be read as an image"),
    "batch": (
        "train --train-images 100 --test-images 60 --batch-size 101",
        2,
        "batch_size: 101 is more than 100 training images",
    ),
    "out in use": ("train --epochs 0 --out {run}", 2, "exists and is not an empty folder"),
    "no run": ("analyze {here}", 2, "is not a run folder (it holds no config.json)"),
    "nowhere": ("analyze {here}/gone", 2, "is not a run folder (no such folder)"),
    "unfinished": (
        "analyze {unfinished}",
        2,
        "has not finished (no training.json); go on with",
    ),
    "not analysed": ("report {run}", 2, "holds no results.nc; run `ensemble-rsa analyze"),
    "stimuli": ("analyze {run} --stimuli 7", 2, "stimuli: expected the same number of each of 10"),
    "distance": (
        "analyze {run} --distance manhattan",
        2,
        "--distance: expected correlation, cosine",
    ),
    "no networks": ("analyze {bare}", 1, "no checkpoint there; train again"),
}


@pytest.fixture(scope="module")
def places(trained, tmp_path_factory):
    """Folders to make the mistakes with, which leave them as they are."""
    tmp_path = tmp_path_factory.mktemp("places")
    run = shutil.copytree(trained.path, tmp_path / "run")
    here = tmp_path / "here"
    here.mkdir()
    pictures = tmp_path / "pictures"
    for category in ("ant", "bee"):
        (pictures / category).mkdir(parents=True)
        for i in range(3):
            Image.new("RGB", (9, 9), (80 * i, 0, 0)).save(pictures / category / f"{i}.png")
    (pictures / "bee" / "broken.png").write_bytes(b"no picture")
    unfinished = shutil.copytree(run, tmp_path / "unfinished")
    (unfinished / "training.json").unlink()
    bare = shutil.copytree(run, tmp_path / "bare")
    shutil.rmtree(bare / "checkpoints")
    return {
        "root": tmp_path, "here": here, "pictures": pictures, "unfinished": unfinished,
        "bare": bare, "run": run,
    }  # fmt: skip


def content(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line_and_leaves_nothing(mistake, places, monkeypatch, capsys):
    words, status, message = MISTAKES[mistake]
    monkeypatch.chdir(places["here"])
    before = content(places["root"])
    assert main(words.format(**places).split()) == status
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("ensemble-rsa: ")
    assert message in captured.err
    assert "Traceback" not in captured.err
    assert content(places["root"]) == before


def test_cifar10_that_cannot_be_had_is_a_failed_run(tmp_path, monkeypatch, capsys):
    def no_network(*arguments, **options):
        raise OSError("no network")

    monkeypatch.setattr("urllib.request.urlopen", no_network)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    assert main(["train", "--dataset", "cifar10", "--data-dir", "data", "--out", "new"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert f"CIFAR-10 was not found in {tmp_path}/data/cifar10" in captured.err
    assert not (tmp_path / "new").exists()


def test_two_runs_are_compared(analysed, tmp_path, capsys):
    other = changed_copy(analysed.path, tmp_path / "other")
    assert main(["compare", str(analysed.path), str(other), "--out", str(tmp_path / "out")]) == 0
    shown = capsys.readouterr().out
    assert shown.splitlines()[1].startswith("conv1")
    assert "3 and 3 instances, paired by seed, all relabellings (8)" in shown
    assert shown.splitlines()[-1] == str(tmp_path / "out" / "comparison.json")
