"""Networks as the paper has them, and instances that hang on their own seed alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ensemble_rsa.config.settings import ModelConfig
from ensemble_rsa.errors import InputError
from ensemble_rsa.models.catalogue import layer_names
from ensemble_rsa.models.checkpoints import load_parameters, save_parameters
from ensemble_rsa.models.dropout import Dropout
from ensemble_rsa.models.ensemble import Blueprint, init_ensemble, map_instances, member

CIFAR, DIGITS = (32, 32, 3), (8, 8, 1)


def count(parameters) -> int:
    return sum(leaf[0].size for leaf in jax.tree.leaves(parameters))


def shapes(network, parameters, image_shape) -> list[tuple[int, ...]]:
    def run(one, maps):
        out = []
        for index in range(len(network.layers)):
            maps = network.layer(one, index, maps)
            out.append(maps)
        return out

    maps = jax.eval_shape(run, member(parameters, 0), jnp.zeros((2, *image_shape)))
    return [one.shape[1:] for one in maps]


@pytest.mark.parametrize(
    ("model", "parameters"),
    [
        # sums of window² · in · out + out over the layers, worked out by hand
        ("all_cnn_c", 2688 + 2 * 83040 + 166080 + 3 * 331968 + 37056 + 1930),
        ("all_cnn_7", 2688 + 83040 + 166080 + 331968 + 331968 + 37056 + 1930),
        ("all_cnn_7b", 14208 + 307328 + 295168 + 1180160 + 2359808 + 525312 + 10250),
    ],
)
def test_parameter_counts_at_full_width(model, parameters):
    _, stack = init_ensemble(Blueprint(ModelConfig(model), CIFAR, 10), [0])
    assert count(stack) == parameters


def test_maps_of_all_cnn_c_are_the_papers():
    network, stack = init_ensemble(Blueprint(ModelConfig("all_cnn_c"), CIFAR, 10), [0])
    assert network.layers == tuple(f"conv{i}" for i in range(1, 10))
    assert shapes(network, stack, CIFAR) == [
        (32, 32, 96), (32, 32, 96), (16, 16, 96), (16, 16, 192), (16, 16, 192),
        (8, 8, 192), (6, 6, 192), (6, 6, 192), (6, 6, 10),
    ]  # fmt: skip


def test_small_images_keep_their_last_maps():
    network, stack = init_ensemble(Blueprint(ModelConfig("all_cnn_c", width=0.25), DIGITS, 10), [0])
    assert shapes(network, stack, DIGITS)[5:] == [(2, 2, 48), (2, 2, 48), (2, 2, 48), (2, 2, 10)]


def test_surrogate_b_halves_its_maps_three_times():
    network, stack = init_ensemble(Blueprint(ModelConfig("all_cnn_7b", width=0.1), CIFAR, 10), [0])
    assert [shape[0] for shape in shapes(network, stack, CIFAR)] == [16, 8, 8, 8, 4, 4, 4]


def test_scores_are_the_mean_of_the_class_maps(rng):
    network, stack = init_ensemble(Blueprint(ModelConfig("all_cnn_c", width=0.1), DIGITS, 10), [3])
    one, images = member(stack, 0), jnp.asarray(rng.normal(size=(5, *DIGITS)), jnp.float32)
    maps = images
    for index in range(9):
        maps = network.layer(one, index, maps)
    np.testing.assert_allclose(
        network.logits(one, images), np.asarray(maps).mean((1, 2)), rtol=1e-6
    )
    assert float(maps.min()) == 0.0  # the class maps pass a ReLU too


def test_without_the_last_relu_class_maps_go_below_zero(rng):
    network, stack = init_ensemble(
        Blueprint(ModelConfig("all_cnn_c", width=0.1, last_relu=False), DIGITS, 10), [3]
    )
    images = jnp.asarray(rng.normal(size=(5, *DIGITS)), jnp.float32)
    assert float(network.logits(member(stack, 0), images).min()) < 0


def test_an_instance_is_the_same_in_any_ensemble():
    _, three = init_ensemble(Blueprint(ModelConfig("all_cnn_c", width=0.25), DIGITS, 10), [4, 5, 6])
    _, alone = init_ensemble(Blueprint(ModelConfig("all_cnn_c", width=0.25), DIGITS, 10), [6])
    for many, one in zip(jax.tree.leaves(three), jax.tree.leaves(alone), strict=True):
        np.testing.assert_array_equal(many[2], one[0])


def test_no_two_layers_or_instances_start_equal():
    _, stack = init_ensemble(Blueprint(ModelConfig("all_cnn_c", width=0.25), CIFAR, 10), [0, 1, 2])
    kernels = [np.asarray(leaf) for leaf in jax.tree.leaves(stack) if leaf.ndim == 5]
    starts = [tuple(kernel[i].ravel()[:10]) for kernel in kernels for i in range(3)]
    assert len(kernels) == 9
    assert len(set(starts)) == 27


def test_he_initialisation_and_zero_biases():
    _, stack = init_ensemble(Blueprint(ModelConfig("all_cnn_c"), CIFAR, 10), [0])
    for leaf in jax.tree.leaves(stack):
        if leaf.ndim == 2:
            assert not leaf.any()
        elif leaf.size > 50_000:
            fan_in = leaf.shape[1] * leaf.shape[2] * leaf.shape[3]
            assert float(leaf.std()) == pytest.approx(np.sqrt(2 / fan_in), rel=0.02)


@pytest.mark.parametrize("vmap_batch_size", [1, 2, None])
def test_mapping_over_instances_does_not_change_the_numbers(vmap_batch_size, rng):
    network, stack = init_ensemble(
        Blueprint(ModelConfig("all_cnn_c", width=0.25), DIGITS, 10, convolution="plain_gradients"),
        [0, 1, 2],
    )
    images = jnp.asarray(rng.normal(size=(4, *DIGITS)), jnp.float32)
    together = jax.jit(map_instances(lambda one: network.logits(one, images), vmap_batch_size))(
        stack
    )
    for i in range(3):
        np.testing.assert_allclose(
            together[i], network.logits(member(stack, i), images), rtol=1e-4, atol=1e-5
        )


def test_dropout_zeroes_the_strided_layers_and_keeps_the_mean():
    network, stack = init_ensemble(Blueprint(ModelConfig("all_cnn_c", width=0.5), DIGITS, 10), [0])
    one = member(stack, 0)
    images = jnp.ones((64, *DIGITS))
    layer = lambda index, maps, dropout: network.merged(one).layer(index, maps, dropout)
    dropout = Dropout(0.25, jax.random.key(0))
    maps = layer(0, images, None)
    np.testing.assert_array_equal(layer(0, images, dropout), maps)
    maps = layer(1, maps, None)
    kept, plain = layer(2, maps, dropout), layer(2, maps, None)
    alive = np.asarray(plain) > 0
    dropped = (np.asarray(kept) == 0) & alive
    assert dropped.sum() / alive.sum() == pytest.approx(0.25, abs=0.01)
    np.testing.assert_allclose(
        np.asarray(kept)[alive & ~dropped], np.asarray(plain)[alive & ~dropped] / 0.75, rtol=1e-5
    )


def test_checkpoints_come_back_bit_for_bit(tmp_path):
    _, stack = init_ensemble(Blueprint(ModelConfig("all_cnn_c", width=0.1), DIGITS, 10), [0, 1])
    save_parameters(tmp_path / "a" / "final", stack)
    for old, new in zip(
        jax.tree.leaves(stack),
        jax.tree.leaves(load_parameters(tmp_path / "a" / "final", stack)),
        strict=True,
    ):
        np.testing.assert_array_equal(old, new)


def test_unknown_model_is_named_with_the_choices():
    with pytest.raises(InputError, match="model: unknown 'vgg'; choose from all_cnn_c, all_cnn_7"):
        layer_names("vgg")
