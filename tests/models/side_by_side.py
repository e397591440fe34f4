"""Some 1,300 convolutions in one call on each core side by side, and on one device.

Run with `with` or `without` the compiler options that the package adds for several devices. Writes
how many devices there are and how many numbers differ from those of one device: none with the
options, some thousand without (jaxlib 0.9.2 and 0.10.2, two cores).
"""

import sys

import jax
import numpy as np
from jax.sharding import Mesh, PartitionSpec

from ensemble_rsa.jax_settings import n_cores
from ensemble_rsa.models.execution import OLD_CPU_CONVOLUTIONS, side_by_side_options

# As wide as XLA needs for handing parts of an activation function to other threads.
IMAGES, SIDE, CHANNELS = 32, 16, 48
LAYERS, ROUNDS = 5, 260


def activations(kernels, batches):
    """Spatial means of the last layer, one row for each round."""

    def of_batch(batch):
        for kernel in kernels[0]:
            convolved = jax.lax.conv_general_dilated(
                batch, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
            )
            batch = jax.nn.relu(convolved)
        return batch.mean((1, 2))

    return jax.lax.map(of_batch, batches)[None]


if __name__ == "__main__":
    n = max(2, n_cores())
    jax.config.update("jax_num_cpu_devices", n)
    rng = np.random.default_rng(0)
    kernels = rng.normal(size=(n, LAYERS, 3, 3, CHANNELS, CHANNELS)).astype(np.float32)
    kernels /= np.sqrt(4.5 * CHANNELS)
    batches = rng.normal(size=(ROUNDS, IMAGES, SIDE, SIDE, CHANNELS)).astype(np.float32)
    each, all_ = PartitionSpec("instance"), PartitionSpec()
    mesh = Mesh(np.array(jax.devices()), ("instance",))
    spread = jax.shard_map(
        activations, mesh=mesh, in_specs=(each, all_), out_specs=each, check_vma=False
    )
    options = OLD_CPU_CONVOLUTIONS | (side_by_side_options() if sys.argv[1] == "with" else {})
    together = np.asarray(jax.jit(spread, compiler_options=options)(kernels, batches))
    alone = jax.jit(activations, compiler_options=OLD_CPU_CONVOLUTIONS)
    wrong = sum(
        np.count_nonzero(together[i] != np.asarray(alone(kernels[i : i + 1], batches))[0])
        for i in range(n)
    )
    sys.stdout.write(f"{jax.local_device_count()} {wrong}\n")
