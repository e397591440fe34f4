import numpy as np
import pytest

from ensemble_rsa.figures.second_level import draw_second_level


def test_matrix_goes_layer_by_layer(make_results):
    results = make_results(n_layers=3, n_instances=4)
    # Another order of dimensions must not change the picture.
    shuffled = results.transpose("instance_b", "layer", "layer_b", "instance", ...)
    figure = draw_second_level(shuffled)
    axes = figure.axes[0]
    expected = results.second_level_distance.values.reshape(12, 12)  # layer, then instance
    np.testing.assert_array_equal(np.asarray(axes.images[0].get_array()), expected)
    assert axes.images[0].get_clim()[0] == 0.0
    labels = [axes.get_ylabel() for axes in figure.axes]
    bars = ["Second-level distance (1 − r)", "Layer"]
    assert labels == ["Layer", "MDS dimension 2 (units of 1 − r)", *bars]
    assert axes.get_xlabel() == "Layer (within each layer: instances 0–3)"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["conv1", "conv2", "conv3"]
    np.testing.assert_array_equal(axes.get_xticks(), [1.5, 5.5, 9.5])
    edges = [y[0] for y in (line.get_ydata() for line in axes.lines) if y[0] == y[1]]
    assert edges == [3.5, 7.5]


def test_layers_of_an_instance_are_joined_in_order(make_results):
    results = make_results(n_layers=4, n_instances=3)
    axes = draw_second_level(results).axes[1]
    assert len(axes.lines) == 3
    embedding = results.second_level_embedding.values
    for instance, line in enumerate(axes.lines):
        np.testing.assert_array_equal(line.get_xydata(), embedding[:, instance])
    for layer, cloud in enumerate(axes.collections):
        np.testing.assert_array_equal(cloud.get_offsets(), embedding[layer])
    assert len({tuple(cloud.get_facecolor()[0]) for cloud in axes.collections}) == 4
    assert axes.get_title(loc="right") == "stress 0.12"


@pytest.mark.parametrize(("n_layers", "n_named"), [(1, 1), (40, 20)])
def test_any_number_of_layers_can_be_drawn(make_results, n_layers, n_named):
    figure = draw_second_level(make_results(n_layers=n_layers, n_instances=2))
    figure.canvas.draw()
    bars = [axes for axes in figure.axes if axes.get_ylabel() == "Layer" and not axes.images]
    names = [label.get_text() for label in bars[-1].get_yticklabels()]
    assert names[0] == "conv1"
    assert len(names) == n_named
