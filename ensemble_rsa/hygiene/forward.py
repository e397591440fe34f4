"""Findings on forward passes: whether activations depend on chance, or on the batch.

Eight images are shown twice, and two of them alone: 18 images for each network. Small batches take
longer for each image, so this costs more than its share of the images.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ensemble_rsa.errors import InputError
from ensemble_rsa.extraction.sources import ActivationSource
from ensemble_rsa.hygiene.finding import Finding, Severity

N_IMAGES, N_ALONE = 8, 2
# Ours, as shares of the length of the activations. Two passes differ by dropout at rate p by about
# √(2p/(1 − p)), which is 0.04 for p = 0.001, and by the order of sums on an accelerator by 1e-6.
# Batch norm in training mode changes activations by a tenth or more when an image is shown alone;
# bfloat16, whose kernels depend on the size of the batch, by less than 0.02.
RANDOM, BATCH_DEPENDENT = 1e-3, 0.05
_OFF = "put dropout and batch norm in evaluation mode"


def check_forward(source: ActivationSource) -> list[Finding]:
    """Return findings on repeated forward passes; none where there are no networks."""
    if source.probe is None:
        return []
    found: list[Finding] = []
    for position, instance in enumerate(source.instances):
        found += _check_instance(source.probe, position, instance)
    return found


def _check_instance(probe: Any, position: int, instance: Any) -> Iterator[Finding]:
    first, second = probe(position, N_IMAGES, N_IMAGES, 2)
    changed = _most_changed(first, second, RANDOM)
    if changed is not None:
        layer, change = changed
        message = (
            f"activations differ by {change:.1%} between two passes, so they depend on chance: "
            f"{_OFF}"
        )
        yield Finding("warn", instance, layer, message)
        return
    n_shown = len(next(iter(first.values())))
    if n_shown < 2:
        return
    severity: Severity = "refuse"
    try:
        (alone,) = probe(position, N_ALONE, 1, 1)
    except InputError as error:
        yield Finding(severity, instance, None, f"{error}; it takes no single image: {_OFF}")
        return
    changed = _most_changed({name: rows[:N_ALONE] for name, rows in first.items()}, alone,
                            BATCH_DEPENDENT)  # fmt: skip
    if changed is not None:
        layer, change = changed
        message = (
            f"activations differ by {change:.0%} between an image alone and in a batch of "
            f"{n_shown}, so they depend on the other images: {_OFF}"
        )
        yield Finding(severity, instance, layer, message)


def _most_changed(
    one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray], allowed: float
) -> tuple[str, float] | None:
    """Return the first layer that changes by more than allowed, with its change."""
    for name, rows in one.items():
        before, after = rows.astype(np.float64), other[name].astype(np.float64)
        length = np.linalg.norm(before)
        change = float(np.linalg.norm(after - before) / (length or 1.0))
        if change > allowed:
            return name, change
    return None
