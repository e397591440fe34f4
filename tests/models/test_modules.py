"""The modules of the package: parameter counts of the literature, and forward passes by hand."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import softmax

from ensemble_rsa.config.settings import ModelConfig
from ensemble_rsa.errors import InputError
from ensemble_rsa.models.catalogue import Blueprint
from ensemble_rsa.models.ensemble import ensemble_shapes, init_ensemble, map_shapes, member

CIFAR = (32, 32, 3)
RESNET = "ensemble_rsa.models.resnet:ResNet"


def count(name, image_shape, n_categories):
    _, stacked = ensemble_shapes(Blueprint(ModelConfig(name), image_shape, n_categories), 1)
    return sum(math.prod(leaf.shape[1:]) for leaf in jax.tree.leaves(stacked["parameters"]))


def test_parameter_counts():
    n = 3  # He et al. 2016 print 0.27 million for ResNet-20; this is the sum over their layers
    stages = [16 * 9 * 16 * 2 * n, 32 * 9 * (16 + 32 * 5), 64 * 9 * (32 + 64 * 5)]
    norms = 2 * (16 + 2 * n * (16 + 32 + 64))
    assert count("resnet20", CIFAR, 10) == 3 * 9 * 16 + sum(stages) + norms + 650
    # torchvision documents 11,689,512 for ResNet-18 on ImageNet
    assert count("resnet18", (224, 224, 3), 1000) == 11_689_512


def test_maps_of_the_stages():
    maps = [each.shape[1:] for each in map_shapes(Blueprint(ModelConfig("resnet20"), CIFAR, 10), 1)]
    expected = [CIFAR, *[(32, 32, 16)] * 4, *[(16, 16, 32)] * 3, *[(8, 8, 64)] * 3, (10,)]
    assert maps == expected
    large = Blueprint(ModelConfig("resnet18", width=0.125), (64, 64, 3), 10)
    sides = [each.shape[1] for each in map_shapes(large, 1)[1:-1]]
    assert sides == [16, 16, 16, 8, 8, 4, 4, 2, 2]


def convolve(x, kernel, stride):
    """By loops, in float64, with zeros around."""
    pad = kernel.shape[0] // 2
    padded = np.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    rows = range(0, x.shape[1], stride)
    window = lambda i, j: padded[:, i : i + kernel.shape[0], j : j + kernel.shape[1]]
    flat = kernel.reshape(-1, kernel.shape[-1])
    return np.stack(
        [np.stack([window(i, j).reshape(len(x), -1) @ flat for j in rows], 1) for i in rows], 1
    )


def normalise(x, own):
    """Of the batch."""
    mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
    return (x - mean) / np.sqrt(variance + 1e-5) * own["scale"] + own["bias"]


def test_a_residual_network_by_hand(rng, quickly):
    config = ModelConfig(RESNET, model_arg=("depth=8", "width=0.25"))
    network, stacked = init_ensemble(Blueprint(config, (8, 8, 2), 3, "plain_gradients"), [1])
    own = member(stacked, 0)
    images = rng.normal(size=(4, 8, 8, 2))
    training = quickly(lambda own, images: network.training_logits(own, images, None)[0])
    logits = training(own, jnp.asarray(images, jnp.float32))
    own = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), own["parameters"])
    stem = own["stem"]
    x = np.maximum(normalise(convolve(images, stem["conv"]["kernel"], 1), stem["norm"]), 0)
    for place in range(3):
        block, stride = own["blocks"][place], 1 if place == 0 else 2
        y = np.maximum(normalise(convolve(x, block["conv1"]["kernel"], stride), block["norm1"]), 0)
        y = normalise(convolve(y, block["conv2"]["kernel"], 1), block["norm2"])
        new = y.shape[-1] - x.shape[-1]
        shortcut = np.pad(x[:, ::stride, ::stride], ((0, 0),) * 3 + ((new // 2, new - new // 2),))
        x = np.maximum(y + shortcut, 0)
    expected = x.mean((1, 2)) @ own["head"]["kernel"] + own["head"]["bias"]
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)


def test_group_normalisation_does_not_depend_on_the_batch(rng, quickly):
    config = ModelConfig(RESNET, model_arg=("depth=8", "width=0.5", "norm=group"))
    network, stacked = init_ensemble(Blueprint(config, (8, 8, 3), 4), [0])
    own = member(stacked, 0)
    images = jnp.asarray(rng.normal(size=(3, 8, 8, 3)), jnp.float32)
    together, tested, alone = quickly(
        lambda own, images: (
            network.training_logits(own, images, None)[0],
            network.logits(own, images),
            network.logits(own, images[:1]),
        )
    )(own, images)
    np.testing.assert_allclose(together, tested, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(together[:1], alone, rtol=1e-4, atol=1e-5)


def test_a_vision_transformer_by_hand(rng, quickly):
    config = ModelConfig("vit", width=0.0625, model_arg=("depth=1", "heads=2"))
    network, stacked = init_ensemble(Blueprint(config, (8, 8, 1), 3), [2])
    own = member(stacked, 0)
    images = rng.normal(size=(2, 8, 8, 1))
    activations = quickly(lambda own, images: dict(network.activations(own, images)))
    found = activations(own, jnp.asarray(images, jnp.float32))
    assert network.layers == ("embedding", "encoders.0", "head")
    own = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), own["parameters"])

    def layer_norm(x, norm):
        x = x - x.mean(-1, keepdims=True)
        return x / np.sqrt(x.var(-1, keepdims=True) + 1e-6) * norm["scale"] + norm["bias"]

    def linear(x, layer):
        return x @ layer["kernel"] + layer["bias"]

    patches = images.reshape(2, 2, 4, 2, 4, 1).transpose(0, 1, 3, 2, 4, 5).reshape(2, 4, 16)
    kernel = own["patch"]["kernel"].reshape(16, -1)
    x = patches @ kernel + own["patch"]["bias"] + own["places"]
    np.testing.assert_allclose(found["embedding"], x, rtol=1e-4, atol=1e-5)
    encoder = own["encoders"][0]
    attention, normed = encoder["attention"], layer_norm(x, encoder["norm1"])
    split = lambda part: np.einsum("itu,uhd->ihtd", normed, part["kernel"]) + part["bias"][:, None]
    query, key, value = (split(attention[name]) for name in ("query", "key", "value"))
    weights = softmax(query @ key.swapaxes(2, 3) / np.sqrt(query.shape[-1]), axis=-1)
    out = np.einsum("ihtd,hdu->itu", weights @ value, attention["out"]["kernel"])
    x = x + out + attention["out"]["bias"]
    wide = linear(layer_norm(x, encoder["norm2"]), encoder["wide"])
    gelu = wide / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (wide + 0.044715 * wide**3)))
    x = x + linear(gelu, encoder["narrow"])
    np.testing.assert_allclose(found["encoders.0"], x, rtol=1e-3, atol=1e-4)
    expected = linear(layer_norm(x, own["norm"]).mean(1), own["head"])
    np.testing.assert_allclose(found["head"], expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        (RESNET, ("depth=9",), "depth: expected 18, or 6n \\+ 2"),
        ("resnet20", ("depth=56",), "model_arg: depth is part of the name resnet20, got 56"),
        ("mlp", ("depth=-1",), "depth: expected a whole number of at least 0, got -1"),
        ("mlp", ("hidden=0",), "hidden: expected a whole number of at least 1, got 0"),
        ("vit", ("depth=0",), "depth: expected a whole number of at least 1, got 0"),
        ("vit", ("heads=0",), "heads: expected a whole number of at least 1, got 0"),
        ("vit", ("patch=0",), "patch: expected a whole number of at least 1, got 0"),
        ("resnet20", ("norm=layer",), "norm: unknown 'layer'; choose from batch, group"),
        ("vit", ("patch=3",), "patch: expected a divisor of the image's sides, 8 and 8 pixels"),
    ],
)
def test_wrong_arguments_are_named(name, arguments, message):
    with pytest.raises(InputError, match=message):
        ensemble_shapes(Blueprint(ModelConfig(name, model_arg=arguments), (8, 8, 1), 10), 1)
