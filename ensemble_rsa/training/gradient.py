"""The gradient of one instance's loss over a batch, which may be computed part by part.

The maps of a part of a batch fit into a processor's cache where those of the whole batch do not:
with parts of 8 of 32 images, a step of All-CNN-C takes 0.8 to 0.9 of the time at a quarter of the
channels, and 0.9 at an eighth (one core, 32 × 32 pixels).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ensemble_rsa.config.settings import TrainingConfig
from ensemble_rsa.models.devices import BATCH
from ensemble_rsa.models.dropout import Dropout
from ensemble_rsa.models.network import Network, Parameters
from ensemble_rsa.training.recipe import cross_entropy

PART_PIXELS = 8 * 32 * 32  # the fastest of 4, 8 and 16 images of 32 × 32
LEAST_IMAGES = 8  # with fewer, gradients of kernels by convolution are slow


class InstanceSettings(NamedTuple):
    """Settings that may differ between instances, `(instance,)` each."""

    learning_rate: Any
    l2: Any
    dropout: Any


class Targets(NamedTuple):
    """Labels of a batch; of mixed images also those of the others, and the share of the first.

    `kept` is that share, the same for the whole batch.
    """

    labels: Int[Array, " image"]
    others: Int[Array, " image"] | None = None
    kept: Any = None


class Totals(NamedTuple):
    """Cross-entropy and number of correct predictions, summed over the images of a step.

    They are scalars for one step of one instance.
    """

    loss: Float[Array, "..."]
    correct: Int[Array, "..."]


def make_gradient(
    network: Network, config: TrainingConfig, in_parts: bool, shares: int
) -> Callable:
    """The function (variables, settings, batch, `Targets`, key) → (gradient, `Totals`, statistics).

    The gradient is that of the parameters, see `Network.separated`; the key is that of the masks of
    dropout, and of whatever else is random, or None.

    Args:
        network: of one instance.
        config: the recipe.
        in_parts: whether a batch is split into parts, whose gradients are averaged.
        shares: over how many devices a batch is split; the result is that of one device's share.
    """

    def objective(parameters, statistics, settings: InstanceSettings, batch, targets, dropout):
        variables = network.joined(parameters, statistics)
        logits, statistics = network.training_logits(variables, batch, dropout)
        losses = cross_entropy(logits, targets.labels, config.label_smoothing)
        if targets.others is not None:
            others = cross_entropy(logits, targets.others, config.label_smoothing)
            losses = targets.kept * losses + (1 - targets.kept) * others
        correct = (logits.argmax(-1) == targets.labels).sum()
        decayed = (
            leaf for leaf in jax.tree.leaves(parameters) if config.l2_biases or leaf.ndim > 1
        )
        squares = sum(jnp.vdot(leaf, leaf) for leaf in decayed)
        loss = losses.mean() + settings.l2 * squares
        return loss, (Totals(losses.sum(), correct), statistics)

    def gradient_of(
        variables: Parameters, settings: InstanceSettings, batch, targets: Targets, masks
    ):
        parameters, statistics = network.separated(variables)
        share = 0 if shares == 1 else jax.lax.axis_index(BATCH)
        n, height, width, _ = batch.shape
        parts = batch_parts(n, height * width) if in_parts else 1

        def of_part(part, batch, labels, others):
            own, dropout = Targets(labels, others, targets.kept), None
            if masks is not None:
                dropout = Dropout(settings.dropout, masks, share * parts + part, shares * parts)
            gradient, (totals, after) = jax.grad(objective, has_aux=True)(
                parameters, statistics, settings, batch, own, dropout
            )
            return gradient, totals, after

        if parts == 1:
            return of_part(0, batch, targets.labels, targets.others)
        # a network whose batches are split has no statistics
        images = jax.tree.map(
            lambda a: a.reshape(parts, -1, *a.shape[1:]), (batch, targets.labels, targets.others)
        )
        none = jax.tree.map(jnp.zeros_like, parameters), Totals(jnp.zeros(()), jnp.zeros((), int))
        (gradient, totals), _ = jax.lax.scan(
            lambda sums, part: (jax.tree.map(jnp.add, sums, of_part(*part)[:2]), None),
            none,
            (jnp.arange(parts), *images),
        )
        return jax.tree.map(lambda leaf: leaf / parts, gradient), totals, statistics

    return gradient_of


def batch_parts(batch_size: int, pixels: int) -> int:
    """Into how many equal parts a batch of images with so many pixels is split.

    >>> batch_parts(32, 32 * 32), batch_parts(50, 32 * 32), batch_parts(128, 8 * 8)
    (4, 10, 1)
    """
    most = max(LEAST_IMAGES, PART_PIXELS // pixels)
    equal = (n for n in range(1, batch_size + 1) if batch_size % n == 0)
    return next(n for n in equal if batch_size // n <= most)
