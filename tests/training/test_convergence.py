"""Which instances are flagged as not converged, and for which reason."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from ensemble_rsa.training.convergence import UnconvergedInstance, unconverged_instances
from ensemble_rsa.training.loop import GroupTraining

LN3 = math.log(3)
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


@pytest.mark.parametrize(
    ("loss", "since"),
    [
        ((1.2, LN3, LN3 + 5e-5, LN3), 2),
        ((LN3, LN3, LN3, LN3), 1),
        ((LN3, 1.0, 0.9, LN3), 4),
        ((LN3, LN3, LN3, 1.0), None),
        ((1.2, 1.0, 0.9, LN3 + 2e-4), None),
    ],
)
def test_a_network_that_guesses_is_named_with_the_epoch(loss, since):
    """A loss of ln 3 is that of equal logits for three categories."""
    (found,) = reasons(np.zeros(30, int), loss=(loss, (1.0,) * 4))
    told = f"; guesses since epoch {since}: its loss is ln 3" if since else ""
    assert found == f"training accuracy 0.333 is below 0.9; never predicts bee, cat{told}"


def test_who_guesses_is_told_once_in_training(caplog):
    group = SimpleNamespace(
        _setup=SimpleNamespace(dataset=SimpleNamespace(categories=("ant", "bee", "cat"))),
        _group=SimpleNamespace(seeds=(7, 11, 13)),
        position=SimpleNamespace(rows=[]),
    )
    for losses in ((1.5, 1.4, 1.3), (LN3, 1.1, 1.0), (LN3, LN3, 0.9), (LN3, LN3, 0.8)):
        group.position.rows.append([losses])
        GroupTraining.tell_who_guesses(group)
    told = [record.getMessage().partition(";")[0] for record in caplog.records]
    assert told == [
        "seeds 7: in epoch 2 the loss was ln 3, that of guessing",
        "seeds 11: in epoch 3 the loss was ln 3, that of guessing",
    ]


@pytest.mark.parametrize("predictions", [wrong(0), np.zeros(30, int)], ids=["right", "wrong"])
@pytest.mark.parametrize(
    ("loss", "epoch"), [((1.0, 0.9, np.inf, np.nan), 3), ((1.0, 0.9, 0.8, 0.7), 4)]
)
def test_weights_that_are_not_finite_are_named_with_the_epoch(predictions, loss, epoch):
    found = reasons(predictions, finite=(False, True), loss=(loss, (1.0,) * 4))
    assert found == [f"weights are not finite since epoch {epoch}"]
