"""Which instances are flagged as not converged, and for which reason."""

import numpy as np
import pytest

from ensemble_rsa.training.convergence import UnconvergedInstance, unconverged_instances

LABELS = np.repeat([0, 1, 2], 10)


def wrong(count: int) -> np.ndarray:
    """The labels with `count` of them off by one category."""
    predictions = LABELS.copy()
    predictions[:count] = (predictions[:count] + 1) % 3
    return predictions


def reasons(predictions, finite=(True, True), loss=((1.0,) * 4,) * 2, labels=LABELS):
    """The reason for each of two instances, seeds 7 and 11, of which the second has converged."""
    found = unconverged_instances(
        np.stack([predictions, labels]), labels, np.array(finite), np.array(loss), [7, 11],
        ("ant", "bee", "cat"), 0.9,
    )  # fmt: skip
    assert found in ([], [UnconvergedInstance(0, 7, found[0].reason if found else "")])
    return [one.reason for one in found]


def test_an_instance_at_the_threshold_has_converged_and_one_below_is_named():
    assert reasons(wrong(3)) == []
    assert reasons(wrong(4)) == ["training accuracy 0.867 is below 0.9"]


def test_categories_that_are_never_predicted_are_named_if_they_have_images():
    one_category = ["training accuracy 0.333 is below 0.9; never predicts ant, cat"]
    assert reasons(np.full(30, 1)) == one_category
    no_cats = np.array([0, 0, 1, 1])
    few = reasons(np.array([0, 1, 1, 0]), labels=no_cats)
    assert few == ["training accuracy 0.500 is below 0.9"]


@pytest.mark.parametrize("predictions", [wrong(0), np.zeros(30, int)], ids=["right", "wrong"])
@pytest.mark.parametrize(
    ("loss", "epoch"), [((1.0, 0.9, np.inf, np.nan), 3), ((1.0, 0.9, 0.8, 0.7), 4)]
)
def test_weights_that_are_not_finite_are_named_with_the_epoch(predictions, loss, epoch):
    found = reasons(predictions, finite=(False, True), loss=(loss, (1.0,) * 4))
    assert found == [f"weights are not finite since epoch {epoch}"]
