"""The programs in which this package spends its time, each lowered for a device that is not there.

Consistency and the bootstraps over instances and pairs are NumPy on the host and have no program.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import SingleDeviceSharding

from ensemble_rsa.analysis.bootstrap.forms import halved_forms
from ensemble_rsa.analysis.mds import best_of_starts, starts_at_once
from ensemble_rsa.bench.case import Size
from ensemble_rsa.bench.training import way_name
from ensemble_rsa.config.settings import Config, ExecutionConfig, ModelConfig, TrainingConfig
from ensemble_rsa.extraction.layers import compile_layers
from ensemble_rsa.jax_settings import fixed_settings
from ensemble_rsa.models.ensemble import member
from ensemble_rsa.models.execution import ON_ACCELERATORS, Execution
from ensemble_rsa.rdm.gram import update_on_device
from ensemble_rsa.training.memory import training_arguments
from ensemble_rsa.training.throughput import random_setup

STEPS = 10  # of a training program, in a loop
TEST_IMAGES = 10  # batches of them
TOLERANCE = 1e-6  # of multidimensional scaling

# What a device chooses from, the default first, and ways that are there for CPUs.
WAYS = (
    *ON_ACCELERATORS,
    Execution("plain_gradients", None),
    Execution("winograd", None),
)


@dataclass(frozen=True)
class HotProgram:
    """One program at one size.

    Attributes:
        name: what it computes; programs of the same name and size do the same.
        size: the numbers of its axes.
        way: how it is computed.
        lower: from a function that places shapes on a device.
    """

    name: str
    size: Size
    way: str
    lower: Callable[[Callable[[Any], Any]], jax.stages.Lowered]


def on_device(device: Any) -> Callable[[Any], Any]:
    """What turns trees of arrays into shapes on a device; other leaves stay as they are."""
    sharding = SingleDeviceSharding(device)

    def place(tree: Any) -> Any:
        return jax.tree.map(
            lambda leaf: (
                jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding)
                if hasattr(leaf, "shape")
                else leaf
            ),
            tree,
        )

    return place


def training_programs(
    model: str, size: Size, precision: Any = "float32", ways: tuple[Execution, ...] = WAYS
) -> Iterator[HotProgram]:
    """The loop of training steps of an ensemble in several ways.

    `size` has instances, width, batch and side.
    """
    for way in ways:
        lower = partial(_lower_training, model, size, precision, way)
        yield HotProgram(f"training {model}, {precision}", size, way_name(way), lower)


def network_programs(size: Size, stimuli: int) -> Iterator[HotProgram]:
    """Predictions and activations of All-CNN-C; `size` is that of `training_programs`."""
    for way in WAYS[:3]:
        lower = partial(_lower_prediction, "all_cnn_c", size, way)
        yield HotProgram("prediction all_cnn_c, float32", size, way_name(way), lower)
    shown = {"stimuli": stimuli, "width": size["width"], "side": size["side"]}
    yield HotProgram(
        "activations of all layers of an instance", shown, "xla", partial(_lower_layers, shown)
    )


def rdm_programs(stimuli: int, units: int) -> Iterator[HotProgram]:
    """RDMs and their analyses; `units` are those of a block of the Gram engine."""
    block = {"stimuli": stimuli, "units": units}
    for precision in ("highest", "tensorfloat32"):
        lower = partial(_lower_gram, stimuli, units, precision)
        yield HotProgram("Gram engine, a block of units", block, precision, lower)
    resamples = {"stimuli": stimuli, "resamples": 1000, "instances": 10}
    yield HotProgram(
        "bootstrap over stimuli", resamples, "highest", partial(_lower_bootstrap, resamples)
    )
    pictures = {"stimuli": stimuli, "starts": 4}
    yield HotProgram("multidimensional scaling", pictures, "highest", partial(_lower_mds, pictures))


def _setup(model: str, size: Size, precision: Any, way: Execution) -> Any:
    side = int(size["side"])
    training = TrainingConfig(
        instances=int(size["instances"]), batch_size=int(size["batch"]), precision=precision
    )
    config = Config(
        model=ModelConfig(model, size["width"]),
        training=training,
        execution=ExecutionConfig(devices=1),
    )
    return random_setup(config, (side, side, 3), STEPS, way)


@fixed_settings()
def _lower_training(
    model: str, size: Size, precision: Any, way: Execution, place: Callable[[Any], Any]
) -> jax.stages.Lowered:
    setup = _setup(model, size, precision, way)
    layout = setup.layout(int(size["instances"]))
    return setup.programs(None).train.lower(*place(training_arguments(setup, layout)))


@fixed_settings()
def _lower_prediction(
    model: str, size: Size, way: Execution, place: Callable[[Any], Any]
) -> jax.stages.Lowered:
    setup = _setup(model, size, "float32", way)
    (state, _, data, *_) = training_arguments(setup, setup.layout(int(size["instances"])))
    return setup.programs(None).predict.lower(*place((state.parameters, data)))


@fixed_settings()
def _lower_layers(size: Size, place: Callable[[Any], Any]) -> jax.stages.Lowered:
    way = Execution("xla", 1)
    setup = _setup("all_cnn_c", {**size, "instances": 1, "batch": 1}, "float32", way)
    (state, *_) = training_arguments(setup, setup.layout(1))
    one = jax.eval_shape(partial(member, index=0), state.parameters)
    side = int(size["side"])
    images = jax.ShapeDtypeStruct((int(size["stimuli"]), side, side, 3), jnp.float32)
    runner = compile_layers(setup.network, way)
    every = jax.jit(lambda own, shown: [maps for _, maps in runner.run(own, shown, None)])
    return every.lower(*place((one, images)))


@fixed_settings(x64=True)
def _lower_gram(
    stimuli: int, units: int, precision: str, place: Callable[[Any], Any]
) -> jax.stages.Lowered:
    gram, block, column = (
        jax.ShapeDtypeStruct(shape, jnp.float32)
        for shape in ((stimuli + 2, stimuli + 2), (stimuli, units), (stimuli, 1))
    )
    step = max(1, stimuli // 32)
    return update_on_device.lower(*place((gram, block, column, column)), step, precision)


@fixed_settings()
def _lower_bootstrap(size: Size, place: Callable[[Any], Any]) -> jax.stages.Lowered:
    n, n_pairs = int(size["stimuli"]), int(size["instances"]) * (int(size["instances"]) + 1) // 2
    squares = jax.ShapeDtypeStruct((int(size["instances"]), n, n), jnp.float32)
    counts = jax.ShapeDtypeStruct((int(size["resamples"]), n), jnp.float32)
    pairs = jax.ShapeDtypeStruct((n_pairs,), np.int32)
    return halved_forms.lower(*place((squares, counts, pairs, pairs)))


@fixed_settings()
def _lower_mds(size: Size, place: Callable[[Any], Any]) -> jax.stages.Lowered:
    n, n_init = int(size["stimuli"]), int(size["starts"])
    at_once = starts_at_once(n, on_cpu=False)
    deltas = jax.ShapeDtypeStruct((max(1, at_once // n_init), n, n), jnp.float32)
    noise = jax.ShapeDtypeStruct((n_init, n, 2), jnp.float32)
    return best_of_starts.lower(*place((deltas, noise)), 300, TOLERANCE, at_once)
