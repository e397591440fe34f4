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
    found = [c for c in axes.findobj(LineCollection) if c.get_label() == f"{over} interval"]
    return np.array([[segment[:, 1] for segment in c.get_segments()] for c in found])


def legend_texts(axes):
    return {text.get_text() for text in axes.figure.legends[0].get_texts()}


def means(axes):
    """Label → values of each line of means."""
    return {line.get_label(): line.get_ydata() for line in axes.lines if line.get_ls() == "-"}


def assert_drawn(axes, place, label, results):
    """The mean and both intervals of the line at this place are those of the results."""
    np.testing.assert_array_equal(means(axes)[label], results.consistency_mean)
    for over in results.bootstrap.values:
        chosen = results.sel(bootstrap=over)
        limits = np.stack([chosen.consistency_low, chosen.consistency_high], axis=-1)
        np.testing.assert_allclose(intervals(axes, over)[place], limits)


def test_pairs_mean_and_both_intervals_are_the_numbers(make_results):
    results = make_results(n_layers=4, n_instances=5, confidence=0.9)
    axes = draw_consistency(results)
    exemplar = results.sel(kind="exemplar")
    dots = np.asarray(axes.findobj(PathCollection)[0].get_offsets())
    np.testing.assert_allclose(dots[:, 1], exemplar.consistency.values.ravel())
    np.testing.assert_array_equal(np.round(dots[:, 0]), np.repeat(range(4), 10))
    assert_drawn(axes, 0, "mean over pairs", exemplar)
    assert axes.get_ylabel() == "Representational consistency\n(shared variance, r²)"
    assert axes.get_xlabel() == "Layer"
    assert [tick.get_text() for tick in axes.get_xticklabels()] == list(results.layer.values)
    assert axes.get_ylim()[0] == 0.0
    assert legend_texts(axes) == {
        "one of 10 instance pairs", "mean over pairs", "90 % CI, pairs", "90 % CI, instances",
    }  # fmt: skip


def test_every_kind_has_its_line_and_its_intervals(make_results):
    results = make_results(n_layers=4, n_instances=5)
    axes = draw_category_consistency(results)
    for place, kind in enumerate(results.kind.values):
        assert_drawn(axes, place, KIND_NAMES[kind], results.sel(kind=kind))
    assert legend_texts(axes) == {*KIND_NAMES.values(), "95 % CI, pairs", "95 % CI, instances"}


def test_two_instances_have_no_interval(make_results):
    results = make_results(n_layers=2, n_instances=2)
    for draw in (draw_consistency, draw_category_consistency):
        axes = draw(results)
        assert intervals(axes, "pairs").size == 0
        assert not any("CI" in text for text in legend_texts(axes))


@pytest.mark.parametrize("draw", [draw_consistency, draw_category_consistency, draw_clustering])
def test_undefined_numbers_leave_gaps(make_results, draw):
    results = make_results(n_layers=3, n_instances=3)
    for name in results.data_vars:
        if "layer" in results[name].dims and results[name].dtype.kind == "f":
            results[name] = results[name].where(results.layer != "conv2")
    assert intervals(draw(results), "instances").shape[1] == 2


def test_clustering_draws_instances_mean_and_interval(make_results):
    results = make_results(n_layers=3, n_instances=4)
    axes = draw_clustering(results)
    single = [line.get_ydata() for line in axes.lines if line.get_label().startswith("instance")]
    np.testing.assert_array_equal(np.stack(single, axis=1), results.category_clustering_index)
    np.testing.assert_array_equal(means(axes)["mean"], results.category_clustering_index_mean)
    limits = [results[f"category_clustering_index_{side}"] for side in ("low", "high")]
    np.testing.assert_allclose(intervals(axes, "instances")[0].T, limits)
    assert "Category clustering" in axes.get_ylabel()
    assert legend_texts(axes) == {"one instance", "mean", "95 % CI, instances"}


def test_many_layers_take_two_columns_and_are_thinned(make_results):
    axes = draw_consistency(make_results(n_layers=60, n_instances=3))
    assert axes.figure.get_size_inches()[0] == 7.2
    names = [tick.get_text() for tick in axes.get_xticklabels()]
    assert names[:2] == ["conv1", "conv3"]
