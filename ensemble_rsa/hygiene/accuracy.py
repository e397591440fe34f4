"""Findings on the accuracy of networks that were trained here."""

import math
from collections.abc import Sequence
from typing import Any

from ensemble_rsa.hygiene.finding import Finding

STANDARD_ERRORS = 3.0  # ours: above chance by less than that, one of 700 networks that guess is


def check_accuracy(
    instances: Sequence[Any], accuracy: Sequence[float], n_categories: int, n_images: int
) -> list[Finding]:
    """Return a finding for each network whose test accuracy is that of guessing.

    >>> check_accuracy([0, 1], [0.9, 0.11], 10, 1000)[0].message
    'its test accuracy of 11.0% is at chance (10%), so it has learnt nothing'
    """
    chance = 1 / n_categories
    limit = chance + STANDARD_ERRORS * math.sqrt(chance * (1 - chance) / n_images)
    return [
        Finding(
            "warn",
            instance,
            None,
            f"its test accuracy of {value:.1%} is at chance ({chance:.0%}), so it has learnt "
            "nothing",
        )
        for instance, value in zip(instances, accuracy, strict=True)
        if value <= limit
    ]
