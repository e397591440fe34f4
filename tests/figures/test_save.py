from pathlib import Path
from xml.etree import ElementTree

import matplotlib as mpl
import pytest
from PIL import Image

import ensemble_rsa.figures
from ensemble_rsa.figures.consistency import draw_consistency
from ensemble_rsa.figures.save import draw_figures, save_figure, save_figures
from ensemble_rsa.figures.style import category_style, layer_names, new_figure

WIDTHS = {
    "geometry": 7.2, "second_level": 7.2, "consistency": 3.5, "category_consistency": 3.5,
    "clustering": 3.5, "training": 7.2,
}  # fmt: skip


def test_everything_is_drawn_in_column_width(make_results, make_history):
    figures = draw_figures(make_results(n_layers=3, n_instances=3), make_history(n_instances=3))
    assert {name: figure.get_size_inches()[0] for name, figure in figures.items()} == WIDTHS


def test_what_is_missing_is_left_out(foreign_results, make_history):
    no_epochs = make_history(n_instances=4).isel(epoch=slice(0))
    drawn = [*draw_figures(foreign_results, no_epochs)]
    assert drawn == ["geometry", "second_level", "consistency"]
    assert [*draw_figures(foreign_results.drop_vars("embedding"), None)] == drawn[1:]


@pytest.mark.usefixtures("all_formats")
def test_a_png_of_300_dpi_beside_a_pdf_and_an_svg_and_again_the_same(foreign_results, tmp_path):
    results = foreign_results.drop_vars(["embedding", "second_level_embedding"])
    (path,) = save_figures(results, None, tmp_path / "a")
    with Image.open(path) as picture:
        picture.load()
        assert (picture.format, picture.width) == ("PNG", 1050)
        assert picture.info["dpi"] == pytest.approx((300, 300), abs=0.1)
    assert path.with_suffix(".pdf").read_bytes().startswith(b"%PDF")
    drawing = path.with_suffix(".svg").read_text(encoding="utf-8")
    assert ElementTree.fromstring(drawing).get("viewBox").split()[2] == "252"  # 3.5 inches, points
    assert "scale(0.015625)" in drawing  # of letters: only lengths are shortened
    assert len(list(path.parent.iterdir())) == 3
    (again,) = save_figures(results, None, tmp_path / "b")
    for suffix in (".png", ".pdf", ".svg"):
        assert path.with_suffix(suffix).read_bytes() == again.with_suffix(suffix).read_bytes()


def test_a_failed_drawing_leaves_nothing_half_written(tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError("disk full")

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", fail)
    with pytest.raises(OSError, match="disk full"):
        save_figure(new_figure(1.0, 1.0), tmp_path / "figure.png")
    assert list(tmp_path.iterdir()) == []


def test_no_module_imports_pyplot():
    for module in Path(ensemble_rsa.figures.__file__).parent.rglob("*.py"):
        imports = [line for line in module.read_text().splitlines() if "import " in line]
        assert not any("pyplot" in line for line in imports), module


def test_a_hundred_categories_look_different():
    looks = {(style["color"], style["marker"]) for style in map(category_style, range(100))}
    assert len(looks) == 100


def test_the_users_settings_are_neither_used_nor_changed(make_results):
    with mpl.rc_context({"axes.facecolor": "black", "font.size": 30}):
        before = dict(mpl.rcParams)
        axes = draw_consistency(make_results(n_layers=2, n_instances=3))
        assert dict(mpl.rcParams) == before
    assert axes.get_facecolor() == (1.0, 1.0, 1.0, 1.0)
    assert axes.yaxis.label.get_size() == 7


def test_long_names_lose_what_they_share(make_results):
    for layers, names in (
        (["conv1", "fc7"], ["conv1", "fc7"]),
        (["net.a.conv.weight", "net.b.conv.weight"], ["a", "b"]),
        (["net.layer", "net.layer.a_longer_one"], ["net.layer", "net.l…longer_one"]),
    ):
        assert layer_names(make_results(layers=layers, n_instances=2)) == names
