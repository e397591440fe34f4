"""Two analysed runs against each other: values, files, and what is refused."""

import json
import re

import numpy as np
import pytest
import xarray as xr
from scipy.stats import spearmanr

from ensemble_rsa.analysis.groups import compare_groups
from ensemble_rsa.cli.main import main
from ensemble_rsa.config.serialize import config_to_dict
from ensemble_rsa.config.settings import Config, ModelConfig, TrainingConfig
from ensemble_rsa.errors import InputError
from ensemble_rsa.figures.save import save_figure
from ensemble_rsa.figures.style import new_figure
from ensemble_rsa.interop.labelled import label_rdms
from ensemble_rsa.interop.rsatoolbox import load_rdms, save_rdms
from ensemble_rsa.pipeline.compare import compare_runs
from ensemble_rsa.report.comparison import write_comparison

STIMULI = {"stimulus": ["a", "b", "c", "d", "e"], "category": ["x", "x", "y", "y", "y"]}
N_PAIRS = 10


def rdms(seed: int, layers: int = 2, instances: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).random((layers, instances, N_PAIRS)).astype(np.float32)


def write(folder, stack, layers=("one", "two"), seeds=None, distance="correlation", **patterns):
    n = stack.shape[1]
    folder.mkdir()
    columns = {
        "layer": np.repeat(layers, n),
        "instance": np.tile(np.arange(n), len(layers)),
        "seed": np.tile(np.arange(n) if seeds is None else seeds, len(layers)),
    }
    save_rdms(folder / "rdms.h5", label_rdms(stack, distance, columns, STIMULI | patterns))
    return folder


@pytest.fixture
def without_figure(monkeypatch):
    monkeypatch.setattr("ensemble_rsa.pipeline.compare.save_figure", lambda figure, path: None)
    monkeypatch.setattr("ensemble_rsa.pipeline.compare.draw_groups", lambda comparison: None)
    monkeypatch.setattr("ensemble_rsa.pipeline.compare.write_comparison", lambda *of: None)


@pytest.fixture
def runs(tmp_path):
    return (
        write(tmp_path / "plain", rdms(0)),
        write(tmp_path / "dropout", rdms(1), seeds=[5, 6, 7]),
    )


def test_the_layers_are_compared_as_stacks_would_be(without_figure, runs):
    result, path = compare_runs(*runs)
    expected = compare_groups(rdms(0), rdms(1))
    for name in ("within_a", "within_b", "between", "standardised_difference"):
        np.testing.assert_array_equal(result[name], getattr(expected, name))
    np.testing.assert_array_equal(
        result.within_minus_between_p_adjusted, expected.within_minus_between.p_adjusted
    )
    for name in ("between_over_within", "a_minus_b"):
        for part in ("value", "low", "high", "p", "p_adjusted", "t", "degrees_of_freedom"):
            ours = result[name if part == "value" else f"{name}_{part}"]
            np.testing.assert_array_equal(ours, getattr(getattr(expected, name), part))
    assert result.attrs["paired"] == 0
    assert path == runs[0] / "comparison-dropout" / "comparison.json"


@pytest.mark.usefixtures("all_formats")
def test_everything_is_written(runs, tmp_path):
    result, path = compare_runs(*runs, out=tmp_path / "out")
    record = json.loads(path.read_text())
    found = [record[name] for name in ("layers", "name_a", "name_b", "n_relabellings")]
    assert found == [["one", "two"], "plain", "dropout", 20]
    assert record["least_p"] == 0.1
    page = (tmp_path / "out" / "comparison.html").read_text(encoding="utf-8")
    assert "The smallest p that all 20 permutations can give is 0.100" in page
    assert f"{float(result.between_over_within[1]):.3f}" in page
    np.testing.assert_allclose(record["between"], result.between)
    with xr.open_dataset(tmp_path / "out" / "comparison.nc", engine="h5netcdf") as stored:
        np.testing.assert_array_equal(stored.between, result.between)
    for suffix in ("png", "pdf"):
        assert (tmp_path / "out" / f"comparison.{suffix}").stat().st_size > 1000


def test_rdms_are_compared_as_asked(runs, tmp_path, capsys):
    words = ["compare", *map(str, runs), "--out", str(tmp_path / "out")]
    assert main([*words, "--comparison", "rho_a", "--n-resamples", "20"]) == 0
    a, b = (spearmanr(stack[1].T).statistic[np.triu_indices(3, 1)] for stack in (rdms(0), rdms(1)))
    with xr.open_dataset(tmp_path / "out" / "comparison.nc", engine="h5netcdf") as stored:
        assert stored.attrs["comparison"] == "rho_a"  # Spearman's, as there are no ties
        np.testing.assert_allclose([stored.within_a[1], stored.within_b[1]], [a.mean(), b.mean()])
    page = (tmp_path / "out" / "comparison.html").read_text(encoding="utf-8")
    assert "Mean similarity (Spearman&#39;s ρa) within" in page
    assert "Similarity (Spearman&#39;s ρa) of RDMs (correlation distance" in page
    assert "similarity: Spearman's ρa;" in capsys.readouterr().out
    with pytest.raises(InputError, match="comparison: unknown 'r'; choose from"):
        compare_runs(*runs, comparison="r")


