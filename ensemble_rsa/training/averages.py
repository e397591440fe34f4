"""Running averages of the weights, which may be the networks that are tested and kept.

Weights of old steps fall exponentially, and their sum is divided by that of the weights, so that
the average of a short training is not drawn to zero.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array

from ensemble_rsa.models.network import Parameters


class Averaged(NamedTuple):
    """Optimiser state with running averages of the variables.

    `sums` are of the variables with weights that fall by `average` each step, and `weight` is the
    sum of these weights `(instance,)`.
    """

    optimiser: Any
    sums: Parameters
    weight: Any


def first_averages(opt_state: Any, parameters: Parameters, decay: float) -> Any:
    """An optimiser state before the first step, with averages unless the decay is 0."""
    if not decay:
        return opt_state
    nothing = jax.tree.map(jnp.zeros_like, parameters)
    return Averaged(opt_state, nothing, jnp.zeros(jax.tree.leaves(parameters)[0].shape[0]))


def without_averages(opt_state: Any) -> tuple[Any, Averaged | None]:
    """The optimiser's own state, and the averages if there are any."""
    if isinstance(opt_state, Averaged):
        return opt_state.optimiser, opt_state
    return opt_state, None


def with_averages(
    opt_state: Any, averages: Averaged | None, variables: Parameters, decay: float
) -> Any:
    """The state of one instance after a step, with the averages that include its variables."""
    if averages is None:
        return opt_state
    fading = lambda before, now: decay * before + (1 - decay) * now
    sums = jax.tree.map(fading, averages.sums, variables)
    return Averaged(opt_state, sums, fading(averages.weight, 1.0))


def networks_of(parameters: Parameters, opt_state: Any) -> Parameters:
    """The networks that are tested and kept: the weights, or their running averages if any."""
    if not isinstance(opt_state, Averaged):
        return parameters
    weight = opt_state.weight

    def average(total: Array, now: Array) -> Array:
        own = weight.reshape(-1, *[1] * (total.ndim - 1))
        return jnp.where(own > 0, total / own, now).astype(now.dtype)  # before the first step

    return jax.tree.map(average, opt_state.sums, parameters)
