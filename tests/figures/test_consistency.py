import numpy as np
import pytest
from matplotlib.collections import LineCollection, PathCollection

from ensemble_rsa.figures.consistency import (
    draw_category_consistency,
    draw_clustering,
    draw_consistency,
)
from ensemble_rsa.figures.wording import KIND_NAMES


def intervals(axes, over):
    """Low and high ends of the bars over `pairs` or `instances`, `(line, layer, 2)`."""
    label = f"{over} interval"
    found = [
        c for c in axes.collections if isinstance(c, LineCollection) and c.get_label() == label
    ]
    return np.array([[segment[:, 1] for segment in c.get_segments()] for c in found])


def limits(results, over):
    low, high = (results[f"consistency_{side}"].sel(bootstrap=over) for side in ("low", "high"))
    return np.stack([low, high], axis=-1)


def legend_texts(figure):
    return {text.get_text() for text in figure.legends[0].get_texts()}


def means(axes):
    """Label → values of each line of means."""
    return {line.get_label(): line.get_ydata() for line in axes.lines if line.get_ls() == "-"}


def test_pairs_mean_and_both_intervals_are_the_numbers(make_results):
    results = make_results(n_layers=4, n_instances=5, confidence=0.9)
    figure = draw_consistency(results)
    axes = figure.axes[0]
    exemplar = results.sel(kind="exemplar")
    dots = np.asarray(
        next(c for c in axes.collections if isinstance(c, PathCollection)).get_offsets()
    )
    np.testing.assert_allclose(dots[:, 1], exemplar.consistency.values.ravel())
    np.testing.assert_array_equal(np.round(dots[:, 0]), np.repeat(range(4), 10))
    np.testing.assert_array_equal(means(axes)["mean over pairs"], exemplar.consistency_mean)
    for over in ("pairs", "instances"):
        np.testing.assert_allclose(intervals(axes, over)[0], limits(exemplar, over))
    assert axes.get_ylabel() == "Representational consistency\n(shared variance, r²)"
    assert axes.get_xlabel() == "Layer"
    assert [tick.get_text() for tick in axes.get_xticklabels()] == list(results.layer.values)
    assert axes.get_ylim()[0] == 0.0
    assert legend_texts(figure) == {
        "one of 10 instance pairs", "mean over pairs", "90 % CI, pairs", "90 % CI, instances",
    }  # fmt: skip


def test_every_kind_has_its_line_and_its_intervals(make_results):
    results = make_results(n_layers=4, n_instances=5)
    figure = draw_category_consistency(results)
    axes = figure.axes[0]
    for place, kind in enumerate(results.kind.values):
        chosen = results.sel(kind=kind)
        np.testing.assert_array_equal(means(axes)[KIND_NAMES[kind]], chosen.consistency_mean)
        for over in ("pairs", "instances"):
            np.testing.assert_allclose(intervals(axes, over)[place], limits(chosen, over))
    assert legend_texts(figure) == {*KIND_NAMES.values(), "95 % CI, pairs", "95 % CI, instances"}


def test_two_instances_have_no_interval(make_results):
    results = make_results(n_layers=2, n_instances=2)
    for draw in (draw_consistency, draw_category_consistency):
        figure = draw(results)
        assert len(intervals(figure.axes[0], "pairs")) == 0
        assert not any("CI" in text for text in legend_texts(figure))


@pytest.mark.parametrize("draw", [draw_consistency, draw_category_consistency, draw_clustering])
def test_undefined_numbers_leave_gaps(make_results, draw):
    results = make_results(n_layers=3, n_instances=3)
    for name in results.data_vars:
        if "layer" in results[name].dims and results[name].dtype.kind == "f":
            results[name] = results[name].where(results.layer != "conv2")
    assert intervals(draw(results).axes[0], "instances").shape[1] == 2


def test_clustering_draws_instances_mean_and_interval(make_results):
    results = make_results(n_layers=3, n_instances=4)
    figure = draw_clustering(results)
    axes = figure.axes[0]
    single = [line.get_ydata() for line in axes.lines if line.get_label().startswith("instance")]
    np.testing.assert_array_equal(np.stack(single, axis=1), results.category_clustering_index)
    np.testing.assert_array_equal(means(axes)["mean"], results.category_clustering_index_mean)
    drawn = intervals(axes, "instances")[0]
    np.testing.assert_allclose(drawn[:, 0], results.category_clustering_index_low)
    np.testing.assert_allclose(drawn[:, 1], results.category_clustering_index_high)
    assert "Category clustering" in axes.get_ylabel()
    assert legend_texts(figure) == {"one instance", "mean", "95 % CI, instances"}


def test_many_layers_take_two_columns_and_are_thinned(make_results):
    figure = draw_consistency(make_results(n_layers=60, n_instances=3))
    assert figure.get_size_inches()[0] == 7.2
    names = [tick.get_text() for tick in figure.axes[0].get_xticklabels()]
    assert names[:2] == ["conv1", "conv3"]
