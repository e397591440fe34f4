"""The instance axis over several devices, and the batch too if there are more devices.

Instances share nothing while they train, so each device runs its own loop over its own instances.
With more devices than instances, several share a batch: each takes an equal part of its images, and
their gradients are averaged.
"""

import math
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

INSTANCE, BATCH = "instance", "batch"


@dataclass(frozen=True)
class Layout:
    """Which device has which instances.

    Attributes:
        mesh: devices by instance and batch; None for a single device, which needs no layout.
        n_instances: number of instances.
        n_padded: a multiple of the devices; the last instance is repeated to fill them.
    """

    mesh: Mesh | None
    n_instances: int
    n_padded: int


def make_layout(n_instances: int, batch_size: int, n_devices: int | None = None) -> Layout:
    """Spread instances evenly over no more of this machine's devices than necessary.

    At most `n_devices` are used; a batch is split into equal parts only.
    """
    devices = jax.local_devices()[:n_devices]
    each = math.ceil(n_instances / len(devices))
    by_instance = math.ceil(n_instances / each)
    share = len(devices) // by_instance
    while batch_size % share:
        share -= 1
    if by_instance * share == 1:
        return Layout(None, n_instances, n_instances)
    grid = np.array(devices[: by_instance * share]).reshape(by_instance, share)
    return Layout(Mesh(grid, (INSTANCE, BATCH)), n_instances, by_instance * each)


def distribute(layout: Layout, stacked: Any) -> Any:
    """Put stacked arrays on the devices of a layout."""
    if layout.mesh is None:
        return jax.tree.map(jnp.asarray, stacked)
    extra = layout.n_padded - layout.n_instances
    sharding = NamedSharding(layout.mesh, PartitionSpec(INSTANCE))

    def put(leaf: Any) -> jax.Array:
        host = np.asarray(leaf)
        return jax.device_put(np.concatenate([host, host[-1:].repeat(extra, 0)]), sharding)

    return jax.tree.map(put, stacked)


def replicate(layout: Layout, tree: Any) -> Any:
    """Put what all instances share on every device."""
    if layout.mesh is None:
        return tree
    return jax.device_put(tree, NamedSharding(layout.mesh, PartitionSpec()))


def collect(layout: Layout, stacked: Any) -> Any:
    """Fetch stacked arrays from the devices, without the repeated instances."""
    return jax.tree.map(lambda leaf: leaf[: layout.n_instances], jax.device_get(stacked))
