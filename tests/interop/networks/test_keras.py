"""Keras models through sub-models, and `.keras` files; JAX is the backend where none is set."""

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import jax
import numpy as np
import pytest
from scipy.spatial.distance import pdist

import ensemble_rsa as ersa
from ensemble_rsa.errors import InputError
from ensemble_rsa.interop.networks.source import list_layers

keras = pytest.importorskip("keras")


@pytest.fixture(autouse=True)
def promoted_ranks():
    """Keras adds a bias to maps without naming the axes, which our other tests do not allow."""
    with jax.numpy_rank_promotion("allow"):
        yield


IMAGES = np.random.default_rng(0).normal(size=(6, 8, 8, 3)).astype(np.float32)


def network(seed):
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, padding="same", name="conv")(inputs)
    x = layers.ReLU(name="relu")(x)
    branch = layers.Conv2D(4, 3, padding="same", name="branch")(x)
    x = layers.Add(name="add")([x, branch])
    x = layers.Dropout(0.5)(x)
    x = layers.Flatten()(x)
    return keras.Model(inputs, layers.Dense(5, name="dense")(x), name="small")


def test_outputs_of_bottlenecks_and_of_named_layers():
    networks = [network(0), network(1)]
    listed = {layer.name: layer for layer in list_layers(networks, IMAGES)}
    assert [name for name, layer in listed.items() if layer.auto] == ["relu", "add", "dense"]
    assert listed["branch"].shape == (8, 8, 4)
    source = ersa.from_networks(networks, IMAGES, ["conv", "add", "dense"], batch_size=4)
    rdms = ersa.extract(source)
    for position, model in enumerate(networks):
        expected = pdist(np.asarray(model(IMAGES, training=False), float), "correlation")
        got = rdms.exemplar.sel(layer="dense").values[position]
        assert np.abs(got - expected).max() <= 1e-5 * expected.max()


def test_files_hold_whole_networks(tmp_path):
    for seed in range(2):
        network(seed).save(tmp_path / f"seed{seed}.keras")
    source = ersa.from_networks(str(tmp_path / "seed{instance}.keras"), IMAGES)
    assert source.instances == (0, 1)
    live = ersa.extract(ersa.from_networks([network(0), network(1)], IMAGES))
    np.testing.assert_array_equal(ersa.extract(source).exemplar, live.exemplar)
    (tmp_path / "seed2.keras").write_bytes(b"no model")
    with pytest.raises(InputError, match=r"seed2.keras cannot be opened as a Keras model"):
        ersa.extract(ersa.from_networks(str(tmp_path / "seed{instance}.keras"), IMAGES))


def test_models_without_a_graph_are_refused():
    class Subclassed(keras.Model):
        def call(self, images):
            return images

    with pytest.raises(InputError, match="a Keras model without a graph"):
        ersa.from_networks([Subclassed()], IMAGES)


def test_weights_are_put_into_what_build_returns_and_must_all_match(tmp_path):
    for seed in range(2):
        network(seed).save_weights(tmp_path / f"seed{seed}.weights.h5")
    pattern = str(tmp_path / "seed{instance}.weights.h5")
    source = ersa.from_networks(pattern, IMAGES, build=lambda: network(7))
    live = ersa.extract(ersa.from_networks([network(0), network(1)], IMAGES))
    np.testing.assert_array_equal(ersa.extract(source).exemplar, live.exemplar)
    np.testing.assert_array_equal(source.weights(1)["dense/bias"], network(1).variables[-1])

    def with_one_more():
        model = network(0)
        outputs = keras.layers.LayerNormalization()(model.output)
        return keras.Model(model.inputs, outputs, name="more")

    with pytest.raises(InputError, match="seed0.weights.h5 does not match .*expected 2 variables"):
        ersa.from_networks(pattern, IMAGES, build=with_one_more)
    with_one_more().save_weights(tmp_path / "seed1.weights.h5")  # which Keras would pass over
    source = ersa.from_networks(pattern, IMAGES, build=lambda: network(7))
    with pytest.raises(InputError, match=r"seed1.* do not match small: 2 unexpected \(layer_norm"):
        ersa.extract(source)
    with_one_more().save(tmp_path / "one.keras")
    with pytest.raises(InputError, match="one.keras do not match small: 2 unexpected"):
        ersa.from_networks([str(tmp_path / "one.keras")] * 1, IMAGES, build=lambda: network(7))
