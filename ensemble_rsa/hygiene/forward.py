"""Findings on forward passes: whether activations depend on chance, or on the batch.

A few images are shown twice, and then copies of the first one. All three batches have the same
size, since compiled functions are compiled for each size.
"""

from collections.abc import Iterator, Mapping

import numpy as np

from ensemble_rsa.extraction.sources import ActivationSource
from ensemble_rsa.hygiene.finding import Finding

# Ours, as shares of the length of the activations. Two passes differ by dropout at rate p by about
# √(2p/(1 − p)), which is 0.04 for p = 0.001, and by the order of sums on an accelerator by 1e-6.
# Batch norm in training mode changes activations by a tenth or more among copies of an image;
# bfloat16, whose kernels depend on the place in the batch, by less than 0.02.
RANDOM, BATCH_DEPENDENT = 1e-3, 0.05
_OFF = "put dropout and batch norm in evaluation mode"


def check_forward(source: ActivationSource, position: int) -> Iterator[Finding]:
    """Yield findings on repeated forward passes of one network; none where there is no network."""
    if source.probe is None:
        return
    instance = source.instances[position]
    first, second, copies = source.probe(position)
    changed = _most_changed(first, second, RANDOM)
    if changed is not None:
        layer, change = changed
        message = (
            f"activations differ by {change:.1%} between two passes, so they depend on chance: "
            f"{_OFF}"
        )
        yield Finding("warn", instance, layer, message)
        return
    expected = {name: np.repeat(rows[:1], len(rows), axis=0) for name, rows in first.items()}
    changed = _most_changed(expected, copies, BATCH_DEPENDENT)
    if changed is not None:
        layer, change = changed
        message = (
            f"activations of an image differ by {change:.0%} between a batch with other images and "
            f"one without, so they depend on the other images: {_OFF}"
        )
        yield Finding("refuse", instance, layer, message)


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
