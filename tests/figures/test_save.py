import pytest
from PIL import Image

from ensemble_rsa.figures.save import save_figures

WIDTHS = {
    "geometry": 2160, "second_level": 2160, "consistency": 1050, "category_consistency": 1050,
    "clustering": 1050, "training": 2160,
}  # fmt: skip


def test_files_are_pngs_of_column_width_beside_pdfs(make_results, make_history, tmp_path):
    results = make_results(n_layers=3, n_instances=3, n_stimuli=12)
    paths = save_figures(results, make_history(n_instances=3), tmp_path / "figures")
    assert [path.stem for path in paths] == list(WIDTHS)
    for path in paths:
        with Image.open(path) as picture:
            picture.load()
            assert picture.format == "PNG"
            assert picture.width == WIDTHS[path.stem]
            assert picture.info["dpi"] == pytest.approx((300, 300), abs=0.1)
        assert path.with_suffix(".pdf").read_bytes().startswith(b"%PDF")
    assert len(list((tmp_path / "figures").iterdir())) == 2 * len(WIDTHS)


def test_what_is_missing_is_left_out(foreign_results, tmp_path):
    paths = save_figures(foreign_results, None, tmp_path)
    assert [path.stem for path in paths] == ["geometry", "second_level", "consistency"]
    paths = save_figures(foreign_results.drop_vars("embedding"), None, tmp_path)
    assert [path.stem for path in paths] == ["second_level", "consistency"]


def test_the_same_results_give_the_same_files(foreign_results, tmp_path):
    results = foreign_results.drop_vars(["embedding", "second_level_distance"])
    first = [path.read_bytes() for path in save_figures(results, None, tmp_path / "a")]
    second = [path.read_bytes() for path in save_figures(results, None, tmp_path / "b")]
    assert first == second


def test_training_of_no_epochs_has_no_curves(foreign_results, make_history, tmp_path):
    history = make_history(n_instances=4).isel(epoch=slice(0))
    results = foreign_results.drop_vars(["embedding", "second_level_distance"])
    names = [path.stem for path in save_figures(results, history, tmp_path)]
    assert "training" not in names


def test_a_failed_drawing_leaves_nothing_half_written(make_results, tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError("disk full")

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", fail)
    with pytest.raises(OSError, match="disk full"):
        save_figures(make_results(n_layers=1, n_instances=2), None, tmp_path)
    assert list(tmp_path.iterdir()) == []
