"""The compiled programs of training: steps of all instances in a loop, and predictions.

A batch is gathered and preprocessed on the device once, then every instance takes its own step on
it. Data order and dropout masks are shared; initial weights differ, and some settings may.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh, PartitionSpec
from jaxtyping import Array, Int

from ensemble_rsa.config.settings import STACKED, TrainingConfig
from ensemble_rsa.data.preprocessing import apply_preprocessing
from ensemble_rsa.jax_settings import fixed_settings
from ensemble_rsa.models.devices import BATCH, INSTANCE
from ensemble_rsa.models.ensemble import map_instances
from ensemble_rsa.models.execution import Execution, side_by_side_options
from ensemble_rsa.models.network import Network, Parameters
from ensemble_rsa.rng import permutation, stream
from ensemble_rsa.training.averages import first_averages, with_averages, without_averages
from ensemble_rsa.training.batch import DeviceImages, StepSeeds, make_batch
from ensemble_rsa.training.gradient import InstanceSettings, Totals, make_gradient
from ensemble_rsa.training.recipe import make_optimiser


class TrainingState(NamedTuple):
    """Variables of the networks and optimiser state, both stacked on the instance axis.

    Where a recipe averages weights, the optimiser state is an `Averaged`.
    """

    parameters: Parameters
    opt_state: Any


class StoredState(NamedTuple):
    """A `TrainingState` under the names that checkpoints have."""

    parameters: Parameters
    optimiser: Any


@dataclass(frozen=True)
class Programs:
    """The compiled functions of a training run.

    Attributes:
        start: stacked parameters → `TrainingState`.
        train: (state, settings, images, order, first step, last step + 1, steps before this epoch,
            `StepSeeds`) → (state, `Totals (instance, step)`, 0 for steps that were not made); the
            state is donated. `order (step, batch)` holds the indices of the epoch's images.
        predict: (parameters, images) → the most likely category, `(instance, image)`.
    """

    start: Callable
    train: Callable
    predict: Callable


def stacked_settings(config: TrainingConfig, instances: Sequence[int]) -> InstanceSettings:
    """The settings of the instances with these indices."""
    return InstanceSettings(
        *(
            np.broadcast_to(np.float32(getattr(config, name)), config.instances)[list(instances)]
            for name in STACKED
        )
    )


def make_programs(
    network: Network,
    config: TrainingConfig,
    steps_per_epoch: int,
    execution: Execution,
    mesh: Mesh | None = None,
) -> Programs:
    """The programs of training and prediction for one network and recipe, compiled on first use."""
    optimiser = make_optimiser(config, steps_per_epoch)
    shares = 1 if mesh is None else mesh.shape[BATCH]
    gradient_of = make_gradient(network, config, execution.in_parts, shares)
    draws = np.any(np.asarray(config.dropout) > 0) or network.is_random

    def update(state: TrainingState, settings: InstanceSettings, batch, targets, masks):
        found = gradient_of(state.parameters, settings, batch, targets, masks)
        gradient, totals, statistics = found
        opt_state, averages = without_averages(state.opt_state)
        if shares > 1:
            gradient, totals = jax.lax.pmean(gradient, BATCH), jax.lax.psum(totals, BATCH)
        parameters, _ = network.separated(state.parameters)
        updates, opt_state = optimiser.update(gradient, opt_state, parameters)
        updates = jax.tree.map(lambda leaf: settings.learning_rate * leaf, updates)
        variables = network.joined(optax.apply_updates(parameters, updates), statistics)
        opt_state = with_averages(opt_state, averages, variables, config.average)
        return TrainingState(variables, opt_state), totals

    def train(
        state: TrainingState,
        settings: InstanceSettings,
        data: DeviceImages,
        order: Int[Array, "step batch"],
        first,
        stop,
        steps_before,
        seeds: StepSeeds,
    ):
        def one_step(step, carry):
            state, totals = carry
            chosen = order[step]
            share = 0 if shares == 1 else jax.lax.axis_index(BATCH)
            n_before = steps_before + step
            batch, targets = make_batch(data, chosen, n_before, seeds, config, (share, shares))
            masks = None
            if draws:
                masks = jax.random.fold_in(stream(seeds.dropout, "dropout"), n_before)
            all_instances = map_instances(
                lambda one, own: update(one, own, batch, targets, masks), execution.vmap_batch_size
            )
            state, new = all_instances(state, settings)
            return state, jax.tree.map(lambda all_, own: all_.at[:, step].set(own), totals, new)

        shape = jax.tree.leaves(state.parameters)[0].shape[0], order.shape[0]
        nothing = Totals(jnp.zeros(shape), jnp.zeros(shape, jnp.int32))
        return jax.lax.fori_loop(first, stop, one_step, (state, nothing))

    def predict(parameters: Parameters, data: DeviceImages) -> Int[Array, "instance image"]:
        n = data.images.shape[0]
        size = min(config.batch_size, n)  # what fits memory in training fits here
        starts = jnp.arange(0, n, size)

        def of_chunk(start: Array) -> Array:
            # the last chunk is padded with the last image
            rows = jnp.minimum(start + jnp.arange(size), n - 1)
            batch = apply_preprocessing(data.preprocessing, data.images[rows])
            predicted = map_instances(
                lambda one: network.logits(one, batch).argmax(-1), execution.vmap_batch_size
            )
            return predicted(parameters)

        chunks = jax.lax.map(of_chunk, starts)
        return jnp.moveaxis(chunks, 0, 1).reshape(chunks.shape[1], -1)[:, :n]

    def start(parameters: Parameters) -> TrainingState:
        opt_state = jax.vmap(optimiser.init)(network.separated(parameters)[0])
        return TrainingState(parameters, first_averages(opt_state, parameters, config.average))

    own, shared = PartitionSpec(INSTANCE), PartitionSpec()
    batches = PartitionSpec(None, BATCH)
    compiled = partial(_compiled, execution, config.precision, mesh)
    return Programs(
        compiled(start, (own,)),
        compiled(train, (own, own, shared, batches, *[shared] * 4), donated=(0,)),
        compiled(predict, (own, shared)),
    )


def _compiled(
    execution: Execution,
    precision: str,
    mesh: Mesh | None,
    function: Callable,
    arguments: tuple[PartitionSpec, ...],
    donated: tuple[int, ...] = (),
) -> Callable:
    """Compile a function whose result is stacked on the instance axis."""

    def precise(*values):
        # The default on a GPU is TF32, which rounds factors to ten bits.
        least = "tensorfloat32" if precision == "tensorfloat32" else "float32"
        with jax.default_matmul_precision(least):
            return function(*values)

    if mesh is not None:
        # the check does not support custom gradients
        precise = jax.shard_map(
            precise,
            mesh=mesh,
            in_specs=arguments,
            out_specs=PartitionSpec(INSTANCE),
            check_vma=False,
        )
    options = dict(execution.compiler_options)
    if mesh is not None:
        options |= side_by_side_options()
    return jax.jit(precise, donate_argnums=donated, compiler_options=options or None)


@fixed_settings()
def epoch_order(
    order_seed: int, epoch: int, n_images: int, batch_size: int
) -> Int[Array, "step batch"]:
    """Image indices of one epoch's batches, in an order that all instances share.

    The images left over after the last full batch are left out of this epoch.
    """
    key = jax.random.fold_in(stream(order_seed, "order"), epoch)
    steps = n_images // batch_size
    return permutation(key, n_images)[: steps * batch_size].reshape(steps, batch_size)
