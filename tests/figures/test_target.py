"""Figures on axes, figures and sub-figures that are given."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from ensemble_rsa import figures


@pytest.mark.parametrize("name", ["consistency", "category_consistency", "clustering"])
def test_one_panel_is_drawn_on_the_axes_given_as_in_a_figure_of_its_own(make_results, name):
    results = make_results(n_layers=3, n_instances=3)
    draw = getattr(figures, f"draw_{name}")
    alone = draw(results)
    above, below = Figure(figsize=(7, 5)).subplots(2)
    assert draw(results, ax=below) is below
    assert not above.has_data()
    assert len(below.lines) == len(alone.lines) > 0
    for given, line in zip(below.lines, alone.lines, strict=True):
        np.testing.assert_array_equal(given.get_xydata(), line.get_xydata())
    assert not below.figure.legends
    texts = [legend.get_texts() for legend in (below.get_legend(), alone.figure.legends[0])]
    assert [{text.get_text() for text in each} for each in texts][0] == {
        text.get_text() for text in texts[1]
    }
    assert below.get_ylabel() == alone.get_ylabel()


def test_many_layers_are_thinned_on_narrow_axes(make_results):
    results = make_results(n_layers=60, n_instances=3)
    n_named = []
    for width in (3, 12):
        ax = Figure(figsize=(width, 3)).subplots()
        n_named.append(len(figures.draw_consistency(results, ax=ax).get_xticks()))
    assert n_named[0] < n_named[1] == 60


@pytest.mark.parametrize("name", ["geometry", "second_level"])
def test_several_panels_are_drawn_on_the_sub_figure_given(make_results, name):
    results = make_results(n_layers=2, n_instances=3)
    draw = getattr(figures, f"draw_{name}")
    left, right = Figure(figsize=(10, 4), layout="constrained").subfigures(1, 2)
    assert draw(results, figure=right) is right
    assert not left.axes
    titles = [axes.get_title() for axes in draw(results).axes]
    assert [axes.get_title() for axes in right.axes] == titles


def test_what_functions_return_can_be_saved(make_results, tmp_path):
    results = make_results(n_layers=2, n_instances=3)
    left, right = Figure(figsize=(8, 3), layout="constrained").subfigures(1, 2)
    figures.draw_consistency(results, ax=left.subplots())
    drawn = figures.draw_clustering(results, ax=right.subplots())
    assert figures.save_figure(drawn, tmp_path / "both.png").read_bytes()[:4] == b"\x89PNG"
