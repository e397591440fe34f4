"""Training on an accelerator: the networks of a CPU, at any precision, without host transfers."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ensemble_rsa.bench.training import all_ways, way_name
from ensemble_rsa.config.settings import ModelConfig, TrainingConfig
from ensemble_rsa.data.preprocessing import fit_preprocessing
from ensemble_rsa.models.ensemble import Blueprint, init_ensemble
from ensemble_rsa.models.execution import Execution, default_execution
from ensemble_rsa.training.batch import DeviceImages, StepSeeds
from ensemble_rsa.training.gradient import InstanceSettings
from ensemble_rsa.training.step import TrainingState, make_programs, stacked_settings

pytestmark = pytest.mark.gpu

IMAGE, BATCH, STEPS, SEEDS = (8, 8, 3), 10, 3, (0, 4)


def quickly(way: Execution) -> Execution:
    """On a CPU, compiled without optimisation, which would take longer than all tests."""
    if jax.default_backend() != "cpu":
        return way
    options = {**way.compiler_options, "xla_backend_optimization_level": "0"}
    return dataclasses.replace(way, compiler_options=options)


WAYS = {way_name(way): quickly(way) for way in all_ways()}
DEFAULT = quickly(default_execution())


class Epoch(NamedTuple):
    """A whole epoch, and all it needs, on the device."""

    train: object
    state: TrainingState
    settings: InstanceSettings
    rest: tuple


def epoch(model: str, execution: Execution, precision: str = "float32") -> Epoch:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (STEPS * BATCH, *IMAGE), np.uint8)
    config = TrainingConfig(instances=2, learning_rate=0.05, dropout=0.2, precision=precision)
    blueprint = Blueprint(
        ModelConfig(model, width=0.5),
        IMAGE,
        10,
        convolution=execution.convolution,
        precision=precision,
    )
    network, parameters = init_ensemble(blueprint, SEEDS)
    programs = make_programs(network, config, STEPS, execution)
    labels = jnp.asarray(rng.integers(0, 10, len(pixels)), jnp.int32)
    images = DeviceImages(
        jnp.asarray(pixels), labels, fit_preprocessing("gcn_zca_per_image", pixels)
    )
    order = jnp.arange(len(pixels)).reshape(STEPS, BATCH)
    numbers = tuple(map(jnp.asarray, (0, STEPS, 0)))
    settings = jax.tree.map(jnp.asarray, stacked_settings(config, [0, 1]))
    return Epoch(
        programs.train,
        programs.start(parameters),
        settings,
        (images, order, *numbers, jax.tree.map(jnp.asarray, StepSeeds.of(config))),
    )


def trained(given: Epoch):
    state, totals = given.train(given.state, given.settings, *given.rest)
    return jax.device_get((state.parameters, totals))


@pytest.fixture(scope="module")
def on_cpu(tiny_model):
    """What a plain loop on the host's processor gives."""
    with jax.default_device(jax.devices("cpu")[0]):
        plain = Execution("plain_gradients", 1, {"xla_backend_optimization_level": "0"})
        return trained(epoch(tiny_model, plain))


def assert_same_networks(found, expected, rtol: float, atol: float) -> None:
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(one, other, rtol=rtol, atol=atol)


@pytest.mark.parametrize("way", WAYS)
def test_every_way_gives_the_networks_of_a_cpu(way, tiny_model, on_cpu):
    parameters, totals = trained(epoch(tiny_model, WAYS[way]))
    assert_same_networks(parameters, on_cpu[0], rtol=1e-3, atol=2e-5)
    np.testing.assert_allclose(totals.loss, on_cpu[1].loss, rtol=1e-4)


@pytest.mark.parametrize("precision", ["tensorfloat32", "bfloat16"])
def test_other_precisions_round_arithmetic_and_not_weights(precision, tiny_model, on_cpu):
    parameters, totals = trained(epoch(tiny_model, DEFAULT, precision))
    assert {leaf.dtype for leaf in jax.tree.leaves(parameters)} == {np.dtype(np.float32)}
    np.testing.assert_allclose(totals.loss, on_cpu[1].loss, rtol=0.05)
    assert_same_networks(parameters, on_cpu[0], rtol=0, atol=0.05)


def test_an_epoch_needs_no_transfers_and_donates_its_state(tiny_model):
    given = epoch(tiny_model, DEFAULT)
    before = jax.tree.leaves(given.state)
    with jax.transfer_guard("disallow"):
        state, totals = given.train(given.state, given.settings, *given.rest)
        jax.block_until_ready((state, totals))
    assert all(leaf.is_deleted() for leaf in before)
    assert np.isfinite(totals.loss).all()
