"""Modules of a user: their layers, their variables, and sentences for what breaks the contract."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from ensemble_rsa.config.settings import Config, ModelConfig, TrainingConfig
from ensemble_rsa.errors import InputError
from ensemble_rsa.models.catalogue import Blueprint
from ensemble_rsa.models.dropout import Dropout
from ensemble_rsa.models.ensemble import ensemble_shapes, init_ensemble, map_shapes, member

FILE = Path(__file__).parent / "own_nets.py"
SHAPE = (6, 6, 1)


def blueprint(name, *arguments, convolution="xla"):
    config = ModelConfig(f"{FILE}:{name}", model_arg=arguments)
    return Blueprint(config, SHAPE, 10, convolution)


@pytest.fixture(scope="module")
def pair():
    return init_ensemble(blueprint("Net"), [3, 4])


@pytest.fixture
def images(rng):
    return jnp.asarray(rng.normal(size=(5, *SHAPE)).astype(np.float32))


def test_layers_are_those_that_the_module_names_in_order(pair, images):
    network, stacked = pair
    found = dict(network.activations(member(stacked, 0), images))
    assert tuple(found) == network.layers == ("stem", "blocks.1", "pooled")
    shapes = [(5, 3, 3, 4), (5, 3, 3, 4), (5, 4)]
    assert [each.shape for each in found.values()] == shapes
    expected = [(1, *SHAPE), *((1, *shape[1:]) for shape in shapes)]
    assert [each.shape for each in map_shapes(blueprint("Net"), 1)] == expected


def test_activations_are_those_of_the_module_called_by_hand(pair, images):
    network, stacked = pair
    own = member(stacked, 1)
    module = network.merged(own)
    module.eval()
    maps = [module.stem(images)]
    for block in module.blocks:
        maps.append(nnx.relu(block.norm(block.conv(maps[-1]))))
    pooled = maps[-1].mean((1, 2))
    found = dict(network.activations(own, images))
    for name, expected in {"stem": maps[0], "blocks.1": maps[2], "pooled": pooled}.items():
        np.testing.assert_allclose(found[name], expected, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(network.logits(own, images), module.head(pooled), rtol=1e-6)


def test_automatic_layers_are_the_direct_submodules_and_what_is_sown():
    network, _ = ensemble_shapes(blueprint("Automatic"), 1)
    assert network.layers == ("stem", "blocks.0", "blocks.1", "pooled", "head")
    network, _ = ensemble_shapes(blueprint("Twice"), 1)
    assert network.layers == ("shared", "shared (2)", "head")


def test_statistics_in_training_are_those_of_the_batch(pair, images):
    network, stacked = pair
    own = member(stacked, 0)
    _, before = network.separated(own)
    _, after = network.training_logits(own, images, Dropout(0.0, jax.random.key(0)))
    module = network.merged(own)
    maps = np.asarray(module.blocks[0].conv(module.stem(images)), np.float64).reshape(-1, 4)
    norm = after["blocks"][0]["norm"]
    np.testing.assert_allclose(norm["mean"], 0.25 * maps.mean(0), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(norm["var"], 0.75 + 0.25 * maps.var(0), rtol=1e-5)
    assert jax.tree.structure(before) == jax.tree.structure(after)


def test_random_layers_draw_from_the_key_of_the_step(pair, images):
    network, stacked = pair
    assert network.is_random
    own = member(stacked, 0)
    logits = lambda seed: network.training_logits(own, images, Dropout(0, jax.random.key(seed)))[0]
    np.testing.assert_array_equal(logits(1), logits(1))
    assert np.abs(logits(1) - logits(2)).max() > 1e-3
    network, _ = ensemble_shapes(blueprint("Twice"), 1)
    assert not network.is_random


def test_initial_variables_depend_on_the_seed_alone(pair):
    _, alone = init_ensemble(blueprint("Net"), [4])
    for one, other in zip(
        jax.tree.leaves(member(pair[1], 1)), jax.tree.leaves(member(alone, 0)), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    kernels = pair[1]["parameters"]["stem"]["kernel"]
    assert np.abs(kernels[0] - kernels[1]).max() > 0.1


@pytest.mark.parametrize("way", ["plain_gradients", "winograd", "patches"])
def test_every_way_of_convolving_serves_the_modules_of_users(way, pair, images):
    network, stacked = pair
    other, _ = ensemble_shapes(blueprint("Net", convolution=way), 1)
    own = member(stacked, 0)
    np.testing.assert_allclose(
        network.logits(own, images), other.logits(own, images), rtol=1e-5, atol=1e-6
    )


def test_arguments_reach_the_constructor():
    _, stacked = ensemble_shapes(blueprint("Net", "width=6"), 2)
    assert stacked["parameters"]["stem"]["kernel"].shape == (2, 3, 3, 1, 6)


def test_a_class_is_named_by_its_module():
    from ensemble_rsa.models.resnet import ResNet

    config = ModelConfig.of(ResNet, depth=8, norm="group")
    assert config == ModelConfig(
        "ensemble_rsa.models.resnet:ResNet", model_arg=("depth=8", "norm='group'")
    )
    network, _ = ensemble_shapes(Blueprint(config, (8, 8, 3), 4), 1)
    assert network.layers == ("stem", "blocks.0", "blocks.1", "blocks.2", "head")


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("Nothing", (), r"model: .*own_nets.py has no class or function 'Nothing', but .*Net"),
        ("NoLogits", (), r"return logits \(image, category\) = \(2, 10\).*got \(2,\)"),
        ("Absent", (), r"names the layer 'third', .*expected one of head, shared, shared \(2\)"),
        ("Counts", (), r"changes an attribute while it is called; make it an nnx.Variable"),
        ("Branches", (), r"cannot be called for images of shape \(6, 6, 1\).*boolean"),
        ("Stray", (), r"cannot be built .*missing 1 required keyword-only argument: 'size'"),
        ("Net", ("depth=3",), r"cannot be built .*unexpected keyword argument 'depth'"),
        ("Net", ("depth",), r"model_arg: expected arguments such as depth=18, got 'depth'"),
        ("Net", ("width=2", "width=3"), r"model_arg: width is given twice"),
        ("no_module", (), r"to make an nnx.Module, got str"),
    ],
)
def test_what_breaks_the_contract_is_refused(name, arguments, message):
    with pytest.raises(InputError, match=message):
        ensemble_shapes(blueprint(name, *arguments), 1)


def test_settings_of_other_networks_are_refused():
    with pytest.raises(InputError, match="width: .*Net has no width, got 0.5"):
        ModelConfig(f"{FILE}:Net", width=0.5)
    with pytest.raises(InputError, match="model_arg: all_cnn_c takes no arguments"):
        ModelConfig("all_cnn_c", model_arg=("depth=3",))
    with pytest.raises(InputError, match="model: unknown 'resnet21'.*resnet20"):
        ModelConfig("resnet21")
    with pytest.raises(InputError, match="last_relu: is about All-CNN and has no effect on mlp"):
        ModelConfig("mlp", last_relu=False)
    with pytest.raises(InputError, match="dropout: expected 0 for vit, a module .*got 0.5"):
        Config(model=ModelConfig("vit"), training=TrainingConfig(dropout=0.5))
    with pytest.raises(InputError, match="precision: bfloat16 is for networks of convolutions"):
        Blueprint(ModelConfig("mlp"), (8, 8, 1), 10, precision="bfloat16")
    with pytest.raises(InputError, match="model: .*no_such_file.py: no such file"):
        Blueprint(ModelConfig("no_such_file.py:Net"), (8, 8, 1), 10)
