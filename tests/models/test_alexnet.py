"""AlexNet as in TF-slim: shapes, initial weights, where pooling and dropout act."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from ensemble_rsa.config.settings import ModelConfig
from ensemble_rsa.models.alexnet import pooled
from ensemble_rsa.models.catalogue import Blueprint, layer_names, model_entry
from ensemble_rsa.models.convolution import NHWC
from ensemble_rsa.models.dropout import Dropout
from ensemble_rsa.models.ensemble import ensemble_shapes, init_ensemble, map_shapes, member

IMAGENET = Blueprint(ModelConfig("alexnet"), (224, 224, 3), 1000)
DROPOUT = Dropout(0.5, jax.random.key(0))
QUARTER = Blueprint(ModelConfig("alexnet", width=0.25), (64, 64, 3), 10)


@pytest.fixture(scope="module")
def quarter():
    """A network and its parameters."""
    network, stack = init_ensemble(QUARTER, [0])
    return network, member(jax.device_get(stack), 0)


@pytest.fixture(scope="module")
def recorded(quarter, quickly):
    """Images, their logits, and all layers without and with dropout, from one program."""
    network, parameters = quarter

    def run(images):
        maps, dropped = [images], []
        for index in range(8):
            dropped.append(network.layer(parameters, index, maps[-1], DROPOUT))
            maps.append(network.layer(parameters, index, maps[-1]))
        return network.logits(parameters, images), maps, dropped

    images = np.random.default_rng(0).normal(size=(3, 64, 64, 3))
    return jax.device_get(quickly(run)(jnp.asarray(images, jnp.float32)))


def test_maps_at_224_pixels_are_slims():
    maps = [shape.shape[1:] for shape in map_shapes(IMAGENET, 2)[1:]]
    assert layer_names("alexnet") == ("conv1", "conv2", "conv3", "conv4", "conv5") + (
        "fc6", "fc7", "fc8",
    )  # fmt: skip
    assert maps == [
        (54, 54, 64), (26, 26, 192), (12, 12, 384), (12, 12, 384), (12, 12, 256),
        (1, 1, 4096), (1, 1, 4096), (1, 1, 1000),
    ]  # fmt: skip
    assert not model_entry("alexnet").surrogate


def test_the_smallest_image_whose_windows_all_fit_is_195_pixels():
    # With "SAME" fc6 keeps the size of its input; 5 × 5 without padding leaves one place.
    for side, fc6 in ((195, 1), (194, 4), (256, 2)):  # several places: their means are the logits
        blueprint = Blueprint(ModelConfig("alexnet", width=0.05), (side, side, 3), 10)
        assert map_shapes(blueprint, 1)[6].shape[1:3] == (fc6, fc6)


@pytest.mark.parametrize("side", [224, 8])  # on 8 pixels, windows that do not fit are padded
def test_parameters_at_full_size_are_those_published(side):
    blueprint = Blueprint(ModelConfig("alexnet"), (side, side, 3), 1000)
    shapes = ensemble_shapes(blueprint, 1)[1]
    assert sum(leaf.size for leaf in jax.tree.leaves(shapes)) == 50_303_912
    assert map_shapes(blueprint, 2)[-1].shape == (2, 1, 1, 1000)


def test_initial_weights_and_biases(quarter):
    layers = list(quarter[1]["convolutions"].values())
    for one in layers[:7]:
        np.testing.assert_array_equal(one["bias"], np.float32(0.1))
    assert not layers[7]["bias"].any()
    for one in layers[:5]:
        height, width, before, after = one["kernel"].shape
        bound = np.sqrt(6 / (height * width * (before + after)))
        assert np.abs(one["kernel"]).max() == pytest.approx(bound, rel=0.01)
        assert one["kernel"].std() == pytest.approx(bound / np.sqrt(3), rel=0.03)
    for one in layers[5:7]:
        # 0.005 over the root of the width; cut at two of these, which leaves 0.8796 of one
        assert np.abs(one["kernel"]).max() == pytest.approx(0.02, rel=0.01)
        assert one["kernel"].std() == pytest.approx(0.8796 * 0.01, rel=0.01)


def test_recorded_maps_come_before_pooling_and_the_last_is_linear(quarter, recorded, quickly):
    logits, (_, *maps), _ = recorded
    layers = [quarter[1]["convolutions"][i] for i in range(8)]

    def convolved(x, index):
        kernel, bias = layers[index]["kernel"], layers[index]["bias"]
        x = lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=NHWC)
        return x + bias.reshape(1, 1, 1, -1)

    def by_hand(maps):
        windows = lax.reduce_window(maps[0], -jnp.inf, lax.max, (1, 3, 3, 1), (1, 2, 2, 1), "VALID")
        second, fourth = convolved(windows, 1), convolved(maps[2], 3)
        return {1: jax.nn.relu(second), 3: jax.nn.relu(fourth), 7: convolved(maps[6], 7)}

    for index, expected in quickly(by_hand)(maps).items():
        np.testing.assert_allclose(maps[index], expected, rtol=1e-4, atol=1e-6)
    assert maps[0].shape[1:3] == (14, 14)  # before it is pooled
    np.testing.assert_allclose(logits, np.asarray(maps[7]).mean((1, 2)), rtol=1e-5, atol=1e-7)


def test_dropout_acts_before_fc7_and_fc8_only(recorded):
    _, (_, *maps), dropped = recorded
    same = [np.array_equal(one, other) for one, other in zip(maps, dropped, strict=True)]
    assert same == [True] * 6 + [False] * 2


def test_pooling_where_three_pixels_do_not_fit():
    x = jnp.arange(8.0).reshape(1, 2, 2, 2)
    assert pooled(x).ravel().tolist() == [6.0, 7.0]
