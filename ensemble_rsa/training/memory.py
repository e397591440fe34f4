"""How many instances fit into memory together, by what the compiler says of their program.

A compiled program's memory is known before it runs, and the program is the one that training then
calls, so that asking costs no time unless instances have to be split into smaller groups.
"""

import logging
from collections.abc import Callable
from math import ceil
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from ensemble_rsa.device import free_bytes
from ensemble_rsa.jax_settings import fixed_settings
from ensemble_rsa.models.catalogue import Blueprint
from ensemble_rsa.models.devices import INSTANCE, Layout, replicate
from ensemble_rsa.models.ensemble import ensemble_shapes
from ensemble_rsa.training.batch import DeviceImages, StepSeeds
from ensemble_rsa.training.feed import chunk_images
from ensemble_rsa.training.loop import TrainingSetup
from ensemble_rsa.training.step import stacked_settings

log = logging.getLogger(__name__)
SHARE = 0.8  # of the free memory; the rest is for predictions, libraries and other processes


def largest_group(n_instances: int, n_devices: int, bytes_together: Callable[[int], int]) -> int:
    """How many instances can be trained together; at least one per device.

    Args:
        n_instances: all of them, of which a half, a quarter and so on are tried.
        n_devices: that share them.
        bytes_together: what training so many needs, as `program_bytes` says.
    """
    free = free_bytes()
    group, together, each = n_instances, 0.0, 0.0
    while group > n_devices:
        # What instances share counts for each of a smaller group too, so some need no question.
        if group * each <= SHARE * free:
            needed = bytes_together(group)
            if needed <= SHARE * free:
                break
            together, each = together or needed, needed / group
        group = ceil(group / 2)
    if group < n_instances:
        log.info(
            "%d instances need %.1f GB together, and %.1f GB are free: training %d at a time",
            n_instances,
            together / 1e9,
            SHARE * free / 1e9,
            group,
        )
    return group


def fits(needed: int) -> bool:
    """Whether so many bytes are free on the device, with something left for other uses."""
    return needed <= SHARE * free_bytes()


@fixed_settings()
def program_bytes(setup: TrainingSetup, n_instances: int) -> int:
    """Bytes that training so many instances needs, besides the images.

    They are those of one accelerator, or of all devices on a CPU, which share its memory.

    Parameters, what the optimiser keeps and temporaries, as the compiler counts them. Nothing is
    allocated or run. The libraries that it calls may take workspaces of their own.
    """
    layout = setup.layout(n_instances)
    train: Any = setup.programs(layout.mesh).train
    found = train.lower(*training_arguments(setup, layout)).compile().memory_analysis()
    assert found is not None  # CPU, GPU and TPU have it
    data = setup.train_data
    images = data.images.nbytes if isinstance(data, DeviceImages) else 0
    n_devices = layout.mesh.size if layout.mesh and jax.default_backend() == "cpu" else 1
    return n_devices * int(
        found.argument_size_in_bytes
        + found.output_size_in_bytes
        + found.temp_size_in_bytes
        - found.alias_size_in_bytes  # outputs in the place of arguments
        - images
    )


def training_arguments(setup: TrainingSetup, layout: Layout) -> tuple[Any, ...]:
    """What `Programs.train` is called with; shapes stand for parameters and optimiser state.

    What is compiled for them is what training calls.
    """
    training = setup.config.training
    sharding = None if layout.mesh is None else NamedSharding(layout.mesh, PartitionSpec(INSTANCE))
    state, settings = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding),
        (
            jax.eval_shape(
                setup.programs(None).start, ensemble_shapes(setup.blueprint, layout.n_padded)[1]
            ),
            stacked_settings(training, [0] * layout.n_padded),
        ),
    )
    data, n_steps = setup.train_data, setup.steps
    if not isinstance(data, DeviceImages):
        n_steps = min(n_steps, max(1, chunk_images(data.images) // training.batch_size))
        n = n_steps * training.batch_size
        pixels, labels = jnp.zeros((n, *data.images.image_shape), jnp.uint8), jnp.zeros(n, int)
        data = DeviceImages(pixels, labels, data.preprocessing)
    order = jax.ShapeDtypeStruct((n_steps, training.batch_size), jnp.int32)
    seeds = StepSeeds(np.uint32(0), np.uint32(0))
    return state, settings, replicate(layout, data), order, 0, 1, 0, seeds


def parameter_bytes(blueprint: Blueprint) -> int:
    """Bytes of one instance's parameters."""
    shapes = ensemble_shapes(blueprint, 1)[1]
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(shapes))
