"""How many instances fit into memory together."""

import logging
from functools import partial
from math import ceil
from typing import Any

import jax
import numpy as np

from ensemble_rsa.device import free_bytes
from ensemble_rsa.models.catalogue import Blueprint
from ensemble_rsa.models.ensemble import ensemble_shapes, map_shapes, member
from ensemble_rsa.models.execution import Execution
from ensemble_rsa.models.module_network import ModuleNetwork
from ensemble_rsa.models.network import float_bytes
from ensemble_rsa.training.gradient import batch_parts

log = logging.getLogger(__name__)
SHARE = 0.8  # of the free memory; the rest is for images, programs and other processes
GRADIENTS = 2  # of the parameters: of a part of a batch, and their sum
# Memory for gradients in units of the maps of a forward pass: measured as 2.1 to 3.4 over sizes and
# convolutions other than patches.
MAPS = {"patches": 12.0}
MAPS_OTHERWISE = 3.5


def largest_group(
    blueprint: Blueprint,
    batch_size: int,
    n_instances: int,
    n_devices: int,
    execution: Execution,
    n_states: int = 2,
) -> int:
    """How many instances can be trained together; at least one per device.

    `n_states` is how many numbers training keeps for each parameter, itself included: they are in
    memory before and after a step, and the parameters once more while they are stored.
    """
    free = SHARE * free_bytes()
    on_host = jax.default_backend() == "cpu"
    devices = n_devices if on_host else 1  # each accelerator has its own memory
    each = (2 * n_states + 1) * parameter_bytes(blueprint)
    height, width, _ = blueprint.image_shape
    parts = batch_parts(batch_size, height * width) if execution.in_parts else 1
    maps = MAPS.get(execution.convolution, MAPS_OTHERWISE) * map_bytes(
        blueprint, batch_size // parts
    )
    maps += GRADIENTS * parameter_bytes(blueprint)

    def needed(group: int) -> float:
        on_a_device = ceil(group / n_devices)
        vmap_batch_size = min(on_a_device, execution.vmap_batch_size or on_a_device)
        return devices * (on_a_device * each + vmap_batch_size * maps)

    group = n_instances
    while group > n_devices and needed(group) > free:
        group = ceil(group / 2)
    if group < n_instances:
        log.info(
            "%d instances need %.1f GB together, and %.1f GB are free: training %d at a time",
            n_instances,
            needed(n_instances) / 1e9,
            free / 1e9,
            group,
        )
    return group


def parameter_bytes(blueprint: Blueprint) -> int:
    """Bytes of one instance's parameters."""
    shapes = ensemble_shapes(blueprint, 1)[1]
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(shapes))


def map_bytes(blueprint: Blueprint, batch_size: int) -> int:
    """Bytes of all layers' maps for one batch of one instance.

    For a module whose inner maps are not recorded, all arrays that its call makes are counted.
    """
    network, stacked = ensemble_shapes(blueprint, 1)
    if not isinstance(network, ModuleNetwork):
        return float_bytes(map_shapes(blueprint, batch_size))
    variables = jax.eval_shape(partial(member, index=0), stacked)
    images = jax.ShapeDtypeStruct((batch_size, *blueprint.image_shape), np.float32)
    program = jax.make_jaxpr(network.logits)(variables, images)
    return _made_bytes(program.jaxpr)


def _made_bytes(program: Any) -> int:
    """Bytes of what the operations of a program make, with those of the programs that it calls."""
    total = 0
    for operation in program.eqns:
        inner = [p for p in operation.params.values() if hasattr(p, "eqns") or hasattr(p, "jaxpr")]
        if inner:
            total += sum(_made_bytes(getattr(each, "jaxpr", each)) for each in inner)
        else:
            total += float_bytes([made.aval for made in operation.outvars])
    return total
