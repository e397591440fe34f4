import numpy as np
import pytest
from matplotlib.collections import PathCollection

from ensemble_rsa.figures.geometry import draw_geometry


def panels(figure):
    return [axes for axes in figure.axes if axes.collections]


def points(axes):
    return np.concatenate([c.get_offsets() for c in axes.findobj(PathCollection)])


def legend_names(figure):
    legends = [*figure.legends, *(axes.get_legend() for axes in figure.axes)]
    return [text.get_text() for legend in legends if legend for text in legend.get_texts()]


def test_every_stimulus_is_drawn_where_it_lies(make_results):
    results = make_results(n_layers=3, n_instances=4, n_stimuli=20)
    places = [(layer, row) for layer in range(3) for row in range(2)]
    for axes, (layer, row) in zip(panels(draw_geometry(results)), places, strict=True):
        # Stimuli are in the order of their categories, as the panel draws them.
        np.testing.assert_array_equal(points(axes), results.embedding[row, layer])
        stress = results.embedding_stress.values[row, layer]
        assert axes.get_title() == f"conv{layer + 1}, stress {stress:.2f}"
        (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
        assert right - left == pytest.approx(top - bottom)
        assert (points(axes) > [left, bottom]).all()
        assert (points(axes) < [right, top]).all()
        ends = axes.lines[0].get_xdata()  # of the scale bar
        assert ends[1] - ends[0] == pytest.approx(float(axes.texts[0].get_text()))


def test_colour_and_marker_follow_the_category(make_results):
    results = make_results(n_layers=1, n_categories=12, n_stimuli=36)
    axes = panels(draw_geometry(results))[0]
    assert [len(c.get_offsets()) for c in axes.collections] == [3] * 12
    looks = [(*c.get_facecolor()[0], c.get_paths()[0].vertices.tobytes()) for c in axes.collections]
    assert len(set(looks)) == 12


@pytest.mark.parametrize(("n_layers", "n_rows"), [(5, 2), (6, 4), (11, 4)])
def test_layers_wrap_into_blocks_of_two_rows(make_results, n_layers, n_rows):
    figure = draw_geometry(make_results(n_layers=n_layers, n_instances=3, n_stimuli=5))
    rows = {axes.get_subplotspec().rowspan.start for axes in panels(figure)}
    assert len(panels(figure)) == 2 * n_layers
    assert len(rows) == n_rows


@pytest.mark.parametrize("n_layers", [2, 6])
def test_categories_are_named(make_results, n_layers):
    figure = draw_geometry(make_results(n_layers=n_layers, categories=["_cat", "dog <b>"]))
    assert legend_names(figure) == ["_cat", "dog <b>"]
    assert legend_names(draw_geometry(make_results(n_layers=1, n_categories=21))) == []


def test_no_categories_one_instance_and_equal_stimuli(make_results):
    results = make_results(n_layers=2, n_shown=1).drop_vars("category")
    results["embedding"] = results.embedding * 0.0
    del results.attrs["model"]
    figure = draw_geometry(results)
    assert [len(points(axes)) for axes in panels(figure)] == [60, 60]
    assert panels(figure)[0].get_ylabel() == "Instance 0"


def test_a_surrogate_says_so(make_results):
    figure = draw_geometry(make_results(n_layers=2, model="all_cnn_7", surrogate=1))
    assert "surrogate" in figure.get_suptitle()
    assert draw_geometry(make_results(n_layers=2)).get_suptitle() == ""
