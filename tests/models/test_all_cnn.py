"""All-CNNs: sizes as published, where dropout acts, padding and the last ReLU."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ensemble_rsa.config.settings import ModelConfig
from ensemble_rsa.models import catalogue
from ensemble_rsa.models.all_cnn import Architecture
from ensemble_rsa.models.catalogue import Blueprint, layer_names
from ensemble_rsa.models.convnet import Conv
from ensemble_rsa.models.dropout import Dropout
from ensemble_rsa.models.ensemble import ensemble_shapes, init_ensemble, map_shapes, member

CIFAR, DIGITS = (32, 32, 3), (8, 8, 1)
RATE, KEY = 0.4, jax.random.key(7)
LAST = 3  # of the layers of `small`
DROPPED = {"strided": {1}, "input_and_strided": {1}, "all": {0, 1, 2}}


@pytest.fixture(scope="module")
def small():
    """A model's name, with a plain, a strided and an unpadded layer before the class maps."""
    layers = (Conv(4), Conv(6, stride=2), Conv(8, padding="VALID"))
    entry = catalogue.all_cnn(Architecture(layers))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalogue, "MODELS", {**catalogue.MODELS, "alexnet": entry})
        yield "alexnet"


def maps_of(model: str, image_shape=CIFAR, n_categories=10, **options) -> list[tuple[int, ...]]:
    blueprint = Blueprint(ModelConfig(model, **options), image_shape, n_categories)
    return [maps.shape[1:] for maps in map_shapes(blueprint, 1)[1:]]


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
    shapes = ensemble_shapes(Blueprint(ModelConfig(model), CIFAR, 10), 1)[1]
    assert sum(leaf.size for leaf in jax.tree.leaves(shapes)) == parameters


def test_maps_of_all_cnn_c_are_the_papers():
    assert layer_names("all_cnn_c") == tuple(f"conv{i}" for i in range(1, 10))
    assert maps_of("all_cnn_c") == [
        (32, 32, 96), (32, 32, 96), (16, 16, 96), (16, 16, 192), (16, 16, 192),
        (8, 8, 192), (6, 6, 192), (6, 6, 192), (6, 6, 10),
    ]  # fmt: skip


def test_small_images_keep_their_last_maps(small):
    assert [shape[0] for shape in maps_of(small, DIGITS)] == [8, 4, 2, 2]
    assert [shape[0] for shape in maps_of(small, (4, 4, 1))] == [4, 2, 2, 2]  # 3 × 3 do not fit
    assert [shape[0] for shape in maps_of(small, DIGITS, valid_padding=False)] == [8, 4, 4, 4]


def test_surrogate_b_halves_its_maps_three_times():
    assert [shape[0] for shape in maps_of("all_cnn_7b", width=0.1)] == [16, 8, 8, 8, 4, 4, 4]


def masked(maps, index: int):
    """Maps times 0 or 1 / (1 − rate): the mask depends on the key and the layer's index."""
    mask = jax.random.bernoulli(jax.random.fold_in(KEY, index), 1 - RATE, maps.shape)
    return maps * mask / (1 - RATE)


def test_dropout_acts_where_it_is_configured(small, rng, quickly):
    blueprints = {
        place: Blueprint(ModelConfig(small, dropout_after=place), DIGITS, 3) for place in DROPPED
    }
    networks = {place: ensemble_shapes(one, 1)[0] for place, one in blueprints.items()}
    parameters = member(jax.device_get(init_ensemble(blueprints["all"], [0])[1]), 0)

    def layers(place: str, maps):
        """Each layer without and with dropout, and what the latter should be."""
        network, found = networks[place], []
        for index in range(LAST + 1):
            on_input = place == "input_and_strided" and index == 0
            given = masked(maps, LAST + 1) if on_input else maps
            plain = network.layer(parameters, index, given)
            expected = masked(plain, index) if index in DROPPED[place] else plain
            found.append(
                (plain, network.layer(parameters, index, maps, Dropout(RATE, KEY)), expected)
            )
            maps = jnp.maximum(plain, 0.1)
        return found

    maps = jnp.asarray(rng.random((2, 8, 8, 1)), jnp.float32)
    everything = quickly(lambda maps: [layers(place, maps) for place in DROPPED])(maps)
    for plain, found, expected in sum(everything, []):
        np.testing.assert_allclose(found, expected, rtol=1e-5)
        assert (np.asarray(plain) > 0).sum() > 5  # otherwise a mask would have no effect


def test_logits_are_means_of_class_maps_with_a_relu_unless_it_is_left_out(small, rng, quickly):
    blueprints = [
        Blueprint(ModelConfig(small, last_relu=relu), DIGITS, 5) for relu in (True, False)
    ]
    parameters = member(jax.device_get(init_ensemble(blueprints[0], [3])[1]), 0)
    networks = [ensemble_shapes(one, 1)[0] for one in blueprints]

    def maps_and_logits(network, images):
        maps = images
        for index in range(LAST + 1):
            maps = network.layer(parameters, index, maps)
        return maps, network.logits(parameters, images)

    images = jnp.asarray(rng.normal(size=(5, *DIGITS)), jnp.float32)
    both = quickly(lambda images: [maps_and_logits(one, images) for one in networks])(images)
    for maps, logits in both:
        np.testing.assert_allclose(logits, np.asarray(maps).mean((1, 2)), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(both[0][0], np.maximum(both[1][0], 0), rtol=1e-6)
    assert float(both[1][1].min()) < 0
