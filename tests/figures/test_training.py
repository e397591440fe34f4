import numpy as np
import pytest

from ensemble_rsa.figures.style import FLAGGED
from ensemble_rsa.figures.training import draw_training


def legend_texts(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def curves(axes):
    return {line.get_label(): line for line in axes.lines}


def test_every_instance_and_the_mean(make_history):
    history = make_history(n_instances=4, n_epochs=6)
    figure = draw_training(history)
    labels = [axes.get_ylabel() for axes in figure.axes]
    assert labels == ["Training loss (nats)", "Training accuracy", "Test accuracy"]
    for axes, name in zip(figure.axes, ["train_loss", "train_accuracy"], strict=False):
        drawn = curves(axes)
        for instance in range(4):
            values = drawn[f"instance {instance}"].get_ydata()
            np.testing.assert_array_equal(values, history[name].isel(instance=instance))
        np.testing.assert_allclose(drawn["mean"].get_ydata(), history[name].values.mean(axis=1))
        assert axes.get_xlabel() == "Epoch"
    assert legend_texts(figure) == ["one instance", "mean of 4 instances"]


def test_epochs_without_a_test_are_left_out(make_history):
    history = make_history(n_instances=2, n_epochs=7)
    line = curves(draw_training(history).axes[2])["instance 1"]
    expected = history.test_accuracy.sel(instance=1, epoch=[3, 6])
    np.testing.assert_array_equal(line.get_xydata(), np.stack([[3, 6], expected], axis=1))


def test_a_flagged_instance_is_named_and_left_out_of_the_mean(make_history):
    history = make_history(n_instances=4, dead=2)
    figure = draw_training(history, [{"instance": 2, "seed": 2, "reason": "dead"}])
    drawn = curves(figure.axes[1])
    marked = [name for name, line in drawn.items() if line.get_color() == FLAGGED]
    assert marked == ["instance 2"]
    others = history.train_accuracy.values[:, [0, 1, 3]].mean(axis=1)
    np.testing.assert_allclose(drawn["mean"].get_ydata(), others)
    assert "instance 2 (seed 2): dead" in legend_texts(figure)


def test_flags_go_by_seed_where_instances_were_counted_anew(make_history):
    history = make_history(n_instances=3).assign_coords(seed=("instance", [0, 2, 5]))
    figure = draw_training(history, [{"instance": 2, "seed": 2, "reason": "slow"}])
    assert curves(figure.axes[0])["instance 1"].get_color() == FLAGGED
    assert legend_texts(figure)[-1] == "instance 1 (seed 2): slow"


def test_all_flagged_one_epoch_and_infinite_loss(make_history):
    history = make_history(n_instances=8, n_epochs=1)
    history.train_loss[0, 0] = np.inf
    flagged = [{"instance": i, "reason": "x" * 80} for i in range(8)]
    figure = draw_training(history.drop_vars("seed"), flagged, "a surrogate")
    assert len(curves(figure.axes[0])) == 8
    assert legend_texts(figure)[-1] == "and 2 more flagged"
    assert figure.get_suptitle() == "a surrogate"


def test_losses_over_decades_get_a_logarithmic_axis(make_history):
    assert draw_training(make_history(n_epochs=12)).axes[0].get_yscale() == "log"
    assert draw_training(make_history(n_epochs=2)).axes[0].get_yscale() == "linear"


@pytest.mark.parametrize("n_flagged", [1, 2, 3, 4])
def test_the_legend_of_flagged_instances_lies_within_the_figure(make_history, n_flagged):
    reason = "training accuracy 0.318 is below 0.99"
    flagged = [{"instance": i, "seed": i, "reason": reason} for i in range(n_flagged)]
    figure = draw_training(make_history(n_instances=max(3, n_flagged)), flagged)
    figure.canvas.draw()
    legend = figure.legends[0].get_window_extent()
    assert figure.bbox.x0 <= legend.x0
    assert legend.x1 <= figure.bbox.x1
