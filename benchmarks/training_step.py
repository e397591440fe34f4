"""Seconds per instance of a training step, for each way to convolve and to map instances.

Run `python benchmarks/training_step.py --width 0.25 --size 8 --batch 32 --instances 10`. Ways are
timed in turn in one process, `--repeats` times; the medians are printed.
"""

import argparse
import time
from statistics import median

import jax
import jax.numpy as jnp
import numpy as np

from ensemble_rsa.backend import Execution, device_name
from ensemble_rsa.config import TrainingConfig
from ensemble_rsa.data.preprocessing import fit_preprocessing
from ensemble_rsa.models.ensemble import Blueprint, init_ensemble
from ensemble_rsa.training.step import Images, epoch_order, make_programs

OLD_CONVOLUTIONS = {"xla_cpu_experimental_ynn_fusion_type": ""}
WAYS = {
    "plain gradients, one after the other": Execution("plain_gradients", 1, OLD_CONVOLUTIONS),
    "the same, compiler's defaults": Execution("plain_gradients", 1),
    "plain gradients, vmap": Execution("plain_gradients", None, OLD_CONVOLUTIONS),
    "patches, one after the other": Execution("patches", 1, OLD_CONVOLUTIONS),
    "patches, vmap": Execution("patches", None, OLD_CONVOLUTIONS),
    "XLA's own, vmap": Execution("xla", None),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=float, default=0.25)
    parser.add_argument("--size", type=int, default=8)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--instances", type=int, default=10)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()

    rng = np.random.default_rng(0)
    n_images = options.batch * options.steps
    shape = (options.size, options.size, 3)
    images = rng.integers(0, 256, (n_images, *shape), np.uint8)
    data = Images(
        jnp.asarray(images),
        jnp.asarray(rng.integers(0, 10, n_images), jnp.int32),
        fit_preprocessing("standardize", images),
    )
    config = TrainingConfig(instances=options.instances, batch_size=options.batch)
    order = epoch_order(0, 1, n_images, options.batch)
    print(f"{device_name()}, jax {jax.__version__}, {options}")

    runs, seconds, compiling = {}, {name: [] for name in WAYS}, {}
    for name, execution in WAYS.items():
        blueprint = Blueprint(
            "all_cnn_c", shape, 10, width=options.width, convolution=execution.convolution
        )
        network, parameters = init_ensemble(blueprint, range(options.instances))
        programs = make_programs(network, config, options.steps, execution)
        state = programs.start(parameters)
        began = time.perf_counter()
        state, totals = programs.train(state, data, order, 0, 1, 0)
        jax.block_until_ready(totals)
        compiling[name] = time.perf_counter() - began
        runs[name] = (programs, state)
    for _ in range(options.repeats):
        for name, (programs, state) in runs.items():
            began = time.perf_counter()
            state, totals = programs.train(state, data, order, 0, options.steps, 0)
            jax.block_until_ready(totals)
            taken = time.perf_counter() - began
            seconds[name].append(taken / options.steps / options.instances)
            runs[name] = (programs, state)
    best = median(seconds["plain gradients, one after the other"])
    print(f"{'way':40s} {'ms per instance':>15s} {'ratio':>6s} {'first call, s':>14s}")
    for name, times in seconds.items():
        typical = median(times)
        print(f"{name:40s} {1e3 * typical:15.1f} {typical / best:6.2f} {compiling[name]:14.1f}")


if __name__ == "__main__":
    main()
