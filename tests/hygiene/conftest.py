"""A clean set of ten networks: weights after training, and activations of a common code."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from ensemble_rsa.extraction.sources import ActivationSource, source_from_arrays
from ensemble_rsa.interop.networks.source import from_networks

N, SIZES = 10, {"conv1": (30, 9), "conv2": (90, 30), "fc": (80, 90)}
N_STIMULI, CATEGORIES = 30, np.repeat(list("abcde"), 6)


def initial_weights(seed: int) -> dict[str, np.ndarray]:
    """Weights as He's initialiser draws them, and a batch norm that has seen nothing."""
    rng = np.random.default_rng(seed)
    weights = {}
    for name, (outputs, inputs) in SIZES.items():
        draw = rng.normal(0, np.sqrt(2 / inputs), (outputs, inputs))
        weights[f"{name}.weight"] = draw.astype(np.float32)
        weights[f"{name}.bias"] = np.zeros(outputs, np.float32)
    weights["norm.weight"] = np.ones(30, np.float32)
    weights["norm.running_mean"] = np.zeros(30, np.float32)
    weights["norm.running_var"] = np.ones(30, np.float32)
    weights["norm.num_batches_tracked"] = np.array(0)
    return weights


def trained_weights(seed: int) -> dict[str, np.ndarray]:
    """The same after changes of half the spread, as by training."""
    weights, rng = initial_weights(seed), np.random.default_rng(seed + 1000)
    for name, values in weights.items():
        if values.ndim:
            scale = 0.5 * (values.std() or 1.0)
            weights[name] = (values + scale * rng.standard_t(4, values.shape)).astype(np.float32)
    return weights


@pytest.fixture
def weights() -> list[dict[str, np.ndarray]]:
    """Those of ten trained networks; each test may plant a fault."""
    return [trained_weights(seed) for seed in range(N)]


@pytest.fixture
def activations() -> dict[str, np.ndarray]:
    """Two layers `(instance, stimulus, unit)` in which categories differ, after a ReLU."""
    rng = np.random.default_rng(1)
    means = np.repeat(rng.normal(size=(5, 60)), 6, axis=0)
    stimuli = means + 0.7 * rng.normal(size=(N_STIMULI, 60))
    layers = {}
    for layer in ("conv1", "fc"):
        mixing = rng.normal(size=(N, 60, 80))
        layers[layer] = np.maximum(stimuli @ mixing + rng.normal(size=(N, N_STIMULI, 80)), 0)
    return layers


@pytest.fixture
def as_source() -> Callable[..., ActivationSource]:
    """Make a source of activations, of weights, or of both."""

    def make(activations=None, /, weights=None, **changes):
        if activations is None:
            activations = {"fc": np.zeros((len(weights), 1, 1))}
        labels = CATEGORIES if activations["fc"].shape[1] == N_STIMULI else None
        source = source_from_arrays(activations, labels)
        if weights is not None:
            changes["weights"] = lambda position: weights[position]
        return dataclasses.replace(source, **changes)

    return make


@pytest.fixture
def networks() -> list[Callable]:
    """Ten functions of two layers, for images of 12 numbers."""

    def network(seed):
        rng = np.random.default_rng(seed)
        first, second = rng.normal(size=(12, 40)), rng.normal(size=(40, 6))

        def show(images):
            hidden = np.tanh(np.asarray(images) @ first)
            return {"hidden": hidden, "output": hidden @ second}

        return show

    return [network(seed) for seed in range(N)]


@pytest.fixture
def shown() -> Callable[[list], ActivationSource]:
    """Show 20 images to functions."""
    images = np.random.default_rng(0).normal(size=(20, 12)).astype(np.float32)
    return lambda functions: from_networks(functions, images)
