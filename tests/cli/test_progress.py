"""What a terminal shows of a training whose groups begin again with other seeds."""

import io

import numpy as np
import pytest
from rich.console import Console

from ensemble_rsa.cli.progress import training_display
from ensemble_rsa.training.progress import TrainingStatus

STEPS, EPOCHS = 10, 20  # steps of an epoch


def status(seeds, epoch, step=STEPS) -> TrainingStatus:
    values = np.full(len(seeds), 0.5)
    return TrainingStatus(
        (epoch - 1) * STEPS + step, STEPS * EPOCHS, epoch, step == STEPS, seeds,
        values, values, None,
    )  # fmt: skip


def last_frame(statuses, instances) -> list[str]:
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, width=100, no_color=True)
    with training_display(EPOCHS, console, instances) as show:
        for one in statuses:
            show(one)
    lines = text.getvalue().replace("\r", "\n").splitlines()
    return lines[max(i for i, line in enumerate(lines) if "training loss" in line) :]


def seeds_in(frame) -> list[int]:
    words = [line.split()[0] for line in frame[1:] if line.split()]
    return [int(word) for word in words if word.isdigit()]


@pytest.mark.parametrize("instances", [4, 0])  # reproductions do not tell how many
def test_groups_that_were_given_up_are_not_shown_any_more(instances):
    begun = [status(seeds, epoch) for seeds in ((3, 4), (5, 6)) for epoch in (1, 2)]
    again = [status(seeds, 1, 5) for seeds in ((7, 4), (5, 6))]
    frame = last_frame([*begun, *again], instances)
    assert seeds_in(frame) == [5, 6, 7, 4]
    assert "epoch 1/20" in "".join(frame)
    assert " 5/200 " in "".join(frame)


def test_groups_that_are_trained_stay_when_one_instance_is_replaced_at_the_end():
    trained = [status(seeds, EPOCHS) for seeds in ((3, 4), (5, 6))]
    frame = last_frame([*trained, status((7,), 1, 5)], 4)
    assert seeds_in(frame) == [3, 4, 5, 6, 7]
    assert "epoch 1/20" in "".join(frame)
