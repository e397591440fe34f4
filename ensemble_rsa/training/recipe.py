"""The optimiser, its schedule and the loss of a recipe.

The default is that of Mehrer et al. 2020, doi:10.1038/s41467-020-19632-w: gradient descent with
momentum, clipping by norm and a rate that drops stepwise. Schedules run from 0 to 1: updates are
multiplied by each instance's own learning rate afterwards.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import jax
import optax
from jaxtyping import Array, Float, Int

from ensemble_rsa.config.settings import TrainingConfig

ONE_CYCLE_PEAK = 0.3  # share of the steps


class Optimiser(NamedTuple):
    """How gradients become updates, before the learning rate.

    Attributes:
        scale: of a recipe.
        n_averages: running averages of the size of the parameters.
    """

    scale: Callable[[TrainingConfig], optax.GradientTransformation]
    n_averages: int


OPTIMISERS: Mapping[str, Optimiser] = MappingProxyType(
    {
        "sgd": Optimiser(lambda config: optax.trace(config.momentum), 1),
        "nesterov": Optimiser(lambda config: optax.trace(config.momentum, nesterov=True), 1),
        "adamw": Optimiser(lambda config: optax.scale_by_adam(), 2),
        "lion": Optimiser(lambda config: optax.scale_by_lion(), 1),
    }
)


def make_optimiser(config: TrainingConfig, steps_per_epoch: int) -> optax.GradientTransformation:
    """The optimiser of a recipe with a learning rate of 1, clipped by the norm of the gradient.

    Weight decay is decoupled from the gradient (Loshchilov and Hutter 2019) and acts on kernels,
    not on biases and the parameters of normalisation. With `accumulate`, the mean gradient of so
    many steps is used in the last of them, and the others change nothing.
    """
    schedule, every = make_schedule(config, steps_per_epoch), config.accumulate
    if every == 1:
        return _each_step(config, schedule)
    at_last_step = _each_step(config, lambda count: schedule(every * count + every - 1))
    return optax.MultiSteps(at_last_step, every).gradient_transformation()


def _each_step(config: TrainingConfig, rate: optax.Schedule) -> optax.GradientTransformation:
    """An update in each step, at a rate that depends on the number of updates before."""
    clip = optax.clip_by_global_norm(config.clip_norm)
    if config.optimiser == "sgd" and not config.weight_decay:
        return optax.chain(clip, optax.sgd(rate, momentum=config.momentum))
    are_kernels = lambda tree: jax.tree.map(lambda leaf: leaf.ndim > 1, tree)
    return optax.chain(
        clip,
        OPTIMISERS[config.optimiser].scale(config),
        optax.add_decayed_weights(config.weight_decay, mask=are_kernels),
        optax.scale_by_learning_rate(rate),
    )


def make_schedule(config: TrainingConfig, steps_per_epoch: int) -> optax.Schedule:
    """The share of the learning rate at each step.

    `drops` divides it by ten after each of `drop_after`, `cosine` falls to 0 at the last step, and
    `one_cycle` rises to 1 in the first 30 % of the steps and falls to 0; before the first two, the
    rate rises linearly over `warm_up` of the epochs.
    """
    n_steps = max(1, config.epochs * steps_per_epoch)
    if config.schedule == "one_cycle":
        return optax.cosine_onecycle_schedule(n_steps, 1.0, ONE_CYCLE_PEAK)
    n_first = round(config.warm_up * n_steps)
    if config.schedule == "cosine":
        after = optax.cosine_decay_schedule(1.0, max(1, n_steps - n_first))
    else:
        drops: dict[int, float] = {}
        for share in config.drop_after:  # in a short training several may fall on the same epoch
            step = round(share * config.epochs) * steps_per_epoch - n_first
            drops[max(0, step)] = drops.get(max(0, step), 1.0) * 0.1
        after = optax.piecewise_constant_schedule(1.0, drops)
    if not n_first:
        return after
    return optax.join_schedules([lambda step: (step + 1) / n_first, after], [n_first])


def cross_entropy(
    logits: Float[Array, "image category"], labels: Int[Array, " image"], smoothing: float
) -> Float[Array, " image"]:
    """Cross-entropy with labels of which a share is spread evenly over all categories."""
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
    if not smoothing:
        return losses
    even = -jax.nn.log_softmax(logits).mean(-1)
    return (1 - smoothing) * losses + smoothing * even


def states_per_parameter(config: TrainingConfig) -> int:
    """Numbers that training keeps for each parameter, itself included."""
    others = (config.accumulate > 1) + (config.average > 0)
    return 1 + OPTIMISERS[config.optimiser].n_averages + others
