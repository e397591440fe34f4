"""What the paper leaves open of All-CNN-C: where dropout acts, and the padding near the end."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ensemble_rsa.config.settings import ModelConfig
from ensemble_rsa.models import catalogue
from ensemble_rsa.models.all_cnn import Architecture, Conv
from ensemble_rsa.models.dropout import Dropout
from ensemble_rsa.models.ensemble import Blueprint, init_ensemble, map_shapes, member

RATE, KEY = 0.4, jax.random.key(7)
LAST = 3
STRIDED = 1  # of the layers of `small`


@pytest.fixture
def small(monkeypatch):
    """A model's name, with a plain, a strided and an unpadded layer before the class maps."""
    layers = (Conv(4), Conv(6, stride=2), Conv(8, padding="VALID"))
    entry = catalogue.all_cnn(Architecture(layers))
    monkeypatch.setattr(catalogue, "MODELS", {**catalogue.MODELS, "all_cnn_7b": entry})
    return "all_cnn_7b"


def masked(maps, place: int) -> np.ndarray:
    """Maps times 0 or 1 / (1 − rate): the key of the pass and the layer's number make the mask."""
    mask = jax.random.bernoulli(jax.random.fold_in(KEY, place), 1 - RATE, maps.shape)
    return np.asarray(maps) * np.asarray(mask) / (1 - RATE)


@pytest.mark.parametrize(
    ("dropout_after", "input_too", "dropped"),
    [("strided", False, {1}), ("input_and_strided", True, {1}), ("all", False, {0, 1, 2})],
)
def test_dropout_acts_where_it_is_said_to(dropout_after, input_too, dropped, small, rng):
    blueprint = Blueprint(ModelConfig(small, dropout_after=dropout_after), (8, 8, 1), 3)
    network, stack = init_ensemble(blueprint, [0])
    maps = jnp.asarray(rng.random((2, 8, 8, 1)), jnp.float32)
    for index in range(LAST + 1):
        given = masked(maps, LAST + 1) if input_too and index == 0 else maps
        plain = network.layer(member(stack, 0), index, jnp.asarray(given, jnp.float32))
        expected = masked(plain, index) if index in dropped else plain
        found = network.layer(member(stack, 0), index, maps, Dropout(RATE, KEY))
        np.testing.assert_allclose(found, expected, rtol=1e-5)
        assert (np.asarray(plain) > 0).sum() > 5  # else a mask would not show
        maps = jnp.maximum(plain, 0.1)


def sides(blueprint: Blueprint) -> list[int]:
    return [maps.shape[1] for maps in map_shapes(blueprint, 1)[1:]]


def test_without_valid_padding_the_last_maps_keep_their_size(small):
    assert sides(Blueprint(ModelConfig(small), (8, 8, 1), 3)) == [8, 4, 2, 2]
    assert sides(Blueprint(ModelConfig(small, valid_padding=False), (8, 8, 1), 3)) == [8, 4, 4, 4]


def test_all_cnn_c_has_maps_of_six_by_six_or_of_eight_by_eight():
    narrow = {"width": 0.05}
    assert sides(Blueprint(ModelConfig("all_cnn_c", **narrow), (32, 32, 3), 10))[5:] == [8, 6, 6, 6]
    same = Blueprint(ModelConfig("all_cnn_c", valid_padding=False, **narrow), (32, 32, 3), 10)
    assert sides(same)[5:] == [8, 8, 8, 8]
