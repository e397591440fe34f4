"""Names of layers, categories and instances are drawn and written as they are, in any script."""

import re

import numpy as np
import pytest
from matplotlib import font_manager
from matplotlib.text import Text

from ensemble_rsa.figures import fonts
from ensemble_rsa.figures.save import draw_figures, save_figure
from ensemble_rsa.figures.style import new_figure, paper_style
from ensemble_rsa.report.report import write_report
from ensemble_rsa.runs.summary import summarize

NAMES = [
    r"$\foo$",
    "$5 to $10",
    "x_1^2",
    "_hidden",
    "<script>alert(1)</script>",
    'a "b" & c',
    "naïve",
]
STIX_ONLY = "\u1d81"  # in STIX, which matplotlib brings along, and not in DejaVu Sans


def texts(figure):
    return [text for text in figure.findobj(Text) if text.get_text()]


def test_names_are_no_mathematics(make_results, make_history):
    results = make_results(layers=NAMES[:2], categories=NAMES, n_instances=3, n_stimuli=12)
    flagged = [{"instance": 1, "seed": 1, "reason": r"$\bad$ and $5 to $10"}]
    history = make_history(n_instances=3, dead=1)
    drawn = draw_figures(results, history, flagged)
    shown = " ".join(text.get_text() for text in texts(drawn["geometry"]))
    assert all(name in shown for name in NAMES[:4])
    for figure in drawn.values():
        figure.draw_without_rendering()
        with_dollars = [text for text in texts(figure) if "$" in text.get_text()]
        assert with_dollars
        assert not any(text.get_parse_math() for text in with_dollars)
    loss = drawn["training"].axes[0]
    assert loss.get_yscale() == "log"
    assert {float(tick.get_text()) for tick in loss.get_yticklabels()} >= {0.01, 0.1, 1.0}


def test_every_category_is_in_the_legend(make_results):
    figure = draw_figures(make_results(categories=NAMES, n_layers=3), None)["geometry"]
    (legend,) = figure.legends or [axes.get_legend() for axes in figure.axes if axes.get_legend()]
    shown = {text.get_text() for text in legend.get_texts()}
    assert {name for name in NAMES if len(name) <= 16} <= shown
    assert len(shown) == len(NAMES)


def drawn_text(name):
    with paper_style():
        figure = new_figure(3.0, 1.0)
        return figure, figure.text(0.5, 0.5, name)


def test_letters_come_from_installed_fonts(tmp_path, caplog):
    figure, text = drawn_text(f"conv {STIX_ONLY}")
    save_figure(figure, tmp_path / "x.png")
    assert caplog.text == ""
    first, *others = text.get_fontfamily()
    assert first == "DejaVu Sans"
    assert any(ord(STIX_ONLY) in font_manager.get_font(font_manager.findfont(name)).get_charmap()
               for name in others)  # fmt: skip


def test_letters_that_no_font_has_are_named_once(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(fonts, "_installed", lambda: ())
    fonts._report.cache_clear()
    for _ in range(2):
        figure, _ = drawn_text(f"x {STIX_ONLY}")
        save_figure(figure, tmp_path / "x.png")
    assert caplog.text.count("no installed font has") == 1
    assert f"no installed font has {STIX_ONLY}, which figures show as boxes" in caplog.text


def test_latin_names_keep_the_font_and_the_file(tmp_path):
    figure, text = drawn_text("naïve é")
    save_figure(figure, tmp_path / "x.png")
    assert text.get_fontfamily() == ["sans-serif"]


@pytest.mark.parametrize("bad", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>'])
def test_the_report_escapes_names(make_results, make_history, tmp_path, bad):
    results = make_results(
        layers=[bad, "b", "c"], n_instances=3, dataset=f"folder:/{bad}", scale=bad
    )
    results["constant_patterns"] = (("layer", "instance"), np.ones((3, 3), int))
    flagged = [{"instance": 1, "seed": 1, "reason": bad}]
    path = write_report(
        tmp_path / "report.html", results, make_history(n_instances=3), summarize(results, {}),
        {"created": bad}, {"data": {"dataset": bad, "preprocessing": bad}}, [], excluded=flagged,
        flagged=flagged,
    )  # fmt: skip
    page = path.read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert "<img" not in page
    assert len(re.findall("&lt;script&gt;|&#34;&gt;&lt;img", page)) >= 6
