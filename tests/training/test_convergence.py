"""Which instances are flagged as not converged, and for which reason."""

import numpy as np
import pytest

from ensemble_rsa.training.convergence import UnconvergedInstance, unconverged_instances

LABELS = np.repeat([0, 1, 2], 10)


def named(predictions, finite=None, converged_at=0.9, seeds=None, loss=None):
    predictions = np.asarray(predictions)
    n = len(predictions)
    return unconverged_instances(
        predictions,
        LABELS,
        np.ones(n, bool) if finite is None else np.asarray(finite),
        np.ones((n, 4)) if loss is None else np.asarray(loss),
        seeds or list(range(n)),
        ("ant", "bee", "cat"),
        converged_at,
    )


def wrong(count: int) -> np.ndarray:
    """The labels with `count` of them off by one category."""
    predictions = LABELS.copy()
    predictions[:count] = (predictions[:count] + 1) % 3
    return predictions


def test_an_instance_at_the_threshold_has_converged():
    assert named([wrong(0), wrong(3)]) == []


def test_an_instance_below_it_is_named_with_its_accuracy():
    assert named([wrong(0), wrong(4)], seeds=[7, 11]) == [
        UnconvergedInstance(1, 11, "training accuracy 0.867 is below 0.9")
    ]


def test_categories_that_are_never_predicted_are_named():
    (verdict,) = named([np.full(30, 1)])
    assert verdict.reason == "training accuracy 0.333 is below 0.9; never predicts ant, cat"


def test_a_category_without_training_images_need_not_be_predicted():
    labels = np.array([0, 0, 1, 1])
    (verdict,) = unconverged_instances(
        np.array([[0, 1, 1, 0]]),
        labels,
        np.array([True]),
        np.ones((1, 4)),
        [0],
        ("ant", "bee", "cat"),
        0.9,
    )
    assert verdict.reason == "training accuracy 0.500 is below 0.9"


@pytest.mark.parametrize("predictions", [wrong(0), np.zeros(30, int)], ids=["right", "wrong"])
def test_weights_that_are_not_finite_are_named_whatever_the_predictions(predictions):
    assert named([predictions, wrong(0)], finite=[False, True], seeds=[5, 6]) == [
        UnconvergedInstance(0, 5, "weights are not finite since epoch 4")
    ]


def test_the_epoch_is_named_since_when_weights_are_not_finite():
    loss = [[1.0, 0.9, np.inf, np.nan], [1.0, 0.9, 0.8, 0.7]]
    (verdict,) = named([wrong(0), wrong(0)], finite=[False, True], loss=loss)
    assert verdict.reason == "weights are not finite since epoch 3"
