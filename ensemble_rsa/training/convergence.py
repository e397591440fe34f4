"""Which instances did not converge, by a rule fixed before training.

With the ReLU on the class maps of Mehrer et al. 2020, doi:10.1038/s41467-020-19632-w, a category's
gradient can vanish for all images, and training then stalls below full training accuracy. The rule,
a training accuracy of at least `converged_at`, is ours.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

GUESSING = (
    1e-4  # difference from the loss of equal logits; of networks that learn it is 1e-2 or more
)
ROUNDING = 5e-6  # of the mean loss of equal logits, 20 steps of float32
FIRST_EPOCHS = 2  # after which networks that cannot learn are replaced; the first is not judged


@dataclass(frozen=True)
class UnconvergedInstance:
    """An instance that did not converge: its index, its weight seed, and the reason in words."""

    instance: int
    seed: int
    reason: str


def guesses(loss: Float[np.ndarray, "..."], n_categories: int) -> Bool[np.ndarray, "..."]:
    """Whether a loss is that of equal logits for all categories, as of a network of zeros.

    >>> guesses(np.array([2.3026, 2.29, np.nan]), 10).tolist()
    [True, False, False]
    """
    return np.abs(loss - math.log(n_categories)) < GUESSING


def are_dead(
    loss: Float[np.ndarray, " instance"],
    predictions: Int[np.ndarray, "instance image"],
    n_categories: int,
) -> Bool[np.ndarray, " instance"]:
    """Whether all logits of networks are zero for all images, so that there is no gradient.

    All their predictions then are the first category, and their loss is exactly ln n throughout an
    epoch. Networks that have not begun to learn have logits that differ.

    Args:
        loss: mean of an epoch.
        predictions: at its end, for the images of the epoch.
        n_categories: n.

    >>> loss = np.array([2.302585, 2.302585, 2.3026])
    >>> are_dead(loss, np.array([[0, 0], [0, 1], [0, 0]]), 10).tolist()
    [True, False, False]
    """
    exactly = np.abs(loss - math.log(n_categories)) < ROUNDING
    return exactly & ~predictions.any(axis=1)


def unconverged_instances(
    predictions: Int[np.ndarray, "instance image"],
    labels: Int[np.ndarray, " image"],
    finite: Bool[np.ndarray, " instance"],
    loss: Float[np.ndarray, "instance epoch"],
    seeds: Sequence[int],
    categories: Sequence[str],
    converged_at: float,
) -> list[UnconvergedInstance]:
    """Instances with a low training accuracy or with weights that are not finite.

    `loss` shows since which epoch they are not, or do no more than guess; `converged_at` is the
    least training accuracy.

    >>> right, wrong = np.array([0, 1, 1]), np.array([0, 0, 0])
    >>> both, finite, loss = np.stack([right, wrong]), np.array([True, True]), np.ones((2, 3))
    >>> found = unconverged_instances(both, right, finite, loss, [4, 5], "ab", 0.99)
    >>> found[0].seed, found[0].reason
    (5, 'training accuracy 0.333 is below 0.99; never predicts b')
    """
    found = []
    for instance, (predicted, seed) in enumerate(zip(predictions, seeds, strict=True)):
        accuracy = float((predicted == labels).mean())
        if not finite[instance]:
            broken = np.flatnonzero(~np.isfinite(loss[instance]))
            # an overflow in the very last step appears in no loss
            since = broken[0] + 1 if broken.size else loss.shape[1]
            found.append(
                UnconvergedInstance(instance, seed, f"weights are not finite since epoch {since}")
            )
        elif accuracy < converged_at:
            reason = f"training accuracy {accuracy:.3f} is below {converged_at:g}"
            never = [
                name
                for index, name in enumerate(categories)
                if index in labels and index not in predicted
            ]
            if never:
                reason += f"; never predicts {', '.join(never)}"
            learning = np.flatnonzero(~guesses(loss[instance], len(categories)))
            since = learning[-1] + 2 if learning.size else 1
            if since <= loss.shape[1]:
                reason += f"; guesses since epoch {since}: its loss is ln {len(categories)}"
            found.append(UnconvergedInstance(instance, seed, reason))
    return found