def test_runs_of_the_same_seeds_are_paired_unless_told_otherwise(without_figure, tmp_path):
    same = write(tmp_path / "a", rdms(0)), write(tmp_path / "b", rdms(1))
    figure = save_figure(new_figure(1.0, 0.5), tmp_path / "figure.png")
    for options, paired, test in (
        ({}, 1, "Student&#39;s t on differences of"),
        ({"paired": False}, 0, "Welch&#39;s t on"),
    ):
        result, _ = compare_runs(*same, **options)
        assert result.attrs["paired"] == paired
        page = write_comparison(tmp_path / "comparison.html", result, figure, {}).read_text("utf-8")
        assert page.count(f"by {test} jackknife pseudo-values") == 2  # methods, and which test
        assert page.count("jackknife pseudo-values") == 2


def test_comparisons_with_other_options_or_another_run_of_one_name_are_kept_apart(
    without_figure, runs, tmp_path
):
    (tmp_path / "x").mkdir()
    namesake = write(tmp_path / "x" / "dropout", rdms(2), seeds=[8, 9, 10])
    calls = (
        (runs[1], {}), (namesake, {}), (runs[1], {}), (namesake, {"n_resamples": 5}),
        (runs[1], {"comparison": "rho_a", "match": "depth"}), (runs[1], {"paired": False}),
    )  # fmt: skip
    found = [compare_runs(runs[0], other, **options)[1].parent.name for other, options in calls]
    assert found == [
        "comparison-dropout", "comparison-dropout-2", "comparison-dropout", "comparison-dropout-2",
        "comparison-dropout-match=depth-rho_a", "comparison-dropout-paired=False",
    ]  # fmt: skip


def test_runs_with_and_without_the_mean_pattern_are_refused(without_figure, runs):
    (runs[1] / "analysis.json").write_text('{"cocktail_blank": true}')
    with pytest.raises(InputError, match="dropout: expected RDMs without --cocktail-blank as"):
        compare_runs(*runs)
    (runs[0] / "analysis.json").write_text('{"cocktail_blank": true}')
    compare_runs(*runs)
    told = load_rdms(runs[0] / "rdms.h5").assign_attrs(cocktail_blank=0)  # which goes first
    save_rdms(runs[0] / "rdms.h5", told)
    with pytest.raises(InputError, match="expected RDMs without --cocktail-blank as"):
        compare_runs(*runs)


def test_equal_seeds_of_two_architectures_do_not_pair_them(without_figure, tmp_path):
    folders = [write(tmp_path / name, rdms(k)) for k, name in enumerate("ab")]
    for folder, model in zip(folders, ("all_cnn_c", "resnet20"), strict=True):
        config = Config(model=ModelConfig(model), training=TrainingConfig(instances=3))
        (folder / "config.json").write_text(json.dumps(config_to_dict(config)))
    assert compare_runs(*folders)[0].attrs["paired"] == 0
    (folders[1] / "config.json").write_text((folders[0] / "config.json").read_text())
    assert compare_runs(*folders)[0].attrs["paired"] == 1


def test_runs_of_one_name_are_told_apart_by_their_folders(without_figure, tmp_path):
    for k, place in enumerate("xy"):
        (tmp_path / place).mkdir()
        write(tmp_path / place / "run", rdms(k))
    found, _ = compare_runs(tmp_path / "x" / "run", tmp_path / "y" / "run")
    assert (found.attrs["name_a"], found.attrs["name_b"]) == ("x/run", "y/run")


def test_seeds_of_imported_networks_do_not_pair_them(without_figure, tmp_path):
    """Their instances are numbered by their files, also where results are in another folder."""
    folders = []
    for k, name in enumerate("ab"):
        folders.append(write(tmp_path / name, rdms(k)))
        imported = load_rdms(folders[-1] / "rdms.h5").assign_attrs(imported=1)
        save_rdms(folders[-1] / "rdms.h5", imported)
    assert compare_runs(*folders)[0].attrs["paired"] == 0
    assert compare_runs(*folders, paired=True)[0].attrs["paired"] == 1


def test_only_layers_in_common_are_compared(runs, tmp_path):
    other = write(tmp_path / "other", rdms(2), layers=("two", "three"), seeds=[8, 9, 10])
    result, _ = compare_runs(runs[0], other)
    assert result.layer.values.tolist() == ["two"]
    expected = compare_groups(rdms(0)[1:], rdms(2)[:1])
    np.testing.assert_array_equal(result.between, expected.between)


