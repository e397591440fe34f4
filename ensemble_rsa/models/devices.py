"""The instance axis over several devices, and the batch too where there are more of them.

Instances share nothing while they train, so each device runs its own loop on its own instances.
Where devices are left over, several share a batch: each takes an equal part of its images, and they
average their gradients.
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
        n_instances: how many there are.
        n_places: how many fit; where there are more of them than instances, the last is repeated.
    """

    mesh: Mesh | None
    n_instances: int
    n_places: int


def layout(n_instances: int, batch_size: int, n_devices: int | None = None) -> Layout:
    """Spread instances evenly, on no more devices than that takes.

    Args:
        n_instances: how many there are.
        batch_size: of the training; it is only split into equal parts.
        n_devices: how many of this machine's devices to use; None for all.
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


def distribute(placing: Layout, stacked: Any) -> Any:
    """Put a stack on the devices of a layout."""
    if placing.mesh is None:
        return jax.tree.map(jnp.asarray, stacked)
    extra = placing.n_places - placing.n_instances
    sharding = NamedSharding(placing.mesh, PartitionSpec(INSTANCE))

    def put(leaf: Any) -> jax.Array:
        host = np.asarray(leaf)
        return jax.device_put(np.concatenate([host, host[-1:].repeat(extra, 0)]), sharding)

    return jax.tree.map(put, stacked)


def replicate(placing: Layout, tree: Any) -> Any:
    """Put what all instances share on every device."""
    if placing.mesh is None:
        return tree
    return jax.device_put(tree, NamedSharding(placing.mesh, PartitionSpec()))


def collect(placing: Layout, stacked: Any) -> Any:
    """Fetch a stack from the devices, without what was repeated to fill them."""
    return jax.tree.map(lambda leaf: leaf[: placing.n_instances], jax.device_get(stacked))
