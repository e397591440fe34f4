"""Training steps of an ensemble, ready to be timed, and the ways there are to compute them."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from ensemble_rsa.config.settings import Config, DataConfig, ModelConfig, ModelName, TrainingConfig
from ensemble_rsa.data.dataset import Dataset
from ensemble_rsa.models.catalogue import Blueprint
from ensemble_rsa.models.convolution import CONVOLUTIONS
from ensemble_rsa.models.devices import distribute, make_layout, replicate
from ensemble_rsa.models.ensemble import init_ensemble
from ensemble_rsa.models.execution import Execution, candidates
from ensemble_rsa.training import memory
from ensemble_rsa.training.loop import make_setup, place_images
from ensemble_rsa.training.step import epoch_order, stacked_settings

N_CATEGORIES = 10
HOPELESS_ON_CPU = {
    "xla": "left out: a minute a step",  # its gradients, inside a loop
}


@dataclass(frozen=True)
class Setup:
    """What is trained, and for how long.

    Attributes:
        instances: how many networks.
        width: factor on the number of channels.
        image: (height, width, channel).
        batch: images per step.
        precision: float32, tensorfloat32 or bfloat16.
        steps: in one call.
        model: a name of `ensemble_rsa.models.catalogue.MODELS`.
    """

    instances: int
    width: float
    image: tuple[int, int, int]
    batch: int
    precision: str = "float32"
    steps: int = 1
    model: ModelName = "all_cnn_c"


def ways() -> tuple[Execution, ...]:
    """Every convolution, in a loop over instances and under `vmap`; the device's candidates first.

    >>> {way.convolution for way in ways()} == set(CONVOLUTIONS)
    True
    """
    found = {way_name(way): way for way in candidates()}
    for convolution in CONVOLUTIONS:
        for size in (1, None):
            way = dataclasses.replace(
                candidates()[0], convolution=convolution, vmap_batch_size=size
            )
            found.setdefault(way_name(way), way)
    return tuple(found.values())


def way_name(way: Execution) -> str:
    """A way in two words.

    >>> way_name(Execution("patches", None)), way_name(Execution("xla", 2))
    ('patches, vmap', 'xla, vmap of 2')
    """
    mapped = {None: "vmap", 1: "loop"}.get(way.vmap_batch_size, f"vmap of {way.vmap_batch_size}")
    return f"{way.convolution}, {mapped}"


def hopeless(way: Execution) -> str:
    """Why a way is not even tried on this device; empty where it is."""
    return HOPELESS_ON_CPU.get(way.convolution, "") if jax.default_backend() == "cpu" else ""


def too_large(setup: Setup, way: Execution) -> str:
    """Why a way cannot be tried with the memory there is; empty where it can."""
    blueprint = _blueprint(setup, way)
    at_once = min(setup.instances, way.vmap_batch_size or setup.instances)
    maps = memory.MAPS.get(way.convolution, memory.MAPS_OTHERWISE)
    needed = setup.instances * memory.STATES * memory.parameter_bytes(blueprint)
    needed += at_once * maps * memory.map_bytes(blueprint, setup.batch)
    free = memory.SHARE * memory.free_bytes()
    if needed <= free:
        return ""
    return f"left out: may need {needed / 1e9:.1f} GB of memory, {free / 1e9:.1f} are free"


def random_images(setup: Setup) -> tuple[np.ndarray, np.ndarray]:
    """Noise for the steps of one call: pixels `(image, height, width, channel)`, and labels."""
    rng = np.random.default_rng(0)
    n = setup.batch * setup.steps
    pixels = rng.integers(0, 256, (n, *setup.image), np.uint8)
    return pixels, rng.integers(0, N_CATEGORIES, n)


def recipe(setup: Setup) -> TrainingConfig:
    """The paper's recipe at these sizes."""
    return TrainingConfig(
        instances=setup.instances,
        batch_size=setup.batch,
        precision=setup.precision,  # pyright: ignore[reportArgumentType]
    )


def ready_to_train(setup: Setup, way: Execution) -> Callable[[], Any]:
    """A call that trains all instances for some steps, and compiles when it is first made.

    It goes through what `ensemble-rsa train` goes through: instances lie on all local devices, and
    images stay where they are.
    """
    training = recipe(setup)
    pixels, labels = random_images(setup)
    one = (pixels[:1], labels[:1])  # nothing is tested
    names = tuple(map(str, range(N_CATEGORIES)))
    dataset = Dataset("noise", pixels, labels, *one, ("0",), names)
    config = Config(
        DataConfig(preprocessing="standardize"), ModelConfig(setup.model, setup.width), training
    )
    job = make_setup(config, dataset, way, place_images(config, dataset))
    placing = make_layout(setup.instances, setup.batch)
    programs = job.programs(placing.mesh)
    settings = distribute(placing, stacked_settings(training, range(setup.instances)))
    images = replicate(placing, job.train_data)
    order = epoch_order(0, 1, len(labels), setup.batch)
    first = init_ensemble(job.blueprint, range(setup.instances))[1]
    state = programs.start(distribute(placing, first))

    def call() -> Any:
        nonlocal state
        state, totals = programs.train(state, settings, images, order, 0, setup.steps, 0)
        return totals

    return call


def device_bytes(entry: str) -> int | None:
    """`bytes_in_use` or `peak_bytes_in_use` of the first device; None where it does not count."""
    return (jax.local_devices()[0].memory_stats() or {}).get(entry)


def _blueprint(setup: Setup, way: Execution) -> Blueprint:
    return Blueprint(
        ModelConfig(setup.model, setup.width),
        setup.image,
        N_CATEGORIES,
        convolution=way.convolution,
        precision=setup.precision,
    )