def test_stimuli_in_another_order_are_matched_by_id(without_figure, runs, tmp_path):
    order = [3, 0, 4, 1, 2]
    rows, columns = np.triu_indices(5, 1)
    square = np.zeros((2, 3, 5, 5), np.float32)
    square[..., rows, columns] = square[..., columns, rows] = rdms(1)
    moved = {name: [values[i] for i in order] for name, values in STIMULI.items()}
    stack = square[..., order, :][..., order][..., rows, columns]
    other = write(tmp_path / "moved", stack, seeds=[5, 6, 7], **moved)
    expected, _ = compare_runs(*runs)
    result, _ = compare_runs(runs[0], other)
    np.testing.assert_allclose(result.between, expected.between, rtol=1e-6)  # other sums
    numbers = {"stimulus": ["0", "1", "2", "3", "4"]}
    a = write(tmp_path / "positions", rdms(0), **numbers)
    b = write(tmp_path / "names", rdms(1), stimulus=["0", "2", "1", "3", "4"])
    with pytest.raises(InputError, match="another order"):
        compare_runs(a, b)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stimulus": ["e", "b", "c", "d", "a"]}, "'a' in category 'x' as in .*, got 'y'; are"),
        ({"stimulus": ["a", "b", "c", "d", "f"]}, "expected the same 5 stimuli"),
        ({"distance": "cosine"}, "expected correlation distances .*, got cosine"),
        ({"layers": ("three", "four")}, "no layer in common"),
        ({"seeds": [5, 6, 6]}, "expected a weight seed for each instance, or one for all"),
    ],
)
def test_runs_that_cannot_be_compared_are_refused(changes, message, runs, tmp_path):
    other = write(tmp_path / "other", rdms(2), **changes)
    with pytest.raises(InputError, match=message):
        compare_runs(runs[0], other)


def test_a_run_is_not_compared_with_itself_or_with_a_copy(runs, tmp_path):
    with pytest.raises(InputError, match="other: expected another run than .*, got the same"):
        compare_runs(runs[0], tmp_path / "dropout" / ".." / "plain")
    copy = write(tmp_path / "copy", rdms(0), seeds=[5, 6, 7])
    with pytest.raises(InputError, match="other: expected other networks .*, got equal RDMs"):
        compare_runs(runs[0], copy)


def test_only_flags_that_have_an_effect_are_taken(runs, capsys):
    assert main(["compare", *map(str, runs), "--distance", "euclidean"]) == 2
    assert "unknown flag --distance" in capsys.readouterr().err
    assert main(["compare", *map(str, runs), "--confidence", "2"]) == 2
    assert capsys.readouterr().err.startswith("ensemble-rsa: confidence: ")


def test_a_run_without_rdms_or_with_some_of_no_layer_is_refused(runs, tmp_path):
    unnamed = label_rdms(rdms(1), "correlation", {"seed": np.arange(6)}, STIMULI)
    save_rdms(runs[1] / "rdms.h5", unnamed)
    with pytest.raises(InputError, match="expected one RDM for each layer and instance"):
        compare_runs(*runs)
    with pytest.raises(InputError, match=re.escape("run `ensemble-rsa analyze")):
        compare_runs(runs[0], tmp_path)
    with pytest.raises(InputError, match="other: no such folder: .*gone"):
        compare_runs(runs[0], tmp_path / "gone")


def test_layers_at_the_same_depth(without_figure, tmp_path, capsys):
    deep = ["stem", "a", "b", "c", "head"]
    folders = [
        write(tmp_path / "shallow", rdms(0, 3), ("x", "y", "z")),
        write(tmp_path / "deep", rdms(1, 5), deep, seeds=[5, 6, 7]),
    ]
    assert main(["compare", *map(str, folders), "--match", "depth"]) == 0
    with xr.open_dataset(folders[0] / "comparison-deep-match=depth" / "comparison.nc") as found:
        assert found.layer_b.values.tolist() == ["stem", "b", "head"]
        assert found.layer.values.tolist() == ["x / stem", "y / b", "z / head"]
        expected = compare_groups(rdms(0, 3), rdms(1, 5)[[0, 2, 4]])
        np.testing.assert_array_equal(found.between, expected.between)
    swapped, _ = compare_runs(*folders[::-1], match="depth")
    assert swapped.layer_a.values.tolist() == ["stem", "b", "head"]
    with pytest.raises(InputError, match="no layer in common .* match layers by depth"):
        compare_runs(*folders)
    with pytest.raises(InputError, match="match: unknown 'size'; choose from name, depth"):
        compare_runs(*folders, match="size")


def test_networks_that_differ_in_something_else_than_their_weights(without_figure, tmp_path):
    folders = [write(tmp_path / name, rdms(k), seeds=[4, 4, 4]) for k, name in enumerate("ab")]
    found, _ = compare_runs(*folders)
    assert found.attrs["paired"] == 0
    np.testing.assert_array_equal(found.between, compare_groups(rdms(0), rdms(1)).between)
