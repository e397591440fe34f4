"""Training throughput on this device, measured on random images, and the arithmetic of a network.

`TrainingCall` trains a configuration for some steps; `images_per_second` times it; `training_bytes`
asks the compiler for its memory; `multiplications` counts what a forward pass multiplies, to scale
a rate from one network to another. `random_images` makes the same images for other libraries that
are timed beside this one.
"""

import dataclasses
import math
import time

import jax
import numpy as np
from jaxtyping import Int, UInt8

from ensemble_rsa.config.settings import Config, weight_seeds
from ensemble_rsa.data.dataset import Dataset
from ensemble_rsa.errors import RunError
from ensemble_rsa.models.catalogue import Blueprint
from ensemble_rsa.models.ensemble import ensemble_shapes, map_shapes
from ensemble_rsa.models.execution import Execution, default_execution
from ensemble_rsa.training.loop import (
    GroupTraining,
    InstanceGroup,
    TrainingSetup,
    make_setup,
    place_images,
    with_seeds_of,
)
from ensemble_rsa.training.memory import fits, program_bytes
from ensemble_rsa.training.recovery import TrainingPosition

N_CATEGORIES = 10
STEPS_ON_ACCELERATOR = 10  # in a call, so that the time to start it does not count


def random_images(
    image_shape: tuple[int, int, int], n_images: int
) -> tuple[UInt8[np.ndarray, "image height width channel"], Int[np.ndarray, " image"]]:
    """Uniformly random pixels, and labels of `N_CATEGORIES` categories."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (n_images, *image_shape), np.uint8)
    return pixels, rng.integers(0, N_CATEGORIES, n_images)


def steps_per_call(on_cpu: int = 1) -> int:
    """How many steps a timed call should make on the device that JAX uses."""
    return on_cpu if jax.default_backend() == "cpu" else STEPS_ON_ACCELERATOR


class TrainingTrial:
    """The first instances of a training in memory; the trained networks are discarded."""

    def __init__(self, setup: TrainingSetup, n_instances: int):
        seeds = weight_seeds(setup.config.training)[:n_instances]
        self._start = TrainingPosition.at_start(1, n_instances)
        self._training = GroupTraining(
            with_seeds_of(setup, 0), InstanceGroup(tuple(range(n_instances)), tuple(seeds), None)
        )

    def train(self, n_steps: int) -> None:
        """Train for the first steps of an epoch and wait for them; the first call compiles."""
        self._training.position = self._start
        self._training.advance(n_steps)


class TrainingCall:
    """A call that trains for some steps on random images in memory; the first one compiles.

    It uses the programs of `ensemble-rsa train`, with instances on all devices of
    `config.execution`, and returns once the steps are done.
    """

    def __init__(
        self,
        config: Config,
        image_shape: tuple[int, int, int],
        execution: Execution,
        n_steps: int = 1,
        n_instances: int | None = None,
    ):
        """Describe the call.

        Args:
            config: network and recipe; its data set is not read.
            image_shape: (height, width, channel).
            execution: how convolutions are computed and instances mapped.
            n_steps: steps per call.
            n_instances: how many of the configuration's instances are trained; None for all.
        """
        self._setup = random_setup(config, image_shape, n_steps, execution)
        self._n_steps, self._n = n_steps, n_instances or config.training.instances
        self._trial: TrainingTrial | None = None
        self._bytes: int | None = None

    def compile(self) -> int:
        """Compile, if that is not done yet; the bytes that the program needs besides images."""
        if self._bytes is None:
            self._bytes = program_bytes(self._setup, self._n)
        return self._bytes

    def __call__(self) -> None:
        """Train.

        Raises:
            RunError: by the first call, if the instances need more memory than is free.
        """
        if self._trial is None:
            if not fits(self.compile()):
                raise RunError(f"{self._n} instances need more memory than is free")
            self._trial = TrainingTrial(self._setup, self._n)
        self._trial.train(self._n_steps)


def random_setup(
    config: Config,
    image_shape: tuple[int, int, int],
    n_steps: int,
    execution: Execution,
    n_categories: int = N_CATEGORIES,
) -> TrainingSetup:
    """A training whose epochs have so many steps, on random images in memory."""
    pixels, labels = random_images(image_shape, config.training.batch_size * n_steps)
    names = tuple(map(str, range(n_categories)))
    dataset = Dataset("noise", pixels, labels, pixels[:1], labels[:1], ("0",), names)
    data = dataclasses.replace(config.data, preprocessing="standardize")
    config = dataclasses.replace(config, data=data)
    return make_setup(config, dataset, execution, place_images(config, dataset))


def images_per_second(
    config: Config,
    image_shape: tuple[int, int, int],
    execution: Execution | None = None,
    n_instances: int | None = None,
) -> float:
    """Training images per second, summed over the instances, from one timed call.

    Without `execution`, it is computed in the device's default way.
    """
    n_instances, n_steps = n_instances or config.training.instances, steps_per_call()
    call = TrainingCall(config, image_shape, execution or default_execution(), n_steps, n_instances)
    call()  # compiles
    began = time.perf_counter()
    call()
    return n_instances * config.training.batch_size * n_steps / (time.perf_counter() - began)


def training_bytes(
    config: Config, image_shape: tuple[int, int, int], n_categories: int, n_instances: int
) -> int:
    """Bytes that the compiled training program of some instances needs on one device.

    They are those of `memory.program_bytes` for the device's default way of computing.
    """
    one_device = dataclasses.replace(config.execution, devices=1)
    config = dataclasses.replace(config, execution=one_device)
    setup = random_setup(config, image_shape, 1, default_execution(), n_categories)
    return program_bytes(setup, n_instances)


def multiplications(blueprint: Blueprint) -> int:
    """Multiplications of a forward pass for one image: each kernel at each place of its map."""
    leaves = jax.tree.leaves(ensemble_shapes(blueprint, 1)[1])
    kernels = [math.prod(leaf.shape) for leaf in leaves if len(leaf.shape) == 5]
    places = [math.prod(maps.shape[1:3]) for maps in map_shapes(blueprint, 1)[1:]]
    return sum(kernel * n for kernel, n in zip(kernels, places, strict=True))
