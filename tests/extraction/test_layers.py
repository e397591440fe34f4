"""Recorded activations are the maps after each layer's ReLU, flattened."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ensemble_rsa.config.settings import ModelConfig
from ensemble_rsa.extraction.layers import Masks, compile_layers, layer_activations
from ensemble_rsa.models.ensemble import Blueprint, init_ensemble, member


@pytest.fixture(scope="module")
def recorded(tiny_model, quick_execution):
    """Both instances' network, parameters, images and recorded layers."""
    images = np.random.default_rng(0).normal(size=(5, 8, 8, 1)).astype(np.float32)
    network, stack = init_ensemble(
        Blueprint(ModelConfig(tiny_model, width=0.2), (8, 8, 1), 10), [0, 1]
    )
    runner = compile_layers(network, quick_execution)
    layers = [
        {
            name: np.asarray(values)
            for name, values in layer_activations(runner, member(stack, i), jnp.asarray(images))
        }
        for i in range(2)
    ]
    return network, stack, images, layers


def test_layers_come_in_order_with_a_row_for_each_stimulus(recorded):
    for layers in recorded[3]:
        assert list(layers) == ["conv1", "conv2", "conv3"]
        # (height · width · channel): strides of 2 and 2, then the class maps
        assert [values.shape for values in layers.values()] == [
            (5, 4 * 4 * 8), (5, 2 * 2 * 12), (5, 2 * 2 * 10),
        ]  # fmt: skip


def test_they_are_the_networks_own_layers_one_after_the_other(recorded):
    network, stack, images, layers = recorded
    for i in range(2):
        maps = jnp.asarray(images)
        for index, values in enumerate(layers[i].values()):
            maps = network.layer(member(stack, i), index, maps)
            flat = np.asarray(maps).reshape(5, -1)  # rows, columns, channels, the last fastest
            np.testing.assert_allclose(values, flat, rtol=1e-5, atol=1e-6)


def test_the_first_layer_is_a_rectified_convolution_with_the_kernel(recorded):
    _, stack, images, layers = recorded
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
    one, other = recorded[3]
    for name in one:
        assert one[name].min() == 0
        assert one[name].max() > 0
        assert (one[name] != other[name]).any()


def first_layer(recorded, quick_execution, instance: int, rate: float, one_mask: bool = False):
    """The first layer of an instance, with masks that a key has drawn."""
    network, stack, images, _ = recorded
    runner = compile_layers(network, quick_execution, one_mask)
    masks = Masks(rate, jax.random.key(1))
    of_one = layer_activations(runner, member(stack, instance), jnp.asarray(images), masks)
    return np.asarray(next(of_one)[1])


def test_masks_are_shared_by_instances_and_scale_what_they_leave(recorded, quick_execution):
    plain = [layers["conv1"] for layers in recorded[3]]
    dropped = [first_layer(recorded, quick_execution, i, 0.6) for i in range(2)]
    alive = (plain[0] > 0) & (plain[1] > 0)
    assert 0.3 < (dropped[0][alive] > 0).mean() < 0.5
    np.testing.assert_array_equal(dropped[0][alive] > 0, dropped[1][alive] > 0)
    for whole, left in zip(plain, dropped, strict=True):
        np.testing.assert_allclose(left[left > 0], whole[left > 0] / 0.4, rtol=1e-5)


def test_a_rate_of_0_leaves_everything(recorded, quick_execution):
    found = first_layer(recorded, quick_execution, 1, 0.0)
    np.testing.assert_allclose(found, recorded[3][1]["conv1"], rtol=1e-6)


@pytest.mark.parametrize("one_mask", [False, True])
def test_one_mask_for_all_stimuli_or_one_for_each(one_mask, recorded, quick_execution):
    plain = recorded[3][0]["conv1"]
    left = first_layer(recorded, quick_execution, 0, 0.6, one_mask) > 0
    same = [
        np.array_equal(left[0][alive], left[i][alive])
        for i in range(1, 5)
        if (alive := (plain[0] > 0) & (plain[i] > 0)).sum() > 10
    ]
    assert same == [one_mask] * len(same)
    assert len(same) > 1
