"""Instances depend only on their own seeds, and mapping over them does not change the numbers."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ensemble_rsa.config.settings import ModelConfig
from ensemble_rsa.errors import InputError
from ensemble_rsa.models.catalogue import Blueprint, layer_names
from ensemble_rsa.models.checkpoints import load_parameters, save_parameters
from ensemble_rsa.models.ensemble import init_ensemble, map_instances, member


@pytest.fixture(scope="module")
def blueprint(tiny_model):
    return Blueprint(ModelConfig(tiny_model), (8, 8, 3), 10, "plain_gradients")


@pytest.fixture(scope="module")
def three(blueprint):
    """A network and the initial parameters of three instances."""
    network, parameters = init_ensemble(blueprint, [4, 5, 6])
    return network, jax.device_get(parameters)


def test_an_instance_is_the_same_in_any_ensemble(blueprint, three):
    alone = jax.device_get(init_ensemble(blueprint, [6])[1])
    chex.assert_trees_all_equal(member(three[1], 2), member(alone, 0))


def test_no_two_layers_or_instances_start_equal(three):
    kernels = [leaf for leaf in jax.tree.leaves(three[1]) if leaf.ndim == 5]
    starts = [tuple(kernel[i].ravel()[:10]) for kernel in kernels for i in range(3)]
    assert len(set(starts)) == len(starts) == 9


def test_he_initialisation_and_zero_biases(three):
    for leaf in jax.tree.leaves(three[1]):
        if leaf.ndim == 2:
            assert not leaf.any()
        else:
            fan_in = leaf.shape[1] * leaf.shape[2] * leaf.shape[3]
            # the standard deviation of n weights has a standard error of 1 / √(2n)
            tolerance = 4 / np.sqrt(2 * leaf.size)
            assert float(leaf.std()) == pytest.approx(np.sqrt(2 / fan_in), rel=tolerance)


def test_mapping_over_instances_does_not_change_the_numbers(three, rng, quickly):
    network, stack = three
    images = jnp.asarray(rng.normal(size=(4, 8, 8, 3)), jnp.float32)
    logits = lambda one: network.logits(one, images)

    def all_ways(stack):
        mapped = [map_instances(logits, size)(stack) for size in (1, 2, None)]
        return jnp.stack([logits(member(stack, i)) for i in range(3)]), mapped

    alone, mapped = quickly(all_ways)(stack)
    for found in mapped:
        np.testing.assert_allclose(found, alone, rtol=1e-4, atol=1e-5)


def test_checkpoints_come_back_bit_for_bit(three, tmp_path):
    save_parameters(tmp_path / "a" / "final", three[1])
    chex.assert_trees_all_equal(load_parameters(tmp_path / "a" / "final", three[1]), three[1])


def test_unknown_model_is_named_with_the_choices():
    with pytest.raises(InputError, match="model: unknown 'vgg'; choose from all_cnn_c, all_cnn_7"):
        layer_names("vgg")
