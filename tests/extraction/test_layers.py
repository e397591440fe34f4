"""Recorded activations are the maps after each layer's ReLU, flattened."""

import jax.numpy as jnp
import numpy as np
import pytest

from ensemble_rsa.config.settings import ModelConfig
from ensemble_rsa.extraction.layers import compile_layers, layer_activations
from ensemble_rsa.models.ensemble import Blueprint, init_ensemble, member


@pytest.fixture(scope="module")
def recorded(tiny_model, quick_execution):
    """Both instances' parameters, images and recorded layers."""
    images = np.random.default_rng(0).normal(size=(5, 8, 8, 1)).astype(np.float32)
    blueprint = Blueprint(ModelConfig(tiny_model, width=0.2), (8, 8, 1), 10)
    network, stack = init_ensemble(blueprint, [0, 1])
    runner = compile_layers(network, quick_execution)
    layers = [
        {
            name: np.asarray(values)
            for name, values in layer_activations(runner, member(stack, i), jnp.asarray(images))
        }
        for i in range(2)
    ]
    return stack, images, layers


def test_layers_come_in_order_with_a_row_for_each_stimulus(recorded):
    for layers in recorded[2]:
        assert list(layers) == ["conv1", "conv2", "conv3"]
        # (height · width · channel): strides of 2 and 2, then the class maps
        assert [values.shape for values in layers.values()] == [
            (5, 4 * 4 * 8), (5, 2 * 2 * 12), (5, 2 * 2 * 10),
        ]  # fmt: skip


def test_the_first_layer_is_a_rectified_convolution_with_the_kernel(recorded):
    stack, images, layers = recorded
    for i in range(2):
        first = member(stack, i)["convolutions"][0]
        kernel, bias = np.asarray(first["kernel"], float), np.asarray(first["bias"], float)
        # "SAME" with a window of 3 and a stride of 2 pads an even side by one zero at its end
        padded = np.pad(images.astype(float), ((0, 0), (0, 1), (0, 1), (0, 0)))
        patches = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (1, 2))[:, ::2, ::2]
        maps = np.einsum("nhwcij,ijco->nhwo", patches, kernel) + bias
        np.testing.assert_allclose(
            layers[i]["conv1"], maps.clip(0).reshape(5, -1), rtol=1e-4, atol=1e-5
        )


def test_no_activation_is_below_zero_and_each_instance_has_its_own(recorded):
    one, other = recorded[2]
    for name in one:
        assert one[name].min() == 0
        assert one[name].max() > 0
        assert (one[name] != other[name]).any()
