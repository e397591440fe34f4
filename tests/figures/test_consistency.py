import numpy as np
import pytest
from matplotlib.collections import LineCollection, PathCollection

from ensemble_rsa.figures.consistency import (
    draw_category_consistency,
    draw_clustering,
    draw_consistency,
)
from ensemble_rsa.figures.wording import KIND_NAMES


def intervals(axes, label):
    """Low and high ends of the bars with this label, `(bar, 2)`."""
    found = [
        c for c in axes.collections if isinstance(c, LineCollection) and c.get_label() == label
    ]
    return np.array([[segment[:, 1] for segment in c.get_segments()] for c in found])


def legend_texts(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def line(axes, label):
    return next(found for found in axes.lines if found.get_label() == label)


def test_dots_means_and_both_intervals_are_the_numbers(make_results):
    results = make_results(n_layers=4, n_instances=5)
    axes = draw_consistency(results).axes[0]
    dots = next(c for c in axes.collections if isinstance(c, PathCollection)).get_offsets()
    exemplar = results.sel(kind="exemplar")
    np.testing.assert_allclose(np.asarray(dots)[:, 1], exemplar.consistency.values.ravel())
    np.testing.assert_array_equal(np.round(np.asarray(dots)[:, 0]), np.repeat(range(4), 10))
    np.testing.assert_array_equal(
        line(axes, "mean over pairs").get_ydata(), exemplar.consistency_mean
    )
    for bootstrap in ("pairs", "instances"):
        low, high = (
            exemplar[f"consistency_{side}"].sel(bootstrap=bootstrap) for side in ("low", "high")
        )
        drawn = intervals(axes, f"{bootstrap} interval")[0]
        np.testing.assert_allclose(drawn, np.stack([low, high], axis=1))


def test_labels_say_what_is_drawn(make_results):
    figure = draw_consistency(make_results(n_layers=3, confidence=0.9))
    axes = figure.axes[0]
    assert axes.get_ylabel() == "Representational consistency\n(shared variance, r²)"
    assert axes.get_xlabel() == "Layer"
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["conv1", "conv2", "conv3"]
    assert axes.get_ylim()[0] == 0.0
    assert set(legend_texts(figure)) == {
        "one of 45 instance pairs", "mean over pairs", "90 % CI, pairs", "90 % CI, instances",
    }  # fmt: skip


def test_every_kind_has_its_line_and_its_intervals(make_results):
    results = make_results(n_layers=4, n_instances=5)
    figure = draw_category_consistency(results)
    axes = figure.axes[0]
    wide = intervals(axes, "instances interval")
    for place, kind in enumerate(results.kind.values):
        chosen = results.sel(kind=kind)
        drawn = line(axes, KIND_NAMES[kind])
        np.testing.assert_array_equal(drawn.get_ydata(), chosen.consistency_mean)
        np.testing.assert_allclose(
            wide[place, :, 0], chosen.consistency_low.sel(bootstrap="instances")
        )
    assert len({line(axes, name).get_marker() for name in KIND_NAMES.values()}) == 3
    assert set(legend_texts(figure)) == {
        "exemplar-based", "centroid-based", "within-category", "95 % CI, pairs",
        "95 % CI, instances",
    }  # fmt: skip


def test_two_instances_have_no_interval(make_results):
    results = make_results(n_layers=2, n_instances=2)
    for draw in (draw_consistency, draw_category_consistency):
        figure = draw(results)
        assert len(intervals(figure.axes[0], "pairs interval")) == 0
        assert not any("CI" in text for text in legend_texts(figure))


@pytest.mark.parametrize("draw", [draw_consistency, draw_category_consistency, draw_clustering])
def test_undefined_numbers_leave_gaps(make_results, draw):
    results = make_results(n_layers=3, n_instances=3)
    for name in results.data_vars:
        if "layer" in results[name].dims and results[name].dtype.kind == "f":
            results[name] = results[name].where(results.layer != "conv2")
    figure = draw(results)
    figure.canvas.draw()
    assert intervals(figure.axes[0], "instances interval").shape[1] == 2


def test_a_bootstrap_that_misses_the_mean_is_drawn_as_it_is(make_results):
    results = make_results(n_layers=1, n_instances=3)
    results["consistency_high"] = results.consistency_mean - 0.01 + 0 * results.consistency_high
    drawn = intervals(draw_consistency(results).axes[0], "instances interval")[0, 0]
    assert drawn[1] == pytest.approx(float(results.consistency_mean.sel(kind="exemplar")[0]) - 0.01)


def test_clustering_draws_instances_mean_and_interval(make_results):
    results = make_results(n_layers=3, n_instances=4)
    axes = draw_clustering(results).axes[0]
    single = [found.get_ydata() for found in axes.lines if found.get_label().startswith("instance")]
    np.testing.assert_array_equal(np.stack(single, axis=1), results.category_clustering_index)
    np.testing.assert_array_equal(
        line(axes, "mean").get_ydata(), results.category_clustering_index_mean
    )
    drawn = intervals(axes, "instances interval")[0]
    np.testing.assert_allclose(drawn[:, 0], results.category_clustering_index_low)
    assert "Category clustering" in axes.get_ylabel()


def test_many_layers_take_two_columns_and_are_thinned(make_results):
    figure = draw_consistency(make_results(n_layers=60, n_instances=3))
    assert figure.get_size_inches()[0] == 7.2
    names = [tick.get_text() for tick in figure.axes[0].get_xticklabels()]
    assert names[:2] == ["conv1", "conv3"]
